package driver

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// A session that queues launches without end keeps no other waiting for more than a few of them, and
// what they leave behind does not grow.
func TestFloodIsFair(t *testing.T) {
	d := open(t, Config{})
	for name, c := range map[string]struct {
		source   string
		launches int
	}{
		"short": {"kernel void k(global volatile int *x) { x[0]++; }", 10_000},
		"long":  {"kernel void k(global volatile int *x) { for (int i = 0; i < 1000000; i++) x[0]++; }", 300},
	} {
		t.Run(name, func(t *testing.T) {
			flood, other := begin(t, d, device.Limits{}), begin(t, d, device.Limits{})
			k, b := find(t, build(t, flood, c.source), "k"), buffer1(t, flood, 64)
			launch := func() device.Event {
				e, err := k.Launch(t.Context(), items(1), device.Whole(b))
				must(t, err)
				return e
			}
			begun := time.Now()
			must(t, device.Wait(soon(t), launch()))
			one := time.Since(begun)

			full, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for n := range c.launches / 2 {
					if _, err := k.Launch(t.Context(), items(1), device.Whole(b)); err != nil {
						t.Error(err)
					}
					if n == min(200, c.launches/2-1) {
						close(full)
					}
				}
			}()
			<-full
			if took, most := waits(t, other), 50*one+time.Second; took > most {
				t.Errorf("waited for %v beside launches of %v", took, one)
			}
			<-ended
			must(t, b.Read(t.Context(), 0, make([]byte, 4)))
			before := resident(t, d) // with all that the library makes once
			for range c.launches / 2 {
				launch()
			}
			must(t, b.Read(t.Context(), 0, make([]byte, 4)))
			if more := resident(t, d) - before; more > 8<<20 {
				t.Errorf("%d launches left %d bytes behind", c.launches/2, more)
			}
		})
	}
}

// waits is the longest that a session takes for a launch, of ten.
func waits(t *testing.T, s device.Session) (worst time.Duration) {
	k, b := find(t, build(t, s, kernels), "fill"), buffer1(t, s, 64)
	for range 10 {
		begun := time.Now()
		e, err := k.Launch(t.Context(), items(1), device.Whole(b), device.Scalar(uint32(1)))
		must(t, err)
		must(t, device.Wait(soon(t), e))
		worst = max(worst, time.Since(begun))
	}
	return worst
}

// resident is how much memory the driver process has, in bytes; 0 where that is not told.
func resident(t *testing.T, d *Driver) int64 {
	var size, pages int64
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.Pid()))
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		t.Log(err)
	}
	return pages * int64(os.Getpagesize())
}
