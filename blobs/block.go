package blobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/verifcid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// matches tells whether data is what a multihash names.
func matches(hash multihash.Multihash, data []byte) bool {
	if len(hash) == 2+sha256.Size && hash[0] == multihash.SHA2_256 && hash[1] == sha256.Size {
		sum := sha256.Sum256(data) // several times as fast as the general way
		return bytes.Equal(hash[2:], sum[:])
	}
	d, err := multihash.Decode(hash)
	if err != nil {
		return false
	}
	sum, err := multihash.Sum(data, d.Code, d.Length)
	return err == nil && bytes.Equal(sum, hash)
}

// allowed refuses CIDs whose hash is broken, too short or too long.
func allowed(id cid.Cid) error {
	if !id.Defined() {
		return fmt.Errorf("%w: empty CID", ErrMalformed)
	}
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, id); err != nil {
		return &BlockError{id, fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	return nil
}

// inline is the block of a CID that needs no storing: one that contains its
// block, or the empty block, which bitswap does not carry.
func inline(id cid.Cid) (data []byte, ok bool) {
	d, err := multihash.Decode(id.Hash())
	switch {
	case err != nil:
		return nil, false
	case d.Code == multihash.IDENTITY:
		return d.Digest, true
	}
	return []byte{}, d.Code == multihash.SHA2_256 && d.Length == sha256.Size && [sha256.Size]byte(d.Digest) == sha256.Sum256(nil)
}

// read returns a block that is here, verified, or a BlockError with ErrMissing
// or ErrDamaged.
func (s *Store) read(id cid.Cid) ([]byte, error) {
	if err := allowed(id); err != nil {
		return nil, err
	}
	if data, ok := inline(id); ok {
		return data, nil
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.readStored(id)
}

func (s *Store) readStored(id cid.Cid) ([]byte, error) {
	var failed error
	for before := (entry{}); ; {
		e, ok, err := s.index.block(id.Hash())
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, &BlockError{id, ErrMissing}
		case e.damaged:
			return nil, &BlockError{id, ErrDamaged}
		case e == before: // it was no collection that moved it meanwhile
			return nil, errors.Join(&BlockError{id, damage(failed)}, s.markDamaged(id.Hash(), e))
		}
		before = e
		data, err := s.log.Read(e.Location, id.Hash())
		if err == nil && matches(id.Hash(), data) {
			return data, nil
		}
		failed = err
	}
}

// damage is ErrDamaged with what the disk said.
func damage(err error) error {
	if err == nil {
		return ErrDamaged
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// markDamaged has the index remember that a block's bytes are wrong, so that
// the next one who brings the right ones gets them written.
func (s *Store) markDamaged(hash multihash.Multihash, was entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok, err := s.index.block(hash)
	if err != nil || !ok || e != was {
		return err
	}
	return s.setDamaged(hash, e)
}

// setDamaged is markDamaged for a caller that holds mu.
func (s *Store) setDamaged(hash multihash.Multihash, e entry) error {
	if err := s.roomToNote(); err != nil {
		return err
	}
	batch := s.index.db.NewBatch()
	defer batch.Close()
	if err := batch.Set(blockKey(hash), entry{damaged: true}.encode(), nil); err != nil {
		return indexError(err)
	}
	if state := s.states[e.Segment]; state != nil {
		state.drop(hash, e.Size)
	}
	s.writes++
	return s.commit(batch, pebble.NoSync, e.Segment)
}

// size is the length in bytes of a block that is here; ok is false if it is
// not, or is known to be damaged.
func (s *Store) size(id cid.Cid) (n int64, ok bool, err error) {
	if err := allowed(id); err != nil {
		return 0, false, err
	}
	if data, ok := inline(id); ok {
		return int64(len(data)), true, nil
	}
	if err := s.enter(); err != nil {
		return 0, false, err
	}
	defer s.leave()
	e, ok, err := s.index.block(id.Hash())
	return int64(e.Size), ok && !e.damaged, err
}

// Blockstore is the store as boxo's libraries see it: local blocks only,
// verified on read, damaged ones as if they were missing. What is put through
// it may be collected as long as nothing pins it.
func (s *Store) Blockstore() blockstore.Blockstore { return blockView{s, nil} }

// blockView is a Blockstore whose puts a hold keeps, if there is one.
type blockView struct {
	store *Store
	hold  *hold
}

func (v blockView) Get(_ context.Context, id cid.Cid) (blocks.Block, error) {
	data, err := v.store.read(id)
	if errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged) {
		return nil, ipld.ErrNotFound{Cid: id}
	} else if err != nil {
		return nil, err
	}
	if v.hold != nil {
		v.store.touch(v.hold, id)
	}
	return blocks.NewBlockWithCid(data, id)
}

func (v blockView) Has(_ context.Context, id cid.Cid) (bool, error) {
	_, ok, err := v.store.size(id)
	return ok, err
}

func (v blockView) GetSize(_ context.Context, id cid.Cid) (int, error) {
	n, ok, err := v.store.size(id)
	if err != nil || !ok {
		return -1, errors.Join(err, ipld.ErrNotFound{Cid: id})
	}
	return int(n), nil
}

func (v blockView) Put(ctx context.Context, b blocks.Block) error {
	return v.PutMany(ctx, []blocks.Block{b})
}

func (v blockView) PutMany(ctx context.Context, bs []blocks.Block) error {
	for _, b := range bs {
		if err := allowed(b.Cid()); err != nil {
			return err
		}
		if !matches(b.Cid().Hash(), b.RawData()) {
			return &BlockError{b.Cid(), ErrDamaged}
		}
	}
	if v.hold != nil {
		return v.store.put(ctx, v.hold, bs)
	}
	h := v.store.hold()
	defer v.store.unhold(h)
	return v.store.put(ctx, h, bs)
}

// DeleteBlock removes a block whatever pins it.
func (v blockView) DeleteBlock(_ context.Context, id cid.Cid) error {
	s := v.store
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.index.db.NewBatch()
	defer batch.Close()
	e, ok, err := s.index.block(id.Hash())
	if err != nil || !ok {
		return err
	}
	if err := s.roomToNote(); err != nil {
		return err
	}
	if err := s.forget(batch, id.Hash(), e); err != nil {
		return err
	}
	return s.commit(batch, pebble.NoSync, e.Segment)
}

// forget takes a block out of the index; its record becomes garbage. The caller
// holds mu and commits.
func (s *Store) forget(batch *pebble.Batch, hash multihash.Multihash, e entry) error {
	if state := s.states[e.Segment]; state != nil && !e.damaged {
		state.drop(hash, e.Size)
	}
	return indexError(batch.Delete(blockKey(hash), nil))
}

// AllKeysChan yields the blocks that are here as raw CIDs until ctx ends.
func (v blockView) AllKeysChan(ctx context.Context) (<-chan cid.Cid, error) {
	s := v.store
	if err := s.enter(); err != nil {
		return nil, err
	}
	keys := make(chan cid.Cid)
	go func() {
		defer s.leave()
		defer close(keys)
		// The interface has no way to report an error here: the channel ends.
		_ = s.index.blocks(func(hash multihash.Multihash, e entry) error {
			if e.damaged {
				return nil
			}
			select {
			case keys <- cid.NewCidV1(cid.Raw, bytes.Clone(hash)):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return keys, nil
}

// recordSize is how many bytes of a segment a block takes.
func recordSize(hash multihash.Multihash, e entry) int64 {
	return segment.Overhead(hash) + int64(e.Size)
}
