package link

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// sleeper is one who sleeps in Watch for an hour, but for what wakes it.
type sleeper struct {
	conn   *Conn
	heard  atomic.Int32
	stop   atomic.Bool
	looked atomic.Int32 // how often it has looked whether to stop
	served chan error
	awake  chan struct{}
}

func asleep(t *testing.T, c *Conn) *sleeper {
	s := &sleeper{conn: c, served: make(chan error, 1), awake: make(chan struct{})}
	go func() { s.served <- c.Serve(s.hear) }()
	go func() {
		defer close(s.awake)
		c.Watch(s.hear, func() bool {
			s.looked.Add(1)
			return s.stop.Load()
		}, 0, time.Hour)
	}()
	s.sleeps(t)
	return s
}

func (s *sleeper) hear(wire.Kind, []byte) error {
	s.stop.Store(s.heard.Add(1) == 1)
	return nil
}

// sleeps waits until it sleeps; the system may still be about to.
func (s *sleeper) sleeps(t *testing.T) {
	eventually(t, "nobody sleeps", func() bool { return s.conn.mine.asleep.Load() > 0 })
}

// wakes waits until Watch has ended.
func (s *sleeper) wakes(t *testing.T) {
	t.Helper()
	select {
	case <-s.awake:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody woke it")
	}
}

func eventually(t *testing.T, otherwise string, f func() bool) {
	t.Helper()
	for begun := time.Now(); !f(); yield() {
		if time.Since(begun) > 30*time.Second {
			t.Fatal(otherwise)
		}
	}
}

func TestWhatWakesOneWhoSleeps(t *testing.T) {
	for name, c := range map[string]struct {
		wake  func(t *testing.T, s *sleeper, other *Conn)
		heard int32
	}{
		"a message in the mailbox": {func(t *testing.T, _ *sleeper, other *Conn) {
			must(t, other.Send(wire.KindBuild, wire.Build{Seq: 1}, nil))
		}, 1},
		"a message too long for it, which Serve hears": {func(t *testing.T, _ *sleeper, other *Conn) {
			must(t, other.Send(wire.KindBuild, wire.Build{Seq: 1, Text: make([]byte, 2*boxSize)}, nil))
		}, 1},
		"a ring of the same side": {func(_ *testing.T, s *sleeper, _ *Conn) {
			s.stop.Store(true)
			s.conn.Ring()
		}, 0},
		"being roused, and then the message": {func(t *testing.T, s *sleeper, other *Conn) {
			before := s.looked.Load()
			eventually(t, "not roused", func() bool {
				other.Rouse()
				return s.looked.Load() > before+1 // once before it slept
			})
			must(t, other.Send(wire.KindBuild, wire.Build{Seq: 1}, nil))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := shared(t)
			s := asleep(t, a)
			c.wake(t, s, b)
			s.wakes(t)
			if n := s.heard.Load(); n != c.heard {
				t.Errorf("%d messages", n)
			}
			must(t, errors.Join(a.Close(), b.Close()))
			<-s.served
		})
	}
}

// Nobody answers: that is no reason to sleep for longer.
func TestSleepEnds(t *testing.T) {
	a, _ := shared(t)
	begun := time.Now()
	a.Watch(func(wire.Kind, []byte) error { return nil }, func() bool { return false }, 0, 20*time.Millisecond)
	if took := time.Since(begun); took < 20*time.Millisecond || took > 10*time.Second {
		t.Errorf("%v", took)
	}
}

// The other side writes to the words of the mailbox what it likes: who sleeps there gives up in time.
func TestSleepAtTheMailboxOfALiar(t *testing.T) {
	a, b := shared(t)
	done := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		for i := uint32(0); ; i++ {
			select {
			case <-done:
				return
			default:
				b.theirs.bell.Store(i)
				b.theirs.asleep.Store(i % 3)
				b.theirs.looking.Store(i % 5)
				wake(&b.theirs.bell)
			}
		}
	}()
	for range 50 {
		begun := time.Now()
		a.Watch(func(wire.Kind, []byte) error { return nil }, func() bool { return false }, 0, 2*time.Millisecond)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%v", took)
		}
	}
	close(done)
	<-over
}

// Where a filter of system calls, say, keeps it from sleeping, it is no loop that never sleeps.
func TestWhereNobodyCanSleep(t *testing.T) {
	nowhere, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(t, err)
	if sleep((*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(nowhere))), 0, time.Hour) {
		t.Error("it slept where there is no memory")
	}
	must(t, unix.Munmap(nowhere))
}
