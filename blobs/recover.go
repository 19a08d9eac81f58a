package blobs

import (
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// recover makes index and segments agree after a crash. The index may lack the
// last records of a segment (they are found again by reading it), or have some
// that never reached the disk (they are forgotten: nobody was told that they
// are kept). What was synced is not read.
func (s *Store) recover() (err error) {
	if s.states, err = s.index.segments(); err != nil {
		return err
	}
	sizes := s.log.Sizes()
	if err := s.recoverLost(sizes); err != nil {
		return err
	}
	for id, size := range sizes {
		s.disk += size
		if s.states[id] == nil {
			s.states[id] = &segmentState{}
		}
		s.states[id].synced = min(s.states[id].synced, size)
		if size > s.states[id].synced {
			if err := s.recoverTail(id, size); err != nil {
				return err
			}
		}
	}
	s.log.Resume()
	return nil
}

// recoverLost marks as damaged what was in segments that are gone. Their numbers
// are not used again while this store is open.
func (s *Store) recoverLost(sizes map[uint32]int64) error {
	lost := map[uint32]bool{}
	for id := range s.states {
		s.log.Skip(id)
		if _, ok := sizes[id]; !ok {
			lost[id] = true
			delete(s.states, id)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	batch := s.index.db.NewBatch()
	defer batch.Close()
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if !lost[e.Segment] {
			return nil
		}
		return batch.Set(blockKey(hash), entry{damaged: true}.encode(), nil)
	})
	if err != nil {
		return err
	}
	return s.commit(batch, pebble.Sync, slices.Collect(maps.Keys(lost))...)
}

// recoverTail reads what was appended to a segment after its last sync, and
// cuts off what is no whole record.
func (s *Store) recoverTail(id uint32, size int64) error {
	batch := s.index.db.NewBatch()
	defer batch.Close()
	state := s.states[id]
	var failed error
	end, err := s.log.Scan(id, state.synced, MaxBlock, func(at segment.Location, rec segment.Record) bool {
		if !matches(rec.Key, rec.Data) {
			return false
		}
		failed = s.readmit(batch, state, at, rec.Key)
		return failed == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if end < size {
		if err := s.cut(batch, id, end); err != nil {
			return err
		}
		s.disk -= size - end
	}
	if err := s.log.Sync(id); err != nil {
		return err
	}
	state.synced = end
	return s.commit(batch, pebble.Sync, id)
}

// readmit has the index point to a record unless it knows the block already.
func (s *Store) readmit(batch *pebble.Batch, state *segmentState, at segment.Location, hash multihash.Multihash) error {
	e, ok, err := s.index.block(hash)
	if err != nil || ok && !e.damaged {
		return err
	}
	state.add(hash, at.Size)
	return batch.Set(blockKey(hash), entry{Location: at}.encode(), nil)
}

// cut takes off a segment's end, and from the index what it has there.
func (s *Store) cut(batch *pebble.Batch, id uint32, end int64) error {
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if e.Segment != id || int64(e.Offset) < end {
			return nil
		}
		s.states[id].drop(hash, e.Size)
		return batch.Delete(blockKey(hash), nil)
	})
	if err != nil {
		return err
	}
	return s.log.Truncate(id, end)
}

// commit applies a batch together with the states of the segments it touches.
func (s *Store) commit(batch *pebble.Batch, durably *pebble.WriteOptions, segments ...uint32) error {
	if err := s.roomToNote(); err != nil {
		return err
	}
	for _, id := range segments {
		var err error
		if state := s.states[id]; state != nil {
			err = batch.Set(segmentKey(id), state.encode(), nil)
		} else {
			err = batch.Delete(segmentKey(id), nil)
		}
		if err != nil {
			return indexError(err)
		}
	}
	return indexError(batch.Commit(durably))
}
