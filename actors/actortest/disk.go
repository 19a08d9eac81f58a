package actortest

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// disk does what it is told in order, and takes its time. What it has not done when
// its node crashes is lost, but for some of the first.
type disk struct {
	replicas map[wire.ActorID]*saved
	objects  map[wire.Link][]byte
	queue    []job
}

// saved is a replica on disk.
type saved struct {
	number uint64
	join   wire.Members // who may teach it, if it began with nothing
	group  group.Saved
	first  uint64 // index of the first entry
}

// job is a change, and what follows once it is there.
type job struct {
	do   func()
	then func()
}

func newDisk() *disk {
	return &disk{replicas: make(map[wire.ActorID]*saved), objects: make(map[wire.Link][]byte)}
}

// write queues a change.
func (n *node) write(do, then func()) {
	n.disk.queue = append(n.disk.queue, job{do, n.inThisLife(then)})
	if len(n.disk.queue) == 1 {
		n.sync()
	}
}

// sync does all that is queued, with one sync.
func (n *node) sync() {
	life, count := n.life, 0
	took := 200*time.Microsecond + n.w.upTo(2*time.Millisecond)
	if n.w.faulty(0.02) {
		took += n.w.upTo(300 * time.Millisecond)
	}
	n.w.after(took/4, func() { count = len(n.disk.queue) })
	n.w.after(took, func() {
		if n.life != life {
			return
		}
		done := slices.Clone(n.disk.queue[:count])
		n.disk.queue = n.disk.queue[count:]
		for _, j := range done {
			j.do()
		}
		if len(n.disk.queue) > 0 {
			n.sync()
		}
		for _, j := range done {
			j.then()
		}
	})
}

// crash loses what was not synced; the disk may have got to some of it.
func (d *disk) crash(w *world) {
	for _, j := range d.queue[:w.rng.IntN(len(d.queue)+1)] {
		j.do()
	}
	d.queue = nil
}

// apply changes what is on disk as a group wants it.
func (s *saved) apply(w *group.Write) {
	if w.State != nil {
		s.group.State = w.State
	}
	if w.Reset {
		s.group.Entries, s.first = nil, 0
	}
	if w.Base != nil {
		s.group.Base = w.Base
	}
	if len(w.Entries) > 0 {
		if len(s.group.Entries) == 0 {
			s.first = w.First
		}
		s.group.Entries = append(slices.Clip(s.group.Entries[:w.First-s.first]), w.Entries...)
	}
	if n := len(s.group.Entries); n > 0 && w.Cut >= s.first {
		cut := min(w.Cut-s.first+1, uint64(n))
		s.group.Entries, s.first = s.group.Entries[cut:], s.first+cut
	}
}
