package blobs

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// Collected is what a collection did.
type Collected struct {
	Blocks int64 // removed
	Bytes  int64 // freed on disk
}

// Collect removes every block that no pin, import, fetch or open file reaches,
// and rewrites the block files of which an eighth or more is garbage. A pinned
// DAG with a damaged block is an error before anything is removed: what lies
// under that block could not be told from garbage.
func (s *Store) Collect(ctx context.Context) (Collected, error) {
	s.collecting.Lock()
	defer s.collecting.Unlock()
	before := s.Usage()
	s.keepReleased(map[uint64]struct{}{})
	defer s.keepReleased(nil)
	if err := s.markAndSweep(ctx); err != nil {
		return Collected{}, err
	}
	err := s.compact(ctx)
	after := s.Usage()
	return Collected{Blocks: before.Blocks - after.Blocks, Bytes: before.Disk - after.Disk}, err
}

// keepReleased has what holds touched stay touched when they end: their blocks
// may have come under a root that was marked already.
func (s *Store) keepReleased(in map[uint64]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = in
}

// markAndSweep marks beside everything else, and sweeps with writes locked out,
// once no pin or hold is unmarked.
func (s *Store) markAndSweep(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	live := map[uint64]struct{}{}
	for {
		s.mu.Lock()
		roots, err := s.unmarked(live)
		if err != nil || len(roots) == 0 {
			defer s.mu.Unlock()
			if err != nil {
				return err
			}
			return s.sweep(live)
		}
		s.mu.Unlock()
		if err := s.mark(ctx, live, roots); err != nil {
			return err
		}
	}
}

// mark adds to live what the roots reach.
func (s *Store) mark(ctx context.Context, live map[uint64]struct{}, roots []cid.Cid) error {
	for _, root := range roots {
		err := s.walk(ctx, root, live, func(cid.Cid, int64, bool) error { return nil })
		if err != nil && !errors.Is(err, ErrMalformed) {
			return err
		}
	}
	return nil
}

// unmarked is the roots of pins and holds that are not in live. The caller
// holds mu.
func (s *Store) unmarked(live map[uint64]struct{}) ([]cid.Cid, error) {
	var roots []cid.Cid
	add := func(id cid.Cid) {
		if _, ok := live[s.short(id.Hash())]; !ok {
			roots = append(roots, id)
		}
	}
	err := s.index.pins([]byte{keyPin}, func(p Pin) error {
		add(p.CID)
		return nil
	})
	for h := range s.holds {
		for _, id := range h.roots {
			add(id)
		}
	}
	return roots, err
}

// sweep takes out of the index what is neither live nor held. The caller holds mu.
func (s *Store) sweep(live map[uint64]struct{}) error {
	batch := s.index.db.NewBatch()
	defer batch.Close()
	changed := map[uint32]bool{}
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		key := s.short(hash)
		if _, ok := live[key]; ok || s.held(key) {
			return nil
		}
		changed[e.Segment] = true
		return s.forget(batch, hash, e)
	})
	if err != nil {
		return err
	}
	s.writes++
	return s.commit(batch, pebble.NoSync, slices.Collect(maps.Keys(changed))...)
}

// held tells whether a hold touched a block, or one that ended during this
// collection. The caller holds mu.
func (s *Store) held(key uint64) bool {
	if _, ok := s.released[key]; ok {
		return true
	}
	for h := range s.holds {
		if _, ok := h.touched[key]; ok {
			return true
		}
	}
	return false
}

// compact removes the segments without live records, and rewrites those of
// which an eighth or more is garbage: each byte is rewritten for at most seven
// that are freed, and at most an eighth of the quota is lost to garbage.
func (s *Store) compact(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	victims, err := s.victims()
	if err != nil || len(victims) == 0 {
		return err
	}
	if err := s.evacuate(ctx, victims); err != nil {
		return err
	}
	if err := s.sync(); err != nil { // what was moved must be safe before its old place goes
		return err
	}
	return s.removeSegments(victims)
}

// victims chooses the segments to give up, sealing the active one if it is among them.
func (s *Store) victims() (map[uint32]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	victims := map[uint32]bool{}
	for id, size := range s.log.Sizes() {
		if size > 0 && (size-s.states[id].live)*8 >= size {
			victims[id] = true
		}
	}
	if victims[s.log.Active()] {
		return victims, s.seal()
	}
	return victims, nil
}

// moveBytes is how much is moved at a time, with writes locked out.
const moveBytes = 4 << 20

// evacuate copies the live blocks of segments to the active one.
func (s *Store) evacuate(ctx context.Context, victims map[uint32]bool) error {
	var moving []multihash.Multihash
	var bytesMoving int64
	flush := func() error {
		err := errors.Join(ctx.Err(), s.move(moving, victims))
		moving, bytesMoving = nil, 0
		return err
	}
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if !victims[e.Segment] || e.damaged {
			return nil
		}
		moving = append(moving, bytes.Clone(hash))
		if bytesMoving += recordSize(hash, e); bytesMoving < moveBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// move copies blocks that are still in a victim, verified. A damaged one is
// only remembered as such.
func (s *Store) move(hashes []multihash.Multihash, victims map[uint32]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []segment.Record
	var from []entry
	for _, hash := range hashes {
		e, ok, err := s.index.block(hash)
		if err != nil {
			return err
		}
		if !ok || e.damaged || !victims[e.Segment] {
			continue
		}
		data, err := s.log.Read(e.Location, hash)
		if err != nil || !matches(hash, data) {
			if err := s.setDamaged(hash, e); err != nil {
				return err
			}
			continue
		}
		records, from = append(records, segment.Record{Key: hash, Data: data}), append(from, e)
	}
	if len(records) == 0 {
		return nil
	}
	return s.append(records, from...)
}

// removeSegments deletes the files that no block is in any more.
func (s *Store) removeSegments(victims map[uint32]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.index.db.NewBatch()
	defer batch.Close()
	for id := range victims {
		size := s.log.Size(id)
		if err := s.log.Remove(id); err != nil {
			return err
		}
		s.disk -= size
		delete(s.states, id)
	}
	return s.commit(batch, pebble.NoSync, slices.Collect(maps.Keys(victims))...)
}
