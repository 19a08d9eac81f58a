package blobs

import (
	"bytes"
	"cmp"
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
// cuts off what is garbage at the ends of block files, and rewrites those of
// which an eighth or more still is, as far as the disk has room for it. A pinned
// DAG with a damaged block that has links is an error before anything is removed:
// what lies under that block could not be told from garbage.
func (s *Store) Collect(ctx context.Context) (Collected, error) {
	if err := s.enter(); err != nil {
		return Collected{}, err
	}
	defer s.leave()
	s.collecting.Lock()
	defer s.collecting.Unlock()
	before := s.Usage()
	s.keepReleased(map[uint64]struct{}{})
	defer s.keepReleased(nil)
	if err := s.markAndSweep(ctx); err != nil {
		return Collected{}, err
	}
	err := s.compact(ctx)
	if errors.Is(err, ErrDiskFull) {
		err = nil
	}
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

// sweep takes out of the index what is neither live nor held, and cuts off what
// is garbage at the ends of segments. The caller holds mu.
func (s *Store) sweep(live map[uint64]struct{}) error {
	if err := s.roomToNote(); err != nil {
		return err
	}
	batch := s.index.db.NewBatch()
	defer batch.Close()
	changed := map[uint32]bool{}
	ends := map[uint32]int64{}
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		key := s.short(hash)
		if _, ok := live[key]; ok || s.held(key) {
			ends[e.Segment] = max(ends[e.Segment], int64(e.Offset)+recordSize(hash, e))
			return nil
		}
		changed[e.Segment] = true
		return s.forget(batch, hash, e)
	})
	if err != nil {
		return err
	}
	// The index must be on the disk before the segments follow it: else a crash
	// might bring back what is no longer there.
	if err := s.commit(batch, pebble.Sync, slices.Collect(maps.Keys(changed))...); err != nil {
		return err
	}
	return s.trim(ends)
}

// trim cuts segments off where their last live record ends. The caller holds mu.
func (s *Store) trim(ends map[uint32]int64) error {
	for id, size := range s.log.Sizes() {
		switch end := ends[id]; {
		case end == 0 && id != s.log.Active():
			if err := s.remove(id); err != nil {
				return err
			}
		case end < size:
			if err := s.log.Truncate(id, end); err != nil {
				return err
			}
			s.disk -= size - end
			s.states[id].synced = min(s.states[id].synced, end)
		}
	}
	return nil
}

// remove deletes a segment that no block is in any more. The caller holds mu.
func (s *Store) remove(id uint32) error {
	size := s.log.Size(id)
	if err := s.log.Remove(id); err != nil {
		return err
	}
	s.disk -= size
	delete(s.states, id)
	return indexError(s.index.db.Delete(segmentKey(id), pebble.NoSync))
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

// compact rewrites the segments of which an eighth or more is garbage, those
// with the least to move first: each byte is rewritten for at most seven that are
// freed, and at most an eighth of the quota is lost to garbage.
func (s *Store) compact(ctx context.Context) error {
	victims, err := s.victims()
	if err != nil || len(victims) == 0 {
		return err
	}
	moving, err := s.blocksIn(victims)
	if err != nil {
		return err
	}
	for _, id := range victims {
		if err := s.evacuate(ctx, id, moving[id]); err != nil {
			return err
		}
	}
	return nil
}

// victims chooses the segments to give up, sealing the active one if it is among them.
func (s *Store) victims() (victims []uint32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, size := range s.log.Sizes() {
		if (size-s.states[id].live)*8 < size || size == 0 {
			continue
		}
		if id == s.log.Active() {
			err = s.seal()
		}
		victims = append(victims, id)
	}
	slices.SortFunc(victims, func(a, b uint32) int { return cmp.Compare(s.states[a].live, s.states[b].live) })
	return victims, err
}

// blocksIn is what the index has in some segments.
func (s *Store) blocksIn(victims []uint32) (map[uint32][]multihash.Multihash, error) {
	in := map[uint32][]multihash.Multihash{}
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if !e.damaged && slices.Contains(victims, e.Segment) {
			in[e.Segment] = append(in[e.Segment], bytes.Clone(hash))
		}
		return nil
	})
	return in, err
}

// moveBlocks is how many blocks are moved at a time, with writes locked out: 4
// MiB of full ones.
const moveBlocks = 16

// evacuate copies a sealed segment's live blocks to the active one and, once the
// copies are on the disk, removes it.
func (s *Store) evacuate(ctx context.Context, id uint32, hashes []multihash.Multihash) error {
	for some := range slices.Chunk(hashes, moveBlocks) {
		if err := errors.Join(ctx.Err(), s.move(some, id)); err != nil {
			return err
		}
	}
	if err := s.sync(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(id)
}

// move copies blocks that are still in a segment, verified. A damaged one is
// only remembered as such.
func (s *Store) move(hashes []multihash.Multihash, victim uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []segment.Record
	var from []entry
	for _, hash := range hashes {
		e, ok, err := s.index.block(hash)
		if err != nil {
			return err
		}
		if !ok || e.damaged || e.Segment != victim {
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
