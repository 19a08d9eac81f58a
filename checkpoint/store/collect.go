package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// Remove takes back checkpoints, at once and for good; their objects go with the
// next Collect. Unknown ones are ignored. Removing the newest of a name is the
// caller's to answer for: its chain must not go on.
func (s *Store) Remove(ids ...cid.Cid) error {
	g := &group{}
	for _, ref := range s.refs() {
		if slices.Contains(ids, ref.ID) {
			g.records = append(g.records, draft{kind: removal, id: ref.ID})
			g.unlist = append(g.unlist, ref)
		}
	}
	if len(g.records) == 0 {
		return nil
	}
	if err := s.append(g); err != nil {
		return fmt.Errorf("remove checkpoints: %w", err)
	}
	return nil
}

// refs are all checkpoints that count.
func (s *Store) refs() []checkpoint.Ref {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []checkpoint.Ref
	for _, refs := range s.names {
		all = append(all, refs...)
	}
	return all
}

// Plan says what a policy would keep and remove of a name, and why. pinned
// marks checkpoints to keep in any case; nil marks none.
func (s *Store) Plan(name string, p checkpoint.Policy, now time.Time, pinned func(cid.Cid) bool) (checkpoint.Decision, error) {
	if err := p.Validate(); err != nil {
		return checkpoint.Decision{}, err
	}
	refs := s.List(name)
	for i := range refs {
		refs[i].Pinned = pinned != nil && pinned(refs[i].ID)
	}
	return p.Retain(now, refs, s.BytesOf), nil
}

// Retain does what Plan says and returns it.
func (s *Store) Retain(name string, p checkpoint.Policy, now time.Time, pinned func(cid.Cid) bool) (checkpoint.Decision, error) {
	d, err := s.Plan(name, p, now, pinned)
	if err != nil {
		return d, err
	}
	ids := make([]cid.Cid, len(d.Remove))
	for i, r := range d.Remove {
		ids[i] = r.ID
	}
	return d, s.Remove(ids...)
}

// BytesOf is what a set of checkpoints takes on disk, each object counted once.
// What is damaged below is not counted.
func (s *Store) BytesOf(refs []checkpoint.Ref) uint64 {
	total := uint64(0)
	for _, n := range s.Added(refs) {
		total += n
	}
	return total
}

// mark names a checkpoint and all below it to enter, which returns false to
// leave out what is below. Damage hides what is below it, which is lost anyway.
func (s *Store) mark(id cid.Cid, enter func(cid.Cid) bool) {
	enter(id)
	if data, err := s.Get(id); err == nil {
		markBelow(data, s, enter)
	}
}

// markBelow is mark for an encoded manifest.
func markBelow(manifest []byte, g checkpoint.Getter, enter func(cid.Cid) bool) {
	if m, err := checkpoint.DecodeManifest(manifest); err == nil {
		_ = checkpoint.Mark(m, g, enter)
	}
}

// Collected says what Collect did.
type Collected struct {
	// Objects were not part of any checkpoint any more.
	Objects int
	// Segments were removed, and Moved bytes copied out of them before.
	Segments int
	Moved    int64
	// Freed is by how much the store got smaller, in bytes.
	Freed int64
}

// Collect forgets the objects that no checkpoint needs, nor a batch in
// progress, and removes the segments that hold little else, having copied what
// does. Commits go on meanwhile. It ends early, with nothing lost, when ctx does,
// or when the disk cannot be read.
func (s *Store) Collect(ctx context.Context) (Collected, error) {
	s.moving.Lock()
	defer s.moving.Unlock()
	before := s.Usage().Bytes
	seen, since, err := s.markAll()
	if err != nil {
		return Collected{}, fmt.Errorf("collect: %w", err)
	}
	c := Collected{Objects: s.sweep(seen, since)}
	for _, seg := range s.sparse() {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		moved, err := s.evacuate(seg)
		c.Moved += moved
		if err != nil {
			return c, fmt.Errorf("collect segment %s: %w", seg.name, err)
		}
		c.Segments++
	}
	c.Freed = before - s.Usage().Bytes
	return c, nil
}

// markAll returns what the listed checkpoints need. What was put or touched at
// or after since may belong to others: of batches that are in progress now, and
// may be committed by the time of the sweep. It fails if something cannot be read
// for another reason than that it is damaged: it may be sound.
func (s *Store) markAll() (seen map[cid.Cid]bool, since uint64, err error) {
	commits, since := s.begunAndListed()
	seen = map[cid.Cid]bool{}
	enter := func(id cid.Cid) bool {
		fresh := !seen[id]
		seen[id] = true
		return fresh
	}
	check := func(data []byte, readErr error) ([]byte, error) {
		if readErr != nil && !isLost(readErr) && err == nil {
			err = readErr
		}
		return data, readErr
	}
	get := checkpoint.GetterFunc(func(id cid.Cid) ([]byte, error) { return check(s.Get(id)) })
	for _, at := range commits {
		enter(at.record.id)
		if data, readErr := check(s.read(at)); readErr == nil {
			markBelow(data, get, enter)
		}
	}
	return seen, since, err
}

