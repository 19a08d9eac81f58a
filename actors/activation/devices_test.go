package activation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/hostabi/gpu/kernels"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// withDevice gives a node a device of its own.
func withDevice(t testing.TB) func(*Config) {
	backend := kernels.New()
	t.Cleanup(func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(c *Config) {
		c.GPU = func(*swire.GPUSpec) gpu.Config { return gpu.Config{Backend: backend} }
	}
}

// onDevice is the log of an actor that needs a GPU.
func onDevice(t testing.TB, module wire.Link) *script {
	s := newScript(t, module)
	s.spec.GPU = &swire.GPUSpec{Required: true, Count: 1}
	return s
}

// say applies asks, each in an entry of its own, and waits until they are executed.
func say(a *Activation, s *script, w *watcher, asks ...string) {
	s.t.Helper()
	var last wire.Committed
	for _, text := range asks {
		last = s.add(s.ask(text))
		a.Apply([]wire.Committed{last})
	}
	w.executed(last.Index)
}

// agreed has all checkpoints agreed on until there are so many answers. It returns the
// last one.
func (w *watcher) agreed(a *Activation, answers int) (last wire.Checkpoint) {
	w.t.Helper()
	w.until(func() bool {
		for _, c := range w.captured {
			last = c.Checkpoint
			a.Agreed(last.Sequence)
		}
		return countAnswers(w.outputs) >= answers
	})
	return last
}

func (w *watcher) hears(want ...string) {
	w.t.Helper()
	w.until(func() bool { return countAnswers(w.outputs) >= len(want) })
	if got := w.answers(); !slices.Equal(got, want) {
		w.t.Fatalf("%q, want %q", got, want)
	}
}

func countAnswers(out []mailbox.Output) (n int) {
	for _, o := range out {
		if _, ok := o.(mailbox.Answer); ok {
			n++
		}
	}
	return n
}

func activated(t testing.TB, n *node, s *script, c *wire.Checkpoint) (*Activation, *watcher) {
	t.Helper()
	w := newWatcher(t)
	a, err := n.Activate(s.start(c), w)
	if err != nil {
		t.Fatal(err)
	}
	return a, w
}

func halt(t testing.TB, a *Activation) {
	t.Helper()
	if err := a.Halt(); err != nil {
		t.Error(err)
	}
}

// What an actor has seen of its device leaves when a checkpoint that covers it is
// agreed on, and so does all that follows: in order. What it has not looked at, it may
// talk about at once.
func TestWhatDevicesSayWaits(t *testing.T) {
	for _, style := range []string{"device", "devices"} {
		t.Run(style, func(t *testing.T) {
			l := &library{all: map[cid.Cid][]byte{}}
			n := newNode(t, l, withDevice(t))
			s := onDevice(t, l.guest(t, style))
			a, w := activated(t, n, s, nil)
			defer halt(t, a)
			say(a, s, w, "add 1", "add 2")
			w.hears("errno 0", "errno 0")
			say(a, s, w, "mean", "add 4")
			if got := w.answers(); len(got) != 2 {
				t.Fatalf("%q leaves before anybody has agreed", got)
			}
			w.agreed(a, 4)
			w.hears("errno 0", "errno 0", "3", "errno 0")
			say(a, s, w, "add 1")
			w.hears("errno 0", "errno 0", "3", "errno 0", "errno 0")
		})
	}
}

// The device's contents go along to another node, from a checkpoint and with what was
// done behind it.
func TestDevicesMove(t *testing.T) {
	for _, style := range []string{"device", "devices"} {
		t.Run(style, func(t *testing.T) {
			l := &library{all: map[cid.Cid][]byte{}}
			n, other := newNode(t, l, withDevice(t)), newNode(t, l, withDevice(t))
			s := onDevice(t, l.guest(t, style))
			a, w := activated(t, n, s, nil)
			say(a, s, w, "add 1", "add 2.5", "mean")
			c := w.agreed(a, 3)
			w.hears("errno 0", "errno 0", "3.5")
			say(a, s, w, "add 4", "mean") // and nobody hears of it
			halt(t, a)

			n.push(s.actor, c, other)
			s.epoch++
			s.activate()
			b, w := activated(t, other, s, &c)
			defer halt(t, b)
			say(b, s, w, "mean")
			w.agreed(b, 1)
			if got := w.answers(); got[len(got)-1] != "7.5" {
				t.Errorf("%q", got)
			}
		})
	}
}

// A message that fails after a look at the device leaves no trace there, and its sender
// hears of it when that is agreed on.
func TestFailuresAfterALook(t *testing.T) {
	l := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, l, withDevice(t))
	s := onDevice(t, l.guest(t, "device"))
	a, w := activated(t, n, s, nil)
	defer halt(t, a)
	say(a, s, w, "add 1", "mean")
	w.agreed(a, 2)
	w.hears("errno 0", "1")
	say(a, s, w, "add fail") // no look
	w.until(func() bool { return countAnswers(w.outputs) == 3 })
	say(a, s, w, "mean fail", "mean")
	if got := w.answers(); len(got) != 3 {
		t.Fatalf("%q leaves before anybody has agreed", got)
	}
	w.agreed(a, 5)
	got := w.answers()
	if !strings.HasPrefix(got[2], "failed: trap") || !strings.HasPrefix(got[3], "failed: trap") || got[4] != "1" {
		t.Errorf("%q", got)
	}
}

