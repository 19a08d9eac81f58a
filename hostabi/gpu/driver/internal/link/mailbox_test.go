package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/quick"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// shared is a pair with mailboxes.
func shared(t *testing.T) (a, b *Conn) {
	t.Helper()
	a, b = pair(t)
	must(t, a.Share())
	kind, _, err := b.Receive()
	must(t, err)
	if kind != wire.KindShare {
		t.Fatalf("message %d", kind)
	}
	must(t, b.Accept())
	return a, b
}

func seqOf(t *testing.T, body []byte) uint64 {
	t.Helper()
	var m wire.Build
	must(t, wire.Decode(body, &m))
	return m.Seq
}

// Messages that are left in mailboxes and such that are sent, as chance has it, come in order, each
// once.
func TestOrderIsThatOfSending(t *testing.T) {
	const n = 5000
	a, b := shared(t)
	gone := make(chan error, 1)
	go func() { // answers what it gets; some is too long for a mailbox
		var err error
		for err == nil {
			var m wire.Build
			var body []byte
			if _, body, err = b.Receive(); err == nil {
				err = wire.Decode(body, &m)
			}
			if err == nil {
				err = b.Send(wire.KindBuild, m, nil)
			}
		}
		gone <- err
	}()
	var heard atomic.Uint64
	hear := func(_ wire.Kind, body []byte) error {
		if seq := seqOf(t, body); seq != heard.Load() {
			t.Errorf("message %d in place of %d", seq, heard.Load())
		}
		heard.Add(1)
		return nil
	}
	served := make(chan error, 1)
	go func() { served <- a.Serve(hear) }()
	random := rand.New(rand.NewPCG(1, 2))
	left := 0
	for i := range uint64(n) {
		must(t, a.Send(wire.KindBuild, wire.Build{Seq: i, Text: make([]byte, random.IntN(40)*random.IntN(200))}, nil))
		if a.theirs.full() {
			left++
		}
		if random.IntN(3) == 0 {
			a.Watch(hear, func() bool { return heard.Load() == i+1 }, Eager, 0)
		}
	}
	must(t, a.CloseWrite())
	if err := <-gone; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	must(t, b.CloseWrite())
	if err := <-served; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if heard.Load() != n || left == 0 {
		t.Errorf("%d of %d answers; %d messages seen in the mailbox", heard.Load(), n, left)
	}
}

// What was left before the end is heard before it.
func TestMailBeforeTheEnd(t *testing.T) {
	a, b := shared(t)
	b.mine.looking.Store(1)
	must(t, a.Send(wire.KindBuild, wire.Build{Seq: 7}, nil))
	if !b.Ready() || !b.mine.full() {
		t.Error("nothing in the mailbox")
	}
	must(t, a.CloseWrite())
	_, body, err := b.Receive()
	must(t, err)
	if seqOf(t, body) != 7 {
		t.Error("another message")
	}
	if _, _, err := b.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Messages come just when the other side stops looking and goes to sleep, before and after, left for it and
// sent; each is heard without another that wakes it, and so is the end.
func TestNobodySleepsOverMail(t *testing.T) {
	a, b := shared(t)
	heard := make(chan error)
	go func() {
		for {
			_, _, err := b.Receive()
			heard <- err
			if err != nil {
				return
			}
		}
	}()
	hears := func() error {
		t.Helper()
		select {
		case err := <-heard:
			return err
		case <-time.After(30 * time.Second):
			t.Fatal("nobody hears it")
			return nil
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 2000 {
		pause := time.Duration(random.Int64N(int64(2 * idle)))
		for start := time.Now(); time.Since(start) < pause; {
			yield()
		}
		must(t, a.Send(wire.KindBuild, wire.Build{Text: make([]byte, i%2*boxSize)}, nil))
		must(t, hears())
	}
	must(t, a.CloseWrite())
	if err := hears(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Whatever is written to the memory: it is a message, or an error that Serve has.
func TestMailboxOfALiar(t *testing.T) {
	for name, fill := range map[string]func(b *box){
		"too long":      func(b *box) { b.length.Store(boxSize) },
		"huge":          func(b *box) { b.length.Store(1 << 31) },
		"too short":     func(b *box) { b.length.Store(wire.HeaderSize - 1) },
		"without frame": func(b *box) { b.length.Store(100) },
		"other length":  func(b *box) { b.text[0] = 10; b.length.Store(100) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := shared(t)
			served := make(chan error, 1)
			nothing := func(wire.Kind, []byte) error { return nil }
			go func() { served <- a.Serve(nothing) }()
			fill(b.theirs)
			a.Watch(nothing, func() bool { return false }, Eager, 0)
			if err := <-served; !errors.Is(err, wire.ErrFrame) {
				t.Error(err)
			}
		})
	}
}

// An endless stream of messages does not keep one who watches.
func TestWatchEnds(t *testing.T) {
	a, b := shared(t)
	nothing := func(wire.Kind, []byte) error { return nil }
	go func() { _ = a.Serve(nothing) }() // until the connections are closed
	copy(b.theirs.text[:], wire.Bell)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				b.theirs.length.CompareAndSwap(0, wire.HeaderSize)
			}
		}
	}()
	for range 100 {
		start := time.Now()
		a.Watch(nothing, func() bool { return false }, Eager, 0)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%v", took)
		}
	}
	close(stop)
	<-ended
}

func TestMailboxTakesWhatFits(t *testing.T) {
	must(t, quick.Check(func(n uint16, looking bool, sent, taken uint8) bool {
		b := new(box)
		b.taken.Store(uint32(taken))
		if looking {
			b.looking.Store(1)
		}
		frame := make([]byte, n)
		fits := int(n) <= len(b.text)
		return b.put(frame, uint32(sent)) == (looking && fits && sent == taken) || n == 0
	}, nil))
}