// isLost tells damage, which stays, from a disk that could not be read this time.
func isLost(err error) bool {
	for _, lost := range []error{checkpoint.ErrHash, checkpoint.ErrFormat, checkpoint.ErrNotFound, io.EOF} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// begunAndListed returns where the commits of all listed checkpoints are, and
// the clock when the oldest batch in progress began. One that is removed while
// others are marked must be marked all the same, which is why they are not looked
// up again: the one after it, committed meanwhile, shares its objects.
func (s *Store) begunAndListed() (commits []location, since uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	since = s.clock
	for _, begun := range s.begun {
		since = min(since, begun)
	}
	for _, refs := range s.names {
		for _, ref := range refs {
			if at, ok := s.index[ref.ID]; ok {
				commits = append(commits, at)
			}
		}
	}
	return commits, since
}

// sweep forgets what is not in seen and was neither put nor touched at or after
// since. Objects that a checkpoint shares with the one before it are in seen,
// because that one was listed when marking began, or were put themselves.
func (s *Store) sweep(seen map[cid.Cid]bool, since uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.touched, func(_ cid.Cid, at uint64) bool { return at < since })
	n := 0
	for id, at := range s.index {
		if seen[id] || at.born >= since || s.touched[id] >= since || at.record.kind == commit {
			continue
		}
		s.forget(id)
		n++
	}
	return n
}

// Repair rewrites the segments in which one wrong byte was found and put right
// when it was read, so that a second one does not spoil what the first left. It
// returns how many. What is beyond that stays as it is: put or import it again.
func (s *Store) Repair(ctx context.Context) (segments int, err error) {
	s.moving.Lock()
	defer s.moving.Unlock()
	for _, seg := range s.repaired() {
		if err := ctx.Err(); err != nil {
			return segments, err
		}
		if _, err := s.evacuate(seg); err != nil {
			return segments, fmt.Errorf("repair segment %s: %w", seg.name, err)
		}
		segments++
	}
	return segments, nil
}

// repaired lists the segments that have bytes to put right.
func (s *Store) repaired() []*segment {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*segment
	for _, seg := range s.segments {
		wrong := slices.ContainsFunc(s.damage, func(d Damage) bool { return d.Kind == Repaired && d.Segment == seg.name })
		if wrong && seg != s.log.active {
			list = append(list, seg)
		}
	}
	slices.SortFunc(list, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	return list
}

// sparse lists the segments to rewrite.
func (s *Store) sparse() []*segment {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*segment
	for _, seg := range s.segments {
		if seg != s.log.active && float64(seg.live) < s.cfg.MinLive*float64(seg.size)+1 {
			list = append(list, seg)
		}
	}
	slices.SortFunc(list, func(a, b *segment) int { return cmp.Compare(a.live, b.live) })
	return list
}

// evacuate copies what is needed of a segment and removes it. Should the
// process die in between, there are two copies.
func (s *Store) evacuate(seg *segment) (moved int64, err error) {
	c, err := scan(seg.file, seg.size, seg.salt)
	if err != nil {
		return 0, err
	}
	g := &group{from: seg}
	for _, r := range c.records {
		if !s.needed(seg, r) {
			continue
		}
		payload, err := s.copyOf(location{segment: seg, record: r})
		if err != nil {
			return moved, err
		}
		g.records = append(g.records, draft{kind: r.kind, id: r.id, payload: payload})
		if g.size() < flushBytes {
			continue
		}
		if err := s.append(g); err != nil {
			return moved, err
		}
		moved += g.size()
		g = &group{from: seg}
	}
	if err := s.append(g); err != nil {
		return moved, err
	}
	return moved + g.size(), s.discard(seg)
}

// copyOf reads a payload, as it is if it is past repair: it will be noticed
// where it is read.
func (s *Store) copyOf(at location) ([]byte, error) {
	if at.record.kind == removal {
		return nil, nil
	}
	if data, err := s.payload(at); err == nil {
		return data, nil
	}
	return readPayload(at)
}

// needed tells whether a record must outlast its segment.
func (s *Store) needed(seg *segment, r record) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r.kind == seal {
		return false
	}
	if r.kind != removal {
		at := s.index[r.id]
		return at.segment == seg && at.record.offset == r.offset
	}
	if s.counts(r.id) {
		return false // it is back
	}
	return slices.ContainsFunc(s.copies[r.id], func(n uint64) bool { return n != seg.number })
}

// discard removes a segment that nothing points to, and makes sure that it does
// not come back before what it holds is removed elsewhere.
func (s *Store) discard(seg *segment) error {
	s.mu.Lock()
	for id, at := range s.index {
		if at.segment == seg {
			s.mu.Unlock()
			return fmt.Errorf("object %s is still there", id)
		}
	}
	delete(s.segments, seg.number)
	for id, in := range s.copies {
		if in = slices.DeleteFunc(in, func(n uint64) bool { return n == seg.number }); len(in) == 0 {
			delete(s.copies, id)
		} else {
			s.copies[id] = in
		}
	}
	s.mu.Unlock()
	return errors.Join(seg.close(), s.cfg.FS.Remove(seg.name), s.cfg.FS.Sync())
}
