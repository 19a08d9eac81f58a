package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// appender writes groups of records, as many at a time as have gathered: one
// sync for all of them.
type appender struct {
	queueMu sync.Mutex
	queue   []*group
	// led is true while one of those who append writes for all.
	led bool

	// mu is held by whoever writes.
	mu     sync.Mutex
	active *segment
	next   uint64
	// buf is where records are put together, kept from one write to the next.
	buf []byte
}

// maxKept is the largest write in bytes whose buffer is kept.
const maxKept = 4 << 20

// group is records that are written together. A commit is the last of its
// group.
type group struct {
	records []draft
	// ref is the checkpoint that the group commits, if any; strict refuses one
	// that is not the newest of its name.
	ref    *checkpoint.Ref
	strict bool
	// after must still be listed when the group is written: the commit relies
	// on what that checkpoint refers to.
	after cid.Cid
	// unlist are checkpoints that the group removes.
	unlist []checkpoint.Ref
	// from is the segment whose records the group has copies of; they replace
	// those.
	from *segment

	// turn is closed when the group is done, or must lead.
	turn chan struct{}
	done bool
	err  error
}

// draft is a record that has no place yet.
type draft struct {
	kind    kind
	id      cid.Cid
	payload []byte
	place   record
}

// append writes a group and returns once it is on disk and in the index.
func (s *Store) append(g *group) error {
	if s.cfg.ReadOnly {
		return ErrReadOnly
	}
	g.turn, g.done = make(chan struct{}), false
	if !s.log.join(g) {
		<-g.turn
	}
	if !g.done {
		s.lead()
	}
	return g.err
}

// join puts a group into the queue, and tells whether it must lead.
func (a *appender) join(g *group) bool {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	a.queue = append(a.queue, g)
	leads := !a.led
	a.led = true
	return leads
}

// take empties the queue.
func (a *appender) take() []*group {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	groups := a.queue
	a.queue = nil
	return groups
}

// retire makes the first of those who came meanwhile lead: it is woken before
// those whose groups are done, so that the disk does not wait for them.
func (a *appender) retire(groups []*group) {
	a.queueMu.Lock()
	if len(a.queue) > 0 {
		close(a.queue[0].turn)
	} else {
		a.led = false
	}
	a.queueMu.Unlock()
	for _, g := range groups[1:] {
		close(g.turn)
	}
}

// lead writes all that is in the queue. Whoever leads is first in it.
func (s *Store) lead() {
	s.log.mu.Lock()
	groups := s.log.take()
	s.writeAll(groups)
	s.log.mu.Unlock()
	s.log.retire(groups)
}

// writeAll writes groups, one segment after the other. The writer's lock is
// held.
func (s *Store) writeAll(groups []*group) {
	for len(groups) > 0 {
		seg, err := s.writable()
		if err != nil {
			fail(groups, err)
			return
		}
		n := s.write(seg, groups)
		groups = groups[n:]
	}
}

func fail(groups []*group, err error) {
	for _, g := range groups {
		g.done, g.err = true, err
	}
}

// writable is the segment to write to, a new one if need be.
func (s *Store) writable() (*segment, error) {
	if s.isClosed() {
		return nil, ErrClosed
	}
	if seg := s.log.active; seg != nil {
		if seg.size < s.cfg.SegmentBytes {
			return seg, nil
		}
		s.seal()
	}
	var salt [4]byte
	if _, err := io.ReadFull(s.cfg.Rand, salt[:]); err != nil {
		return nil, fmt.Errorf("salt of a segment: %w", err)
	}
	seg := &segment{number: s.log.next, salt: binary.LittleEndian.Uint32(salt[:])}
	seg.name = segmentName(seg.number, seg.salt)
	var err error
	if seg.file, err = s.cfg.FS.Create(seg.name); err != nil {
		return nil, fmt.Errorf("new segment: %w", err)
	}
	s.log.next++
	if err := s.cfg.FS.Sync(); err != nil {
		return nil, fmt.Errorf("new segment: %w", joinClose(err, seg.file))
	}
	s.log.active = seg
	s.mu.Lock()
	s.segments[seg.number] = seg
	s.mu.Unlock()
	return seg, nil
}

// seal notes at the end of the active segment that all of it is on disk, so
// that whatever is wrong with it later is known to be damage. Without one, the
// last writes might just as well never have been finished; so nothing waits for
// it, and a failure does not matter.
func (s *Store) seal() {
	seg := s.log.active
	s.log.active = nil
	if seg == nil || seg.size != seg.synced {
		return
	}
	r := record{kind: seal, id: emptyID, durable: seg.size, offset: seg.size}
	b := appendRecord(nil, seg.salt, r, nil)
	if _, err := seg.file.WriteAt(b, seg.size); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.size += int64(len(b))
}

func (s *Store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}

// write writes as many groups as the segment takes, at least one, and returns
// how many are done.
func (s *Store) write(seg *segment, groups []*group) int {
	buf := s.log.buffer(groups)
	var good []*group
	n := 0
	room := s.room()
	newest := map[string]checkpoint.Order{}
	for n < len(groups) && seg.size+int64(len(buf)) < s.cfg.SegmentBytes {
		g := groups[n]
		n++
		if err := s.refuse(g, newest, room-int64(len(buf))); err != nil || g.done {
			fail(groups[n-1:n], err)
			continue
		}
		buf = seg.encode(buf, g)
		good = append(good, g)
	}
	if len(good) == 0 {
		return n
	}
	if err := s.put(seg, buf); err != nil {
		fail(good, err)
		return n
	}
	s.log.keep(buf)
	s.publish(seg, good, int64(len(buf)))
	fail(good, nil)
	return n
}

