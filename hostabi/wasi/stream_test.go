package wasi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// stuck is a reader and writer whose calls begin and do not end before release.
type stuck struct {
	entered, release chan struct{}
}

func newStuck() stuck { return stuck{make(chan struct{}, 1), make(chan struct{})} }

func (s stuck) Read([]byte) (int, error)    { return s.wait() }
func (s stuck) Write(p []byte) (int, error) { return s.wait() }

func (s stuck) wait() (int, error) {
	s.entered <- struct{}{}
	<-s.release
	return 0, io.EOF
}

// TestStuckStreams cancels a guest inside a Read of standard input, a Write of
// standard output, and a poll: the host function returns, Close does not wait,
// and the goroutine ends once the call does.
func TestStuckStreams(t *testing.T) {
	for name, call := range map[string]func(g *guest) errno{
		"read":  func(g *guest) errno { _, e := g.read(0, 10); return e },
		"write": func(g *guest) errno { _, e := g.write(1, "text"); return e },
		"poll": func(g *guest) errno {
			_, e := g.poll(fdSub(1, eventRead, 0), clockSub(2, clockMonotonic, 3600e9, 0))
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStuck()
				g := newGuest(t, Config{Stdin: s, Stdout: s})
				ctx, cancel := context.WithCancel(t.Context())
				g.ctx = ctx
				go func() {
					<-s.entered
					cancel()
				}()
				g.want(name, call(g), eintr)
				if err := g.system.Close(); err != nil {
					t.Error(err)
				}
				close(s.release) // the bubble waits for every goroutine to end
			})
		})
	}
}

// TestCloseTwice closes a system that read and wrote through goroutines.
func TestCloseTwice(t *testing.T) {
	g := newGuest(t, Config{Stdin: iotest.OneByteReader(strings.NewReader("abc")), Stdout: struct{ io.Writer }{io.Discard}})
	g.wantRead("a")(g.read(0, 10))
	g.wantWrite(2)(g.write(1, "hi"))
	for range 2 {
		if err := g.system.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStdin(t *testing.T) {
	big := strings.Repeat("0123456789", 20000)
	for _, c := range []struct {
		name          string
		reader        io.Reader
		deterministic bool
		sizes         []int
		want          []string
		end           errno
	}{
		{"none", nil, false, []int{10}, []string{""}, success},
		{"direct", strings.NewReader("hello"), false, []int{2, 10, 10}, []string{"he", "llo", ""}, success},
		{"in pieces", iotest.OneByteReader(strings.NewReader("abc")), false, []int{9, 9, 9, 9}, []string{"a", "b", "c", ""}, success},
		{"in pieces, deterministic", iotest.OneByteReader(strings.NewReader("abc")), true, []int{2, 9, 9}, []string{"ab", "c", ""}, success},
		{"large, deterministic", iotest.HalfReader(strings.NewReader(big)), true, []int{50000, 50000}, []string{big[:50000], big[50000:100000]}, success},
		{"data with EOF", iotest.DataErrReader(strings.NewReader("abc")), false, []int{9, 9}, []string{"abc", ""}, success},
		{"broken", iotest.ErrReader(errors.New("broken")), false, nil, nil, eio},
		{"never anything", iotest.ErrReader(nil), false, nil, nil, eio},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuest(t, Config{Stdin: c.reader, Deterministic: c.deterministic})
			g.memory = make([]byte, 1<<17)
			for i, size := range c.sizes {
				g.wantRead(c.want[i])(g.read(0, size))
			}
			if c.end != success {
				_, e := g.read(0, 1)
				g.want("read", e, c.end)
			}
		})
	}
}

// TestNonblockingStdin reads before and after something has come.
func TestNonblockingStdin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		g := newGuest(t, Config{Stdin: r})
		g.ok("set_flags", g.call("fd_fdstat_set_flags", 0, int(flagNonblock)))
		_, e := g.read(0, 10)
		g.want("read", e, eagain)
		go func() {
			w.Write([]byte("abc"))
			w.Close()
		}()
		synctest.Wait()
		g.wantRead("abc")(g.read(0, 10))
		g.ok("set_flags", g.call("fd_fdstat_set_flags", 0, 0))
		g.wantRead("")(g.read(0, 10))
	})
}

// failing writes what fits, then fails.
type failing struct {
	room int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	n := min(f.room, len(p))
	f.room -= n
	if n < len(p) {
		return n, f.err
	}
	return n, nil
}

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	g := newGuest(t, Config{Stdout: &out, Stderr: &out})
	g.wantWrite(3)(g.write(1, "one"))
	g.wantWrite(3)(g.write(2, "two"))
	if out.String() != "onetwo" || g.system.state.Stdout != 3 || g.system.state.Stderr != 3 {
		t.Errorf("%q, counters %d %d", out.String(), g.system.state.Stdout, g.system.state.Stderr)
	}
	for _, c := range []struct {
		err  error
		want errno
	}{{syscall.EPIPE, epipe}, {io.ErrClosedPipe, epipe}, {os.ErrClosed, epipe}, {syscall.ENOSPC, enospc}, {errors.New("x"), eio}, {nil, eio}} {
		g := newGuest(t, Config{Stdout: &failing{2, c.err}})
		g.wantWrite(2)(g.write(1, "abc"))
		_, e := g.write(1, "c")
		g.want("write", e, c.want)
	}
}

