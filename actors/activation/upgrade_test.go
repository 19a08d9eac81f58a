package activation

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// version is a module that differs from another one only by its name.
func (l *library) version(t *testing.T, m wire.Link, n byte) wire.Link {
	t.Helper()
	b, err := l.get(t.Context(), m.Cid)
	if err != nil {
		t.Fatal(err)
	}
	return l.add(append(slices.Clone(b), 0, 3, 1, 'v', n)) // a custom section
}

// controlled is what controls came to, in order.
func (w *watcher) controlled() (all []wire.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.outputs {
		if c, ok := o.(mailbox.Controlled); ok {
			all = append(all, c.Result)
		}
	}
	return all
}

func control(verb wire.Verb, module wire.Link, n byte) wire.Item {
	return wire.Item{Control: &wire.Control{Verb: verb, Module: module, ID: wire.MessageID{n}}}
}

// TestUpgrade: an actor goes on as another module with the state that was handed over,
// and back; what cannot take it over leaves everything as it is. A replay from before
// does the same.
func TestUpgrade(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n, there := newNode(t, lib), newNode(t, lib)
	probe := lib.guest(t, "probe")
	second, unfit := lib.version(t, probe, 2), lib.example(t, "hello/hello.wasm")
	s := newScript(t, probe)
	a, w := n.activate(s.start(nil))
	s.add(s.ask("inc"), s.ask("touch 5"))
	a.Apply(s.entries[1:])
	c := w.checkpoint(a, 2)
	for module, want := range map[wire.Link]error{second: nil, unfit: ErrUnfit, lib.add([]byte("no module")): ErrUnfit} {
		if err := n.DryRun(t.Context(), s.actor, s.spec, &c, module.Cid); !errors.Is(err, want) {
			t.Errorf("trial of %s: %v", module, err)
		}
	}
	s.add(s.ask("inc"), control(wire.VerbUpgrade, second, 1), s.ask("inc"))
	s.add(control(wire.VerbUpgrade, unfit, 2), s.ask("inc"))
	s.add(control(wire.VerbRollback, wire.Link{}, 3), s.ask("inc"))
	a.Apply(s.entries[2:])
	last := w.executed(5)
	if got := strings.Join(w.answers(), " "); got != "1 1 2 3 4 5" {
		t.Error(got)
	}
	results := w.controlled()
	if len(results) != 3 || results[0].Outcome != wire.OK || results[1].Outcome != wire.Failed || results[2].Outcome != wire.OK {
		t.Errorf("%+v", results)
	}
	if last.Module != probe || last.Previous != second {
		t.Errorf("%s before it %s", last.Module, last.Previous)
	}
	after := w.checkpoint(a, 5)
	n.push(s.actor, c, there)
	n.push(s.actor, after, there)
	for _, from := range []*wire.Checkpoint{&c, &after} {
		b, w2 := there.activate(s.start(from))
		w2.executed(5)
		if b.hash(t, w2) != a.hash(t, w) {
			t.Errorf("from entry %d it is another", from.Index)
		}
		if err := b.Halt(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopy: what is exported goes on, on another node, as another actor, which has all
// of the memory.
func TestCopy(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n, there := newNode(t, lib), newNode(t, lib)
	s := newScript(t, lib.guest(t, "probe"))
	a, w := n.activate(s.start(nil))
	s.add(s.ask("inc"), s.ask("inc"), s.ask("touch 100"), s.ask("timer 5000000"), s.ask("send other hi"))
	a.Apply(s.entries[1:])
	c := w.checkpoint(a, 2)
	var file bytes.Buffer
	if err := n.Export(t.Context(), s.actor, c.Manifest.Cid, &file); err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < file.Len(); cut += 1 + file.Len()/50 {
		_, part, err := there.Import(t.Context(), bytes.NewReader(file.Bytes()[:cut]), wire.ActorID{8, byte(cut), byte(cut >> 8)}, func(*wire.Spec) {})
		if err == nil && len(there.cfg.Store.Verify(part.Manifest.Cid)) > 0 { // what is in the envelope too may be missing
			t.Fatalf("%d bytes are enough", cut)
		}
	}
	other := newScript(t, s.spec.Module)
	other.actor, other.entries = wire.ActorID{7}, nil
	spec, first, err := there.Import(t.Context(), &file, other.actor, func(s *wire.Spec) { s.Name = "other" })
	if err != nil || spec.Name != "other" || first.Index != firstIndex {
		t.Fatal(spec, first, err)
	}
	other.spec, other.now = spec, s.now
	other.add() // what raft has at the beginning
	other.activate()
	b, w2 := there.activate(other.start(&first))
	e := other.add(other.ask("inc"))
	b.Apply(other.entries[e.Index-1:])
	other.now += 5_000_000
	e = other.add(other.ask("inc"))
	b.Apply(other.entries[e.Index-1:])
	w2.executed(e.Index)
	if got := strings.Join(w2.answers(), " "); got != "3 4" {
		t.Error(got)
	}
	for _, o := range w2.outputs {
		if _, sent := o.(mailbox.Sent); sent {
			t.Error("it sends what the other one has sent")
		}
	}
}
