package godwit

import (
	"bytes"
	"os"
	"testing"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// wanderer runs the attempts of one task on a node, whose submitter it is.
type wanderer struct {
	t    *testing.T
	node *Node
	spec wire.Spec
	task wire.TaskID
	said []wire.Kept
}

func newWanderer(t *testing.T, n *Node, digits string) *wanderer {
	t.Helper()
	f, err := os.Open("examples/odyssey/odyssey.wasm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := n.store.Import(t.Context(), f, blobs.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	link, err := wire.NewLink(info.CID)
	if err != nil {
		t.Fatal(err)
	}
	return &wanderer{t: t, node: n, spec: wire.Spec{Module: link, Args: []string{"odyssey", digits}}, task: newTaskID()}
}

func (w *wanderer) of() scheduler.Kept { return scheduler.Kept{Submitter: w.node.self, Task: w.task} }

// attempt runs an attempt, which may go on from those before it; it is suspended as soon
// as can be if it is to yield.
func (w *wanderer) attempt(number uint32, yield bool) wire.Outcome {
	w.t.Helper()
	g := wire.Grant{Ref: wire.Ref{Task: w.task, Attempt: number}, Submitter: w.node.self, Executor: w.node.self}
	for before := uint32(1); before < number; before++ {
		g.Makers = append(g.Makers, wire.Maker{Attempt: before, Node: w.node.self})
	}
	s := scheduler.Start{
		Run: scheduler.Run{Submitter: w.node.self, Ref: g.Ref}, Spec: w.spec,
		Allotment: scheduler.Allotment{Memory: 64 << 20}, Grant: seal(w.t, g, w.node.folder.key),
	}
	c := newControl(func() {}, func(wire.Stream, uint64, []byte) bool { return true }, func(m wire.Message) {
		if k, ok := m.(wire.Kept); ok {
			w.said = append(w.said, k)
		}
	})
	if yield {
		c.yield()
	}
	return w.node.execution.run(w.t.Context(), s, c)
}

// newest is the newest checkpoint of the task.
func (w *wanderer) newest() *checkpoint.Signed {
	w.t.Helper()
	refs := w.node.keeper.store.List(w.of().Name())
	if len(refs) == 0 {
		w.t.Fatal("there is no checkpoint")
	}
	s, err := w.node.keeper.store.Load(refs[len(refs)-1].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// spoil adds a checkpoint after the newest, as whole and as well signed, of which a section
// is not what it should be.
func (w *wanderer) spoil(section string, contents []byte) {
	w.t.Helper()
	k, s := w.node.keeper, w.newest()
	state, err := s.ReadState(k.store)
	if err != nil {
		w.t.Fatal(err)
	}
	chain, err := checkpoint.Resume(checkpoint.Config{
		Name: s.Name, Module: s.Module, Owner: w.node.execution.key, Index: k.store, Old: k.store,
	}, s, k.store)
	if err != nil {
		w.t.Fatal(err)
	}
	state.Sections[section] = contents
	ready, err := chain.Update(checkpoint.Capture{
		Order: checkpoint.Order{Epoch: s.Epoch, Sequence: s.Sequence + 1}, Time: s.Time, Size: s.Memory.Size, State: *state, Fuel: s.Fuel,
	})
	if err == nil {
		err = k.store.Save(ready)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Checkpoints that cannot be gone on from, however well they are signed, are passed over for
// the one before, and if there is none the task begins anew.
func TestUnusableCheckpointsArePassedOver(t *testing.T) {
	n := start(t, Config{})
	const digits = "2000"
	binary, err := os.ReadFile("examples/odyssey/odyssey.wasm")
	if err != nil {
		t.Fatal(err)
	}
	output, fuel := plainly(t, binary, "odyssey", digits)
	check := func(o wire.Outcome) {
		t.Helper()
		if o.Status != wire.Succeeded || o.FuelUsed != fuel || !bytes.Equal(o.Stdout.Inline, output) {
			t.Errorf("%+v; fuel undisturbed %d", o, fuel)
		}
	}
	w := newWanderer(t, n, digits)
	if o := w.attempt(1, true); o.Fault != wire.FaultDrain {
		t.Fatalf("%+v", o)
	}
	whole := w.newest()
	w.spoil("call", []byte("no call"))             // the runtime does not take it
	w.spoil(sectionLife, []byte("no life at all")) // nor this package
	check(w.attempt(2, false))
	if from := w.said[len(w.said)-1].From; from.Attempt != 1 || from.Sequence != whole.Sequence {
		t.Errorf("it went on from %+v, not from %d", from, whole.Sequence)
	}

	w = newWanderer(t, n, digits)
	w.attempt(1, true)
	for range 3 { // as many as are kept
		w.spoil("call", nil)
	}
	n.keeper.retain(w.of().Name(), spareCheckpoints)
	check(w.attempt(2, false))
	if from := w.said[len(w.said)-1].From; !from.IsZero() {
		t.Errorf("it went on from %+v", from)
	}
}

// When a task has ended the node that ran it lets go of its checkpoints like any keeper, and
// one that comes late does not stay.
func TestCheckpointsEndWithTheirTask(t *testing.T) {
	n := start(t, Config{})
	w := newWanderer(t, n, "2000")
	w.attempt(1, true)
	w.newest()
	n.keeper.drop(w.of())
	if left := n.keeper.store.Names(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if o := w.attempt(2, true); o.Fault == wire.FaultDrain {
		t.Errorf("given back to go on from nothing: %+v", o)
	}
	if left := n.keeper.store.Names(); len(left) > 0 {
		t.Errorf("left of the late one: %v", left)
	}
}
