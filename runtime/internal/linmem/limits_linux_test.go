package linmem

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAddressSpaceLimit runs itself in a child that may map 3 GiB: 4 GiB cannot be reserved there, smaller memories still work.
func TestAddressSpaceLimit(t *testing.T) {
	if os.Getenv("LINMEM_LIMITED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAddressSpaceLimit$", "-test.v")
		cmd.Env = append(os.Environ(), "LINMEM_LIMITED=1")
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.ENOEXEC) {
			t.Skip("an emulated process cannot start another:", err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: 3 << 30, Max: 3 << 30}); err != nil {
		t.Skip(err)
	}
	p := newPool(t, Config{})
	a := p.NewAllocator(Options{Movable: true})
	first := a.Allocate(0, 4<<30)
	if buf := first.Reallocate(16 << 20); buf == nil {
		t.Fatal("16 MiB did not fit, reservation:", first.Err())
	} else {
		buf[16<<20-1] = 1
	}
	if first.Reallocate(4<<30) != nil {
		t.Error("4 GiB fitted into 3")
	}
	full := 0
	for range 64 { // each takes half of what is left, but for what the Go heap needs
		m := a.Allocate(1<<20, 4<<30)
		if m.Reallocate(1<<20) == nil {
			full++
			if m.Err() == nil {
				t.Error("no reason given")
			}
		}
	}
	if full == 0 {
		t.Error("64 reservations fitted")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if m := a.Allocate(0, 2<<30); m.Reallocate(1<<20) == nil { // idle mappings of other lengths give way
		t.Error("nothing fits after freeing:", m.Err())
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