// put writes and syncs. After a failed write the next goes to the same place;
// after a failed sync nobody knows what is on disk, and the segment is left.
func (s *Store) put(seg *segment, buf []byte) error {
	if _, err := seg.file.WriteAt(buf, seg.size); err != nil {
		return fmt.Errorf("write segment %s: %w", seg.name, err)
	}
	if err := seg.file.Sync(); err != nil {
		s.log.active = nil
		return fmt.Errorf("sync segment %s: %w", seg.name, err)
	}
	return nil
}

// buffer is empty and has room for all groups.
func (a *appender) buffer(groups []*group) []byte {
	size := int64(0)
	for _, g := range groups {
		size += g.size()
	}
	return slices.Grow(a.buf[:0], int(size))
}

// keep keeps a buffer for the next write.
func (a *appender) keep(buf []byte) {
	if cap(buf) <= maxKept {
		a.buf = buf
	}
}

// encode gives the group's records their places behind buf.
func (seg *segment) encode(buf []byte, g *group) []byte {
	first := seg.size + int64(len(buf))
	for i := range g.records {
		d := &g.records[i]
		r := record{kind: d.kind, id: d.id, offset: seg.size + int64(len(buf)), length: uint32(len(d.payload))}
		if d.kind == commit {
			r.batch, r.durable = first, seg.synced
			if g.from != nil {
				r.batch = r.offset // what it needs is on disk already
			}
		}
		d.place = r
		buf = appendRecord(buf, seg.salt, r, d.payload)
	}
	return buf
}

// room is what the quota leaves.
func (s *Store) room() int64 {
	if s.cfg.MaxBytes == 0 {
		return 1 << 62
	}
	return s.cfg.MaxBytes - s.Usage().Bytes
}

// refuse says why a group may not be written; it is done if it need not be.
func (s *Store) refuse(g *group, newest map[string]checkpoint.Order, room int64) error {
	// What makes room later may take some now.
	if size := g.size(); g.from == nil && g.unlist == nil && size > room {
		return fmt.Errorf("%d bytes more: %w", size, ErrQuota)
	}
	if g.ref == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	refs := s.names[g.ref.Name]
	if at, known := s.index[g.ref.ID]; known && at.record.kind == commit {
		// It is listed already. What was put for it anew replaces what is damaged.
		if s.counts(g.ref.ID) {
			g.records = g.records[:len(g.records)-1]
		}
		g.ref, g.done = nil, len(g.records) == 0
		return nil
	}
	if g.after.Defined() && !s.counts(g.after) {
		return fmt.Errorf("checkpoint %s, the one before, is gone: %w", g.after, ErrIncomplete)
	}
	last, ok := newest[g.ref.Name]
	if n := len(refs); !ok && n > 0 {
		last, ok = refs[n-1].Order, true
	}
	if ok && g.strict && g.ref.Compare(last) <= 0 {
		return fmt.Errorf("%s %s is not after %s: %w", g.ref.Name, g.ref.Order, last, checkpoint.ErrStale)
	}
	newest[g.ref.Name] = g.ref.Order
	return nil
}

func (g *group) size() int64 {
	n := int64(0)
	for _, d := range g.records {
		n += headerSize + int64(len(d.payload))
	}
	return n
}

// publish makes what is on disk known.
func (s *Store) publish(seg *segment, groups []*group, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.size += size
	seg.synced = seg.size
	s.clock++
	for _, g := range groups {
		for _, d := range g.records {
			s.know(location{seg, d.place, s.clock}, g.from)
		}
		if g.ref != nil {
			s.insert(*g.ref)
		}
		for _, ref := range g.unlist {
			s.unlist(ref)
		}
	}
}

// know puts a record into the index, unless what it names is there and sound,
// or, for a copy, is not where it was copied from any more.
func (s *Store) know(at location, from *segment) {
	id := at.record.id
	old, known := s.index[id]
	switch at.record.kind {
	case seal:
		return
	case removal:
		if known && old.record.kind == commit {
			s.forget(id)
		}
		return
	case commit:
		if !slices.Contains(s.copies[id], at.segment.number) {
			s.copies[id] = append(s.copies[id], at.segment.number)
		}
	}
	sound := known && s.bad[id] == nil
	better := at.record.kind == commit && old.record.kind == object
	if from != nil && old.segment != from || from == nil && sound && !better {
		return
	}
	s.forget(id)
	s.index[id] = at
	at.segment.live += at.record.end() - at.record.offset
}

// forget takes an object out of the index.
func (s *Store) forget(id cid.Cid) {
	if at, ok := s.index[id]; ok {
		at.segment.live -= at.record.end() - at.record.offset
		delete(s.index, id)
	}
	delete(s.bad, id)
}

// insert lists a checkpoint, in order.
func (s *Store) insert(ref checkpoint.Ref) {
	refs := s.names[ref.Name]
	i, _ := slices.BinarySearchFunc(refs, ref, func(a, b checkpoint.Ref) int { return a.Compare(b.Order) })
	s.names[ref.Name] = slices.Insert(refs, i, ref)
}

func (s *Store) unlist(ref checkpoint.Ref) {
	refs := slices.DeleteFunc(s.names[ref.Name], func(r checkpoint.Ref) bool { return r.ID == ref.ID })
	s.names[ref.Name] = refs
	if len(refs) == 0 {
		delete(s.names, ref.Name)
	}
}

func refOf(s *checkpoint.Signed) checkpoint.Ref {
	return checkpoint.Ref{ID: s.ID, Name: s.Name, Order: s.Order, Time: s.Time}
}
