package blobs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// hold keeps what one operation writes, meets or reads from being collected
// while the operation lasts. Blocks are remembered by 8 bytes of a keyed hash:
// a clash keeps a block too many.
type hold struct {
	roots   []cid.Cid // whole DAGs
	touched map[uint64]struct{}
}

// hold starts a hold on some DAGs, as far as they are here.
func (s *Store) hold(roots ...cid.Cid) *hold {
	h := &hold{roots: roots, touched: map[uint64]struct{}{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[h] = struct{}{}
	return h
}

func (s *Store) unhold(h *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holds, h)
	if s.released != nil {
		maps.Copy(s.released, h.touched)
	}
}

func (s *Store) short(hash multihash.Multihash) uint64 { return maphash.Bytes(s.seed, hash) }

// touch has h keep a block that was found here.
func (s *Store) touch(h *hold, id cid.Cid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.touched[s.short(id.Hash())] = struct{}{}
}

// put writes blocks that are not here yet, collecting garbage if there is no
// room, and has h keep them all. The bytes must match the CIDs.
func (s *Store) put(ctx context.Context, h *hold, new []blocks.Block) error {
	for _, b := range new {
		if len(b.RawData()) > MaxBlock {
			return &BlockError{b.Cid(), fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b.RawData()))}
		}
	}
	err := s.write(h, new)
	if !errors.Is(err, ErrQuota) && !errors.Is(err, ErrDiskFull) {
		return err
	}
	if _, gcErr := s.Collect(ctx); gcErr != nil {
		return errors.Join(err, gcErr)
	}
	return s.write(h, new)
}

// write appends blocks and has the index point to them, all or nothing.
func (s *Store) write(h *hold, new []blocks.Block) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	records, err := s.lacking(h, new)
	if err != nil || len(records) == 0 {
		return err
	}
	if err := s.room(records); err != nil {
		return err
	}
	return s.append(records)
}

// lacking is which of the blocks have to be written.
func (s *Store) lacking(h *hold, new []blocks.Block) ([]segment.Record, error) {
	var records []segment.Record
	seen := map[string]struct{}{}
	for _, b := range new {
		hash := b.Cid().Hash()
		h.touched[s.short(hash)] = struct{}{}
		_, twice := seen[string(hash)]
		if _, none := inline(b.Cid()); twice || none {
			continue
		}
		seen[string(hash)] = struct{}{}
		e, ok, err := s.index.block(hash)
		if err != nil {
			return nil, err
		}
		if !ok || e.damaged {
			records = append(records, segment.Record{Key: hash, Data: b.RawData()})
		}
	}
	return records, nil
}

// room refuses what would exceed the quota or fill the disk.
func (s *Store) room(records []segment.Record) error {
	var need int64
	for _, r := range records {
		need += segment.Overhead(r.Key) + int64(len(r.Data))
	}
	if s.cfg.Quota > 0 && s.disk+need > s.cfg.Quota {
		return &QuotaError{Quota: s.cfg.Quota, Used: s.disk, Need: need}
	}
	_, free, err := diskSpace(s.cfg.Dir)
	if err == nil && free-need < s.minFree {
		return &DiskError{Free: free, MinFree: s.minFree}
	}
	s.ballast.takeIn(free - need - s.minFree)
	return err
}

// append writes records behind one another and has the index point to them,
// and no more to where they were, if they are being moved. Should the index
// fail, they are garbage in the segment. The caller holds mu.
func (s *Store) append(records []segment.Record, from ...entry) error {
	if err := s.roomToNote(); err != nil {
		return err
	}
	locations, err := s.log.Append(records)
	if err != nil {
		return diskError(err)
	}
	batch := s.index.db.NewBatch()
	defer batch.Close()
	id := s.log.Active()
	if s.states[id] == nil {
		s.states[id] = &segmentState{}
	}
	changed := []uint32{id}
	for i, at := range locations {
		hash := records[i].Key
		s.disk += segment.Overhead(hash) + int64(at.Size)
		s.states[id].add(hash, at.Size)
		if from != nil {
			s.states[from[i].Segment].drop(hash, from[i].Size)
			changed = append(changed, from[i].Segment)
		}
		if err := batch.Set(blockKey(hash), entry{Location: at}.encode(), nil); err != nil {
			return indexError(err)
		}
	}
	s.writes++
	if err := s.commit(batch, pebble.NoSync, changed...); err != nil {
		return err
	}
	if s.log.Full() {
		return s.seal()
	}
	return nil
}

// seal ends the active segment and notes that all of it is on the disk. The
// caller holds mu.
func (s *Store) seal() error {
	id := s.log.Active()
	if id == 0 {
		return nil
	}
	if err := s.log.Seal(); err != nil {
		return diskError(err)
	}
	s.states[id].synced = s.log.Size(id)
	batch := s.index.db.NewBatch()
	defer batch.Close()
	return s.commit(batch, pebble.NoSync, id)
}

// sync brings everything written before the call to the disk: the blocks, then
// the index. Calls that come while one is under way share the next.
func (s *Store) sync() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	want := s.writes
	s.mu.Unlock()
	s.syncing.Lock()
	defer s.syncing.Unlock()
	if s.synced >= want {
		return nil
	}
	return s.syncNow()
}

func (s *Store) syncNow() error {
	s.mu.Lock()
	writes, id := s.writes, s.log.Active()
	size := s.log.Size(id)
	s.mu.Unlock()
	if err := s.log.Sync(id); err != nil {
		return diskError(err)
	}
	if err := s.noteSynced(id, size); err != nil {
		return err
	}
	if err := s.index.db.LogData(nil, pebble.Sync); err != nil {
		return indexError(err)
	}
	s.synced = writes
	return nil
}

// noteSynced spares the next Open the reading of what is on the disk.
func (s *Store) noteSynced(id uint32, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.states[id]
	if state == nil || state.synced >= size {
		return nil
	}
	state.synced = size
	batch := s.index.db.NewBatch()
	defer batch.Close()
	return s.commit(batch, pebble.NoSync, id)
}

func indexError(err error) error {
	if err == nil {
		return nil
	}
	return diskError(fmt.Errorf("write blob index: %w", err))
}

// diskError makes a DiskError of what the system says when a disk, or a user's
// share of it, is full.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &DiskError{Err: err}
	}
	return err
}
