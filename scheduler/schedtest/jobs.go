package schedtest

import (
	"encoding/binary"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// submit hands a new task to some node, which may not be there.
func (w *world) submit() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up {
		return
	}
	id := w.newID()
	n.submit(id, w.newSpec(n.id))
	if w.cfg.Long > 0 && w.chance(0.3) {
		w.after(w.upTo(15*time.Second), func() { n.migrate(id) })
	}
	if w.chance(0.08) {
		w.after(w.upTo(5*time.Second), func() { n.cancel(id) })
	}
}

func (w *world) newID() wire.TaskID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], w.rng.Uint64())
	return wire.NewTaskID(w.now, random)
}

// newSpec makes up a task.
func (w *world) newSpec(submitter wire.NodeID) wire.Spec {
	s := wire.Spec{
		Submitter: submitter, Module: module, Placement: w.cfg.Placement,
		Priority: wire.Priority(1 + w.rng.IntN(4)), Retries: uint32(w.rng.IntN(6)),
		Profile: wire.Profile{CPU: uint32(50 + w.rng.IntN(800)), Memory: uint64(1+w.rng.IntN(300)) << 20},
	}
	if w.chance(0.2) {
		s.Profile.GPU = &wire.GPUSpec{Required: w.chance(0.5), Count: uint32(1 + w.rng.IntN(2))}
	}
	if w.chance(0.05) {
		s.Profile.CPU = wire.MaxCPU // nobody has that
	}
	if w.chance(0.2) {
		s.Deadline = w.upTo(30*time.Second) + time.Millisecond
	}
	if w.chance(0.3) {
		s.Limits.Fuel = 1 << 40
	}
	return s
}

var module = func() wire.Link {
	l, err := wire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe")
	if err != nil {
		panic(err) // a constant
	}
	return l
}()