// TestSeveralBuffers reads and writes through more than one buffer, some empty.
func TestSeveralBuffers(t *testing.T) {
	var out bytes.Buffer
	g := newGuest(t, Config{Stdin: strings.NewReader("abcdef"), Stdout: &out})
	for i, v := range []uint32{atData, 2, atData, 0, atData + 100, 3} {
		le.PutUint32(g.memory[atIovec+4*i:], v)
	}
	g.ok("read", g.call("fd_read", 0, atIovec, 3, atResult))
	if got := string(g.memory[atData:][:2]) + string(g.memory[atData+100:][:3]); got != "abcde" || g.u32(atResult) != 5 {
		t.Errorf("read %q", got)
	}
	g.ok("write", g.call("fd_write", 1, atIovec, 3, atResult))
	if out.String() != "abcde" {
		t.Errorf("wrote %q", out.String())
	}
}

// TestPoll uses the fake time of synctest: what a poll waits is exact.
func TestPoll(t *testing.T) {
	text := func(s string) func() io.Reader {
		return func() io.Reader { return strings.NewReader(s) }
	}
	never := func() io.Reader {
		r, w := io.Pipe()
		time.AfterFunc(time.Hour, func() { w.Close() })
		return r
	}
	later := func() io.Reader {
		r, w := io.Pipe()
		time.AfterFunc(3*time.Millisecond, func() { w.Write([]byte("ab")) })
		return r
	}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		stdin func() io.Reader
		subs  [][]byte
		want  []event
		waits time.Duration
	}{
		"relative":     {text(""), [][]byte{clockSub(1, clockMonotonic, 5e6, 0)}, []event{{1, 0, eventClock, 0, 0}}, 5 * ms},
		"first of two": {text(""), [][]byte{clockSub(1, clockRealtime, 9e6, 0), clockSub(2, clockProcess, 5e6, 0)}, []event{{2, 0, eventClock, 0, 0}}, 5 * ms},
		"past":         {text(""), [][]byte{clockSub(1, clockRealtime, 1, clockAbsolute)}, []event{{1, 0, eventClock, 0, 0}}, 0},
		"to come":      {text(""), [][]byte{clockSub(1, clockRealtime, 946684800e9+7e6, clockAbsolute)}, []event{{1, 0, eventClock, 0, 0}}, 7 * ms},
		"input":        {text("abc"), [][]byte{fdSub(1, eventRead, 0), clockSub(2, clockMonotonic, 5e6, 0)}, []event{{1, 0, eventRead, 3, 0}}, 0},
		"end of input": {text(""), [][]byte{fdSub(1, eventRead, 0)}, []event{{1, 0, eventRead, 0, eventFlagHangup}}, 0},
		"no input":     {never, [][]byte{fdSub(1, eventRead, 0), clockSub(2, clockMonotonic, 5e6, 0)}, []event{{2, 0, eventClock, 0, 0}}, 5 * ms},
		"only input":   {never, [][]byte{fdSub(1, eventRead, 0)}, []event{{1, 0, eventRead, 0, eventFlagHangup}}, time.Hour},
		"input later":  {later, [][]byte{fdSub(1, eventRead, 0), clockSub(2, clockMonotonic, 5e6, 0)}, []event{{1, 0, eventRead, 2, 0}}, 3 * ms},
		"output":       {text(""), [][]byte{fdSub(1, eventWrite, 1), fdSub(2, eventWrite, 2)}, []event{{1, 0, eventWrite, 0, 0}, {2, 0, eventWrite, 0, 0}}, 0},
		"bad descriptors": {text(""), [][]byte{fdSub(1, eventWrite, 0), fdSub(2, eventRead, 99)},
			[]event{{1, enotcapable, eventWrite, 0, 0}, {2, ebadf, eventRead, 0, 0}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock := func() int64 { return time.Now().UnixNano() }
				g := newGuest(t, Config{Stdin: c.stdin(), Sources: Sources{Realtime: clock, Monotonic: clock}})
				begin := time.Now()
				got, e := g.poll(c.subs...)
				g.ok("poll", e)
				if waited := time.Since(begin); waited != c.waits {
					t.Errorf("waited %v, want %v", waited, c.waits)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("events %+v, want %+v", got, c.want)
				}
				time.Sleep(2 * time.Hour) // fake: lets the sources end
			})
		})
	}
}

// TestDeterministicTime sleeps for a year at once, and reads clocks that step.
func TestDeterministicTime(t *testing.T) {
	g := newGuest(t, Config{Deterministic: true})
	read := func(clock int) uint64 {
		g.ok("clock", g.call("clock_time_get", clock, 0, atResult))
		return g.u64(atResult)
	}
	if got := read(clockRealtime); got != virtualStart+virtualStep {
		t.Errorf("first reading %d", got)
	}
	before := read(clockMonotonic)
	const year = uint64(365 * 24 * time.Hour)
	_, e := g.poll(clockSub(1, clockMonotonic, year, 0))
	g.ok("poll", e)
	if got := read(clockMonotonic); got != before+year+virtualStep {
		t.Errorf("after a year %d, before %d", got, before)
	}
	for range 3 { // time does not overflow
		_, e = g.poll(clockSub(1, clockMonotonic, 1<<64-1, 0))
		g.ok("poll", e)
	}
	if got := read(clockRealtime); got <= virtualEnd {
		t.Errorf("at the end of time %d", got)
	}
}

// TestSleep has clocks that stand still unless the guest sleeps.
func TestSleep(t *testing.T) {
	now := int64(946684800e9)
	clock := func() int64 { return now }
	g := newGuest(t, Config{Sources: Sources{
		Realtime: clock, Monotonic: clock, Sleep: func(ns uint64) { now += int64(ns) },
	}})
	begin := now
	got, e := g.poll(clockSub(1, clockMonotonic, 3600e9, 0), clockSub(2, clockRealtime, 7200e9, 0))
	g.ok("poll", e)
	if want := (event{1, 0, eventClock, 0, 0}); len(got) != 1 || got[0] != want || now-begin != 3600e9 {
		t.Errorf("events %+v after %d ns", got, now-begin)
	}
}
