package driver

import (
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// Two are at work when their driver process crashes: nobody is blamed. When they are tried again each
// is alone: the one that crashes its process is known, and the other goes on.
func TestSurvivorsAreApart(t *testing.T) {
	d := open(t, Config{})
	for _, label := range []string{"guilty", "innocent"} {
		s := begin(t, d, device.Limits{Label: label})
		e := launchOn(t, s, "endless", device.Whole(buffer1(t, s, 64)))
		defer func() { wantLost(t, label, device.Wait(soon(t), e), false, "signal 6") }()
	}
	idle := begin(t, d, device.Limits{Label: "idle"})
	for p := d.current; !within(10*time.Millisecond, p.gone); { // compilers let the first one pass
		_ = syscall.Kill(p.command.Process.Pid, syscall.SIGABRT) // it may be gone
	}
	_, err := idle.NewBuffer(soon(t), 0, 64)
	wantLost(t, "idle", err, false, "signal 6")

	innocent, guilty := begin(t, d, device.Limits{Label: "innocent"}), begin(t, d, device.Limits{Label: "guilty"})
	b := buffer1(t, innocent, 64)
	fill := find(t, build(t, innocent, kernels), "fill")
	wantLost(t, "guilty", device.Wait(soon(t), launchOn(t, guilty, "wild", device.Scalar(uint64(1)))), true, "signal 11")
	works(t, d)
	e, err := fill.Launch(t.Context(), items(1), device.Whole(b), device.Scalar(uint32(7)))
	must(t, err)
	must(t, device.Wait(soon(t), e))
	if got := readInts(t, b, 1); got[0] != 7 {
		t.Errorf("read %v", got)
	}

	must(t, innocent.Close())
	must(t, guilty.Close())
	for _, s := range []device.Session{innocent, guilty} {
		if p := s.(*session).process; !p.alone || !p.ended() {
			t.Errorf("%s: alone %v, ended %v", s.(*session).name(), p.alone, p.ended())
		}
	}
	for label, want := range map[string]bool{"guilty": true, "innocent": false, "idle": true} {
		if d.survivors.has(label) != want {
			t.Errorf("%s is remembered: %v", label, !want)
		}
	}
	if s := begin(t, d, device.Limits{Label: "innocent"}); s.(*session).process != d.current {
		t.Error("one that has done well is still alone")
	}
}
