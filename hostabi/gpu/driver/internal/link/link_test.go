package link

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

func pair(t *testing.T) (a, b *Conn) {
	t.Helper()
	a, f, err := Pair()
	must(t, err)
	b, err = New(f)
	must(t, err)
	t.Cleanup(func() { _ = errors.Join(a.Close(), b.Close()) }) // some tests close them
	return a, b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMessagesArriveInOrder(t *testing.T) {
	a, b := pair(t)
	sent := make(chan error)
	go func() {
		var err error
		for i := range 1000 {
			// Sizes that fill the buffers every way.
			err = errors.Join(err, a.Send(wire.KindBuild, wire.Build{Seq: uint64(i), Text: make([]byte, i*i%50_000)}, nil))
		}
		sent <- errors.Join(err, a.CloseWrite())
	}()
	for i := range 1000 {
		kind, body, err := b.Receive()
		must(t, err)
		var m wire.Build
		must(t, wire.Decode(body, &m))
		if kind != wire.KindBuild || m.Seq != uint64(i) || len(m.Text) != i*i%50_000 {
			t.Fatalf("message %d: kind %d, %d, %d bytes", i, kind, m.Seq, len(m.Text))
		}
	}
	must(t, <-sent)
	if !b.Ready() {
		t.Error("the end is not to be received at once")
	}
	if _, _, err := b.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestMemoryIsShared(t *testing.T) {
	a, b := pair(t)
	f, err := NewMemory(10_000)
	must(t, err)
	mine, err := Map(f, 10_000)
	must(t, err)
	must(t, a.Send(wire.KindNewBuffer, wire.NewBuffer{Seq: 1, Size: 10_000}, f))
	must(t, f.Close())
	_, _, err = b.Receive()
	must(t, err)
	got, err := b.File()
	must(t, err)
	theirs, err := Map(got, 10_000)
	must(t, err)
	mine[9_999] = 42
	if theirs[9_999] != 42 {
		t.Error("not the same memory")
	}
	if err := got.Truncate(1); err == nil && sealed(got) {
		if info, err := got.Stat(); err == nil && info.Size() < 10_000 {
			t.Error("it could be made shorter")
		}
	}
	if _, err := Map(got, 10_001); !errors.Is(err, device.ErrMemory) {
		t.Errorf("more than there is: %v", err)
	}
	must(t, errors.Join(Unmap(mine), Unmap(theirs), got.Close()))
	if _, err := b.File(); !errors.Is(err, wire.ErrFrame) {
		t.Errorf("a descriptor that did not come: %v", err)
	}
}

func TestMemoryThatIsNotSealedIsNotMapped(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	must(t, f.Truncate(4096))
	if b, err := Map(f, 4096); !sealed(f) && err == nil {
		t.Errorf("%d bytes", len(b))
	}
	must(t, f.Close())
}

func TestDescriptorsThatNobodyAskedFor(t *testing.T) {
	a, b := pair(t)
	f, err := NewMemory(1)
	must(t, err)
	for range maxFiles + 1 {
		must(t, a.Send(wire.KindProbe, wire.Probe{}, f))
	}
	var failed error
	for range maxFiles + 1 {
		if _, _, failed = b.Receive(); failed != nil {
			break
		}
	}
	if !errors.Is(failed, wire.ErrFrame) {
		t.Error(failed)
	}
	must(t, errors.Join(b.Discard(), f.Close()))
}

func TestInterruptEndsASend(t *testing.T) {
	a, _ := pair(t)
	failed := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = a.Send(wire.KindBuild, wire.Build{Text: make([]byte, 1<<20)}, nil)
		}
		failed <- err
	}()
	a.Interrupt()
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestMemoryOfNoSize(t *testing.T) {
	for _, size := range []uint64{0, 1 << 63} {
		if _, err := NewMemory(size); !errors.Is(err, device.ErrMemory) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
