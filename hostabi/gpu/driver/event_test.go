package driver

import (
	goruntime "runtime"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
)

// Who waits for a kernel that never ends sleeps, again and again, and no longer than its session lasts.
func TestWaiterSleeps(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{}).(*session)
	e := launchOn(t, s, "endless", device.Whole(buffer1(t, s, 64))).(*event)
	s.took.Store(int64(link.Patient)) // so it does not look
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !e.ended() {
			device.Watch(e)
		}
	}()
	beds := s.process.beds
	for ctx := soon(t); len(beds) == 0; goruntime.Gosched() {
		must(t, ctx.Err())
	}
	must(t, s.Close())
	<-ended
	if len(beds) > 0 {
		t.Error("it is still asleep")
	}
}

// Who finds no bed, or waits for what takes too long to sleep for, waits without.
func TestWaitingWithoutSleep(t *testing.T) {
	for name, c := range map[string]struct {
		taken int
		took  time.Duration
	}{
		"all beds are taken":    {maxAsleep, link.Patient},
		"for a long kernel":     {0, link.Patient + 1},
		"looking, without beds": {maxAsleep, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, open(t, Config{}), device.Limits{}).(*session)
			for range c.taken {
				s.process.beds <- struct{}{}
			}
			k := find(t, build(t, s, kernels), "fill")
			b := buffer1(t, s, 64)
			for i := range uint32(20) {
				s.took.Store(int64(c.took))
				e, err := k.Launch(t.Context(), items(1), device.Whole(b), device.Scalar(i))
				must(t, err)
				must(t, device.Wait(soon(t), e))
				if got := readInts(t, b, 1); got[0] != int32(i) {
					t.Errorf("read %v", got)
				}
			}
			if len(s.process.beds) != c.taken {
				t.Errorf("%d beds are taken, not %d", len(s.process.beds), c.taken)
			}
		})
	}
}
