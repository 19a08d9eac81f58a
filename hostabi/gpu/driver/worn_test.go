package driver

import (
	"fmt"
	"os"
	"regexp"
	goruntime "runtime"
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// A process that has built many programs is replaced when nobody uses it, and leaves no files.
func TestWornProcessIsReplaced(t *testing.T) {
	d := open(t, Config{})
	s := begin(t, d, device.Limits{})
	must(t, build(t, s, kernels).Free())
	_ = buffer1(t, s, 4) // so that the free has been done
	old := d.current
	old.builds.Store(maxBuilds)
	works(t, d)
	if d.current != old {
		t.Error("it was replaced under a session")
	}
	must(t, s.Close())
	works(t, d)
	if d.current == old || !old.ended() {
		t.Error("it was not replaced")
	}
	if _, err := os.Stat(old.dir.path); !os.IsNotExist(err) {
		t.Errorf("its folder: %v", err)
	}
}

// A compiler cannot take all the memory there is, nor fill the disk.
func TestProcessIsBounded(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("limits are read from /proc")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", open(t, Config{}).Pid()))
	must(t, err)
	for _, what := range []string{"data size", "file size", "core file size"} {
		if !regexp.MustCompile(`(?m)^Max ` + what + ` +[0-9]+ `).Match(limits) {
			t.Errorf("no limit of %s:\n%s", what, limits)
		}
	}
}
