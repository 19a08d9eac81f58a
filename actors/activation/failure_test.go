package activation

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// TestFailures: whatever a guest does wrong, the message fails and has had no effect,
// and what comes after works on what was before.
func TestFailures(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	for _, guest := range []string{"probe", "process"} {
		for message, want := range map[string]string{
			"trap":   "failed: trap: unreachable",
			"spin":   "failed: out_of_fuel",
			"grow":   "failed: out_of_memory",
			"exit 3": "failed: exit: 3",
		} {
			t.Run(guest+"/"+message, func(t *testing.T) {
				s := newScript(t, lib.guest(t, guest))
				s.spec.Memory, s.spec.Fuel = 8<<20, 100_000_000
				a, w := n.activate(s.start(nil))
				for range 2 {
					s.add(s.ask("inc"), s.ask(message), s.ask("inc"))
				}
				a.Apply(s.entries[1:])
				w.executed(3)
				if got, want := w.answers(), []string{"1", want, "2", "3", want, "4"}; !slices.Equal(got, want) {
					t.Errorf("%q", got)
				}
				for _, o := range w.outputs {
					if _, sent := o.(mailbox.Sent); sent {
						t.Error("it has sent something")
					}
				}
				if err := errors.Join(a.Halt(), n.Forget(s.actor)); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestSupervision: an actor that fails too often stops, keeps its memory, and goes on
// with that when it is started again.
func TestSupervision(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	s := newScript(t, lib.guest(t, "probe"))
	s.spec.Restarts = 2
	a, w := n.activate(s.start(nil))
	s.add(s.ask("inc"), s.ask("trap"), s.ask("inc"), s.ask("trap"), s.ask("inc"))
	a.Apply(s.entries[1:])
	if last := w.executed(2); last.Status != mailbox.Stopped || !strings.Contains(last.Reason, "given up after 2 failures") {
		t.Errorf("%+v", last)
	}
	c := w.checkpoint(a, 2)
	if err := a.Halt(); err != nil {
		t.Fatal(err)
	}
	s.add(control(wire.VerbStart, wire.Link{}, 1))
	s.add(s.ask("inc"), s.ask("stop enough"), s.ask("inc"))
	a, w2 := n.activate(s.start(&c))
	w2.executed(4)
	s.add(s.ask("get"), control(wire.VerbStart, wire.Link{}, 2))
	s.add(s.ask("get"))
	s.add(s.ask("stop now"), s.ask("get")) // the reply of the message that stops it goes out
	a.Apply(s.entries[4:])
	w2.executed(7)
	if got, want := w2.answers(), []string{"stopped: enough", "3", "3", "stopped: now"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestNoActor: a module that is none, or that fails to begin, makes an actor that has
// stopped, and says why.
func TestNoActor(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	for name, module := range map[string]wire.Link{
		"the module cannot be loaded": lib.add([]byte("nothing of the kind")),
		"it exports neither":          lib.example(t, "tally/tally.wasm"),
	} {
		s := newScript(t, module)
		a, w := n.activate(s.start(nil))
		s.add(s.ask("inc"))
		a.Apply(s.entries[1:])
		if last := w.executed(2); last.Status != mailbox.Stopped || !strings.Contains(last.Reason, name) {
			t.Errorf("%+v", last)
		}
		c := w.checkpoint(a, 2)
		if err := a.Halt(); err != nil {
			t.Fatal(err)
		}
		if _, w = n.activate(s.start(&c)); w.executed(2).Status != mailbox.Stopped {
			t.Error("it has stopped no more")
		}
		for _, a := range n.active {
			if err := errors.Join(a.Halt(), n.Forget(s.actor)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestMissing: what this node does not have is its failure, not the guest's.
func TestMissing(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	s := newScript(t, wire.Link{Cid: lib.guest(t, "probe").Cid})
	c := wire.Checkpoint{Index: 1, Epoch: 1, Sequence: 1, Manifest: s.spec.Module}
	_, w := n.activate(s.start(&c))
	w.failed()
	unknown := newScript(t, testLink("nowhere"))
	unknown.actor = wire.ActorID{9}
	_, w = n.activate(unknown.start(nil))
	w.failed()
}

// TestOutputBudget: what a guest may write is counted for each message.
func TestOutputBudget(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib, func(c *Config) { c.OutputBytes = 1000 })
	s := newScript(t, lib.guest(t, "probe"))
	a, w := n.activate(s.start(nil))
	for range 3 {
		s.add(s.ask("say " + strings.Repeat("x", 600)))
	}
	s.add(s.ask("say " + strings.Repeat("y", 1600)))
	a.Apply(s.entries[1:])
	w.executed(5)
	lines, _, err := n.Logs(s.actor)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, l := range lines {
		if l.Stream == "stdout" {
			written += len(l.Text)
		}
	}
	if written != 3*600+1000 {
		t.Errorf("%d bytes", written)
	}
}

// TestLogs: what an actor says is kept line by line, once, though it is replayed.
func TestLogs(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, lib)
	s := newScript(t, lib.guest(t, "probe"))
	a, w := n.activate(s.start(nil))
	s.add(s.ask("say one"), s.ask("trap"), s.ask("say two\nthree"))
	a.Apply(s.entries[1:])
	w.executed(2)
	if err := a.Halt(); err != nil {
		t.Fatal(err)
	}
	a, w = n.activate(s.start(nil))
	s.add(s.ask("say four"))
	a.Apply(s.entries[2:])
	w.executed(3)
	lines, _, err := n.Logs(s.actor)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		text, _, _ := strings.Cut(l.Text, "\n")
		got = append(got, strings.TrimSpace(l.Stream+" "+l.Level)+": "+text)
	}
	want := []string{
		"log warn: one", "stdout: one", "log error: the message has failed: trap: unreachable",
		"stdout: two", "log warn: two", "stdout: three", "log warn: four", "stdout: four",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestProcessEnds: an actor whose process ends has stopped; started again, it begins
// anew. What else its process waits for is waited for elsewhere, too.
func TestProcessEnds(t *testing.T) {
	lib := &library{all: map[cid.Cid][]byte{}}
	n, there := newNode(t, lib), newNode(t, lib)
	s := newScript(t, lib.guest(t, "process"))
	a, w := n.activate(s.start(nil))
	s.add(s.ask("inc"))
	a.Apply(s.entries[1:])
	waiting := w.checkpoint(a, 2)
	s.add(s.ask("inc"), s.ask("end"), s.ask("inc"))
	a.Apply(s.entries[2:])
	if last := w.executed(3); last.Status != mailbox.Stopped || last.Reason != "it has ended" {
		t.Errorf("%+v", last)
	}
	if got, want := w.answers(), []string{"1", "2", "2", "stopped: it has ended"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	ended := w.checkpoint(a, 3)
	for _, c := range []*wire.Checkpoint{&waiting, &ended} {
		n.push(s.actor, *c, there)
		s.entries = s.entries[:3]
		b, w2 := there.activate(s.start(c))
		w2.executed(3)
		s.add(control(wire.VerbStart, wire.Link{}, 1))
		s.add(s.ask("inc"))
		b.Apply(s.entries[3:])
		w2.executed(5)
		if got, want := w2.answers(), []string{"1"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if err := b.Halt(); err != nil {
			t.Fatal(err)
		}
	}
}