// Waiting for another actor after a look at the device would be for ever: the question
// cannot leave before a checkpoint, and in a message there is none.
func TestNoAwaitAfterALook(t *testing.T) {
	l := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, l, withDevice(t))
	s := onDevice(t, l.guest(t, "device"))
	a, w := activated(t, n, s, nil)
	defer halt(t, a)
	say(a, s, w, "mean", "mean ask other")
	w.agreed(a, 2)
	w.hears("0", "errno 58")
	say(a, s, w, "mean", "ask other") // which waits, and not for the checkpoint
	w.agreed(a, 3)
	w.until(func() bool {
		return slices.ContainsFunc(w.outputs, func(o mailbox.Output) bool { s, ok := o.(mailbox.Sent); return ok && s.To == "other" })
	})
}

// What could not be moved is refused at the beginning, by name.
func TestDevicesThatCannotMove(t *testing.T) {
	l := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, l, withDevice(t), func(c *Config) { c.Runtime = newRuntime(t, false) })
	s := onDevice(t, l.guest(t, "devices"))
	a, w := activated(t, n, s, nil)
	defer halt(t, a)
	say(a, s, w, "mean")
	w.until(func() bool { return countAnswers(w.outputs) == 1 })
	if got := w.answers()[0]; !strings.Contains(got, "cannot be suspended cannot have GPUs") {
		t.Error(got)
	}
}

// A message that takes too long has failed, and is not heard of before that is agreed
// on: elsewhere it might have been in time.
func TestKernelsThatNeverEnd(t *testing.T) {
	l := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, l, withDevice(t), func(c *Config) { c.DeviceTime = time.Nanosecond })
	s := onDevice(t, l.guest(t, "device"))
	a, w := activated(t, n, s, nil)
	defer halt(t, a)
	say(a, s, w, "add 1")
	if got := w.answers(); len(got) != 0 {
		t.Fatalf("%q leaves before anybody has agreed", got)
	}
	w.agreed(a, 1)
	w.hears("stopped: it could not begin: timeout")
}

// A node without a device does not run an actor that needs one: another may.
func TestNoDeviceHere(t *testing.T) {
	l := &library{all: map[cid.Cid][]byte{}}
	n := newNode(t, l)
	s := onDevice(t, l.guest(t, "device"))
	a, w := activated(t, n, s, nil)
	defer halt(t, a)
	w.failed()
	if !strings.Contains(w.err.Error(), "no GPU") {
		t.Error(w.err)
	}
}
