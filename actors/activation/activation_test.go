package activation

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/wire"
)

// TestElsewhere: an actor is captured in the middle of its log, goes on from there in
// another engine with another store, and is the same in the end, to the byte.
func TestElsewhere(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	here, there := newNode(t, lib), newNode(t, lib)
	s := newScript(t, lib.example(t, "counter/counter.wasm"))
	a, w := here.activate(s.start(nil))
	for range 5 {
		a.Apply(slices.Clone(s.entries[len(s.entries):]))
		e := s.add(s.ask("inc"), s.ask("add 10"), s.ask("nonsense"))
		a.Apply(s.entries[e.Index-1:])
	}
	c := w.checkpoint(a, 6)
	for range 5 {
		s.add(s.ask("inc"), s.ask("add 10"), s.ask("get"))
	}
	a.Apply(s.entries[6:])
	w.executed(11)
	want := w.answers()
	if n := len(want); n != 30 || want[0] != "1" || want[14] != "refused: want inc, add N or get" || want[29] != "110" {
		t.Fatalf("%d: %q", n, want)
	}
	hash := a.hash(t, w)

	here.push(s.actor, c, there)
	s.epoch++
	b, w2 := there.activate(s.start(&c))
	w2.executed(11)
	if b.hash(t, w2) != hash {
		t.Error("the state after the replay is another")
	}
	if got := w2.answers(); len(got) != 0 {
		t.Errorf("a replay has said %q", got)
	}
	e := s.add(s.ask("get"))
	b.Apply(s.entries[e.Index-1:])
	w2.executed(e.Index)
	if got := w2.answers(); len(got) != 1 || got[0] != "110" {
		t.Errorf("%q", got)
	}
}

// TestRest: an entry that only tells of a checkpoint, or lets time pass, is no reason
// for the next one.
func TestRest(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	s := newScript(t, lib.example(t, "counter/counter.wasm"))
	a, w := n.activate(s.start(nil))
	c := w.checkpoint(a, 1)
	s.add(wire.Item{Checkpoint: &c})
	s.add()
	a.Apply(s.entries[1:])
	a.Checkpoint()
	w.executed(3)
	s.add(s.ask("inc"))
	a.Apply(s.entries[3:])
	w.checkpoint(a, 4)
	if len(w.captured) != 2 {
		t.Errorf("%d checkpoints", len(w.captured))
	}
}

// TestHalt: a guest is stopped wherever it is, and nothing is called back after that.
func TestHalt(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	for _, message := range []string{"spin", "ask nobody anything", "get"} {
		for _, guest := range []string{"probe", "process"} {
			s := newScript(t, lib.guest(t, guest))
			s.spec.Fuel = 1 << 50
			a, w := n.activate(s.start(nil))
			w.executed(1)
			s.add(s.ask(message))
			a.Apply(s.entries[1:])
			if message != "spin" {
				w.executed(2)
			}
			if err := a.Halt(); err != nil {
				t.Errorf("%s, %s: %v", guest, message, err)
			}
			before := w.last
			a.Apply([]wire.Committed{s.add(s.ask("inc"))})
			a.Checkpoint()
			if err := a.Precopy(); err != nil {
				t.Error(err)
			}
			if !reflect.DeepEqual(before, w.last) || w.err != nil {
				t.Errorf("%s, %s: %+v, %v", guest, message, w.last, w.err)
			}
		}
	}
	if got := n.Stats(); got.Active != 0 || len(n.slots) != 0 {
		t.Errorf("%+v, %d slots are taken", got, len(n.slots))
	}
}
