package driver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// liar is the argument that makes this test's program a driver which a hostile kernel has taken
// over: it answers what it likes.
const liar = "liar"

func lie() error {
	seed, err := strconv.ParseUint(os.Args[2], 10, 64)
	if err != nil {
		return err
	}
	l := &liarProcess{random: rand.New(rand.NewPCG(seed, 0))}
	control, err := link.New(os.NewFile(wire.SocketFile, "control"))
	if err != nil {
		return err
	}
	facts := wire.Facts{Version: wire.Version, Devices: []device.Info{{
		ID: "x", Name: "\x1b[2J", Kind: device.CPU, Unified: true, Memory: 1 << 30, MaxBuffer: 1 << 30, MaxGroup: 64,
		MaxItems: [3]uint64{64, 64, 64}, Forms: []device.Form{device.OpenCLC},
	}}}
	if err := control.Send(wire.KindFacts, facts, nil); err != nil {
		return err
	}
	for {
		kind, _, err := control.Receive()
		if err != nil {
			return err
		}
		if kind != wire.KindOpen {
			continue // it does not say what it is doing
		}
		f, err := control.File()
		if err != nil {
			return err
		}
		session, err := link.New(f)
		if err != nil {
			return err
		}
		go func() { _ = l.serve(session) }()
	}
}

// liarProcess answers by chance.
type liarProcess struct{ random *rand.Rand }

func (l *liarProcess) serve(c *link.Conn) error {
	for seq := uint64(1); ; seq++ {
		if _, _, err := c.Receive(); err != nil {
			return err
		}
		for range l.random.IntN(4) {
			if err := l.answer(c, seq); err != nil {
				return err
			}
		}
	}
}

// answer says something, now and then even what was asked for.
func (l *liarProcess) answer(c *link.Conn, seq uint64) error {
	if l.random.IntN(3) == 0 {
		seq = l.random.Uint64N(10)
	}
	huge := time.Duration(l.random.Uint64())
	switch l.random.IntN(8) {
	case 0:
		return c.Send(wire.KindBuilt, wire.Built{Seq: seq, Kernels: []device.Signature{{Name: "k", MaxGroup: 1 << 60}}, Binary: []byte("x")}, nil)
	case 1:
		return c.Send(wire.KindBuilt, wire.Built{Seq: seq, Kernels: make([]device.Signature, l.random.IntN(1000))}, nil)
	case 2:
		return c.Send(wire.KindDone, wire.Done{Seq: seq, Fault: wire.Fault(l.random.UintN(256)), Text: "\x00\xff"}, nil)
	case 3:
		return c.Send(wire.Kind(l.random.UintN(20)), wire.Free{ID: seq}, nil)
	case 4:
		f, err := link.NewMemory(1)
		if err != nil {
			return err
		}
		return c.Send(wire.KindDone, wire.Done{Seq: seq}, f)
	}
	return c.Send(wire.KindDone, wire.Done{Seq: seq, Started: -huge, Ended: huge}, nil)
}

// Whatever a driver says, calls return, and nothing is believed that cannot be.
func TestDriverThatLies(t *testing.T) {
	for seed := range 12 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			own, err := os.Executable()
			must(t, err)
			d, err := New(Config{Command: []string{own, liar, fmt.Sprint(seed)}, Grace: 10 * time.Millisecond, StartTimeout: time.Second})
			must(t, err)
			defer func() { must(t, d.Close()) }()
			infos, err := d.Devices(soon(t))
			must(t, err)
			if infos[0].Name != " [2J" {
				t.Errorf("name %q", infos[0].Name)
			}
			for range 2 {
				useLiar(t, d)
			}
		})
	}
}

// useLiar does what there is to be done; any of it may fail.
func useLiar(t *testing.T, d *Driver) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // it may well not answer
	defer cancel()
	start := time.Now()
	s, err := d.Open(ctx, device.Limits{Devices: []int{0}, Memory: 1 << 20, QueueTime: time.Second})
	if err != nil {
		return
	}
	defer func() { must(t, s.Close()) }()
	b, err := s.NewBuffer(ctx, 0, 4096)
	if err != nil {
		return
	}
	_ = b.Write(ctx, 0, make([]byte, 4096))
	if e, err := s.Copy(ctx, b, 0, b, 2048, 1024); err == nil {
		_ = device.Wait(ctx, e)
	}
	if p, err := s.Build(ctx, 0, device.Source{Form: device.OpenCLC, Text: []byte("kernel")}); err == nil {
		for _, k := range p.Kernels() {
			if k, err := p.Kernel(k.Name); err == nil {
				_, _ = k.Launch(ctx, items(1))
			}
		}
	}
	_ = b.Read(ctx, 0, make([]byte, 4096))
	if busy := s.Usage().Busy; busy < 0 || busy > time.Since(start)*wire.MaxQueued {
		t.Errorf("busy for %v", busy)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("calls that had 100ms returned after %v", took)
	}
}
