package driver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// wantLost checks that err is a lost device, and whose fault it was.
func wantLost(t testing.TB, who string, err error, blamed bool, reason string) {
	t.Helper()
	var lost *device.LostError
	if !errors.As(err, &lost) || lost.Blamed != blamed || !strings.Contains(lost.Reason, reason) || device.Retryable(err) == blamed {
		t.Errorf("%s: %v (%+v), want lost, blamed %v, because of %q", who, err, lost, blamed, reason)
	}
}

// launchOn launches a kernel over one item with one buffer, or none.
func launchOn(t testing.TB, s device.Session, name string, args ...device.Value) device.Event {
	t.Helper()
	e, err := find(t, build(t, s, kernels), name).Launch(t.Context(), items(1), args...)
	must(t, err)
	return e
}

// works shows that a new session does.
func works(t testing.TB, d *Driver) {
	t.Helper()
	s := begin(t, d, device.Limits{})
	b := buffer1(t, s, 4)
	e := launchOn(t, s, "fill", device.Whole(b), device.Scalar(uint32(7)))
	must(t, device.Wait(soon(t), e))
	got := make([]byte, 4)
	must(t, b.Read(soon(t), 0, got))
	if got[0] != 7 {
		t.Errorf("read %v", got)
	}
	must(t, s.Close())
}

func TestCrashIsItsSessionsFault(t *testing.T) {
	d := open(t, Config{})
	guilty, other := begin(t, d, device.Limits{Label: "guilty"}), begin(t, d, device.Limits{})
	before := d.Pid()
	e := launchOn(t, guilty, "wild", device.Scalar(uint64(1)))
	wantLost(t, "guilty", device.Wait(soon(t), e), true, "signal 11")
	_, err := other.NewBuffer(soon(t), 0, 64) // needs the driver, which a write may not
	wantLost(t, "other", err, false, "signal 11")
	_, err = guilty.NewBuffer(soon(t), 0, 1)
	wantLost(t, "guilty, later", err, true, "signal 11")
	works(t, d)
	if d.Pid() == before {
		t.Error("the process is still the same")
	}
}

func TestEndlessKernelEndsWithItsSession(t *testing.T) {
	d := open(t, Config{})
	guilty, other := begin(t, d, device.Limits{Label: "guilty"}), begin(t, d, device.Limits{})
	b := buffer1(t, other, 64)
	e := launchOn(t, guilty, "endless", device.Whole(buffer1(t, guilty, 64)))
	start := time.Now()
	must(t, guilty.Close())
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	<-d.current.gone // on a busy machine the kernel had not even begun when its session was closed
	wantErr(t, device.Wait(soon(t), e), device.ErrClosed)
	wantLost(t, "other", b.Read(soon(t), 0, make([]byte, 4)), false, "guilty did not end")
	works(t, d)
}

// A session that is closed while it waits behind another's endless kernel is not the
// one to be blamed, nor a reason to kill.
func TestWaitingBehindAnotherIsNoFault(t *testing.T) {
	d := open(t, Config{Grace: 50 * time.Millisecond})
	guilty, other := begin(t, d, device.Limits{Label: "guilty", QueueTime: 2 * time.Second}), begin(t, d, device.Limits{})
	mine := find(t, build(t, other, kernels), "empty")
	e := launchOn(t, guilty, "endless", device.Whole(buffer1(t, guilty, 64)))
	_, err := mine.Launch(t.Context(), items(1))
	must(t, err)
	must(t, other.Close())
	wantLost(t, "guilty", device.Wait(soon(t), e), true, "ran for more than 2s")
	works(t, d)
}

func TestQueueTimeIsSpent(t *testing.T) {
	d := open(t, Config{})
	s := begin(t, d, device.Limits{QueueTime: time.Nanosecond})
	e := launchOn(t, s, "empty")
	if err := device.Wait(soon(t), e); err == nil { // else it was so slow that it was killed
		_, err = find(t, build(t, s, kernels), "empty").Launch(t.Context(), items(1))
		wantErr(t, err, device.ErrQuota)
	}
	s = begin(t, d, device.Limits{QueueTime: 500 * time.Millisecond})
	e = launchOn(t, s, "endless", device.Whole(buffer1(t, s, 64)))
	wantLost(t, "endless", device.Wait(soon(t), e), true, "ran for more than 500ms")
}

func TestKilledByAStrangerIsNobodysFault(t *testing.T) {
	d := open(t, Config{})
	s, other := begin(t, d, device.Limits{}), begin(t, d, device.Limits{})
	e := launchOn(t, s, "endless", device.Whole(buffer1(t, s, 64)))
	must(t, syscall.Kill(d.Pid(), syscall.SIGKILL))
	wantLost(t, "at work", device.Wait(soon(t), e), false, "signal 9")
	_, err := other.NewBuffer(soon(t), 0, 8)
	wantLost(t, "idle", err, false, "signal 9")
	must(t, other.Close())
	works(t, d)
}

func TestKilledAgainAndAgain(t *testing.T) {
	d := open(t, Config{})
	works(t, d)
	for range 5 {
		s := begin(t, d, device.Limits{})
		done := make(chan error)
		go func() {
			var err error
			for err == nil {
				var b device.Buffer
				if b, err = s.NewBuffer(t.Context(), 0, 1<<16); err == nil {
					err = errors.Join(b.Write(t.Context(), 0, make([]byte, 1<<16)), b.Free())
				}
			}
			done <- err
		}()
		must(t, syscall.Kill(d.Pid(), syscall.SIGKILL))
		wantLost(t, "busy", <-done, false, "signal 9")
	}
	works(t, d)
}

// A process that stands still is as good as none.
func TestStoppedProcessIsKilled(t *testing.T) {
	d := open(t, Config{})
	s, other := begin(t, d, device.Limits{}), begin(t, d, device.Limits{})
	must(t, syscall.Kill(d.Pid(), syscall.SIGSTOP))
	start := time.Now()
	must(t, s.Close())
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
	_, err := other.NewBuffer(soon(t), 0, 8)
	wantLost(t, "other", err, false, "did not end")
	works(t, d)
}

func TestBuildThatTakesTooLong(t *testing.T) {
	d := open(t, Config{BuildTimeout: 5 * time.Millisecond, CacheDir: t.TempDir()})
	s := begin(t, d, device.Limits{})
	_, err := s.Build(soon(t), 0, device.Source{Form: device.OpenCLC, Text: []byte(kernels)})
	wantErr(t, err, device.ErrTimeout)
	wantLost(t, "builder", err, true, "to build")
}

func TestDriverThatDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		want    error
	}{
		"ends":     {[]string{"/bin/false"}, device.ErrLost},
		"is none":  {[]string{"/nonexistent"}, device.ErrLost},
		"babbles":  {[]string{"/bin/sh", "-c", "echo nonsense >&3; sleep 60"}, device.ErrLost},
		"is mute":  {[]string{"/bin/sleep", "60"}, device.ErrLost},
		"too long": {[]string{"/bin/sh", "-c", `printf '\377\377\377\377\001' >&3; sleep 60`}, device.ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := New(Config{Command: c.command, StartTimeout: time.Second})
			must(t, err)
			_, err = d.Devices(soon(t))
			wantErr(t, err, c.want)
			must(t, d.Close())
		})
	}
}

// A kernel on a CPU is native code that can do what the process can. That is little.
func TestKernelsCannotReachOut(t *testing.T) {
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		t.Skip("the kernel is in assembly of amd64 on Linux")
	}
	d := open(t, Config{})
	infos, err := d.Devices(t.Context())
	must(t, err)
	if infos[0].Kind != device.CPU {
		t.Skip("for devices on which kernels are native code")
	}
	if !strings.Contains(d.current.confined, noFiles) {
		t.Skipf("this system confines processes to %q only", d.current.confined)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("1 2 3"), 0o600))
	s := begin(t, d, device.Limits{})
	node := uint64(os.Getpid())
	for _, c := range []struct {
		what    string
		nr      uint64
		path    string // the first argument, or a is
		a, b, c uint64
		want    int64
	}{
		{"open to read", 2, secret, 0, 0, 0, -int64(syscall.EACCES)},
		{"open to make", 2, secret, 0, syscall.O_CREAT | syscall.O_WRONLY, 0o600, -int64(syscall.EACCES)},
		{"unlink", 87, secret, 0, 0, 0, -int64(syscall.EACCES)},
		{"chmod", 90, secret, 0, 0o777, 0, -int64(syscall.EPERM)},
		{"chown", 92, secret, 0, 1, 1, -int64(syscall.EPERM)},
		{"utime", 132, secret, 0, 0, 0, -int64(syscall.EPERM)},
		{"truncate", 76, secret, 0, 0, 0, -int64(syscall.EPERM)},
		{"open users", 2, "/etc/passwd", 0, 0, 0, -int64(syscall.EACCES)},
		{"open its environment", 2, "/proc/self/environ", 0, 0, 0, -int64(syscall.EACCES)},
		{"open another process", 2, fmt.Sprintf("/proc/%d/cmdline", node), 0, 0, 0, -int64(syscall.EACCES)},
		{"list processes", 2, "/proc", 0, syscall.O_DIRECTORY, 0, -int64(syscall.EACCES)},
		{"open settings of the system", 2, "/proc/sys/kernel/hostname", 0, syscall.O_WRONLY, 0, -int64(syscall.EACCES)},
		{"socket", 41, "", syscall.AF_INET, syscall.SOCK_DGRAM, 0, -int64(syscall.EPERM)},
		{"ptrace", 101, "", 16, node, 0, -int64(syscall.EPERM)},
		{"kill", 62, "", node, uint64(syscall.SIGWINCH), 0, -int64(syscall.EPERM)},
		{"limits of another process", 302, "", node, syscall.RLIMIT_CPU, 0, -int64(syscall.EPERM)},
		{"scheduling of another process", 144, "", node, 0, 0, -int64(syscall.EPERM)},
		{"its own, without parameters", 144, "", uint64(d.Pid()), 0, 0, -int64(syscall.EINVAL)},
		{"setsid", 112, "", 1, 0, 0, -int64(syscall.EPERM)},
		{"clone into a namespace of users", 56, "", 0x10000000, 0, 0, -int64(syscall.EPERM)},
		{"shmget", 29, "", 0x676f64, 4096, 0o1600, -int64(syscall.EPERM)},
		{"getpid", 39, "", 1, 0, 0, int64(d.Pid())}, // so the others are really called
	} {
		if got := call(t, s, c.nr, c.path, c.a, c.b, c.c); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// logOf is what the compiler says of a source with a fault.
func logOf(t *testing.T, s device.Session, source string) string {
	t.Helper()
	_, err := s.Build(t.Context(), 0, device.Source{Form: device.OpenCLC, Text: []byte(source)})
	var bad *device.BuildError
	if !asBuild(err, &bad) {
		t.Fatalf("%v, want that it does not build", err)
	}
	return bad.Log
}

// Sources have no files to take in; what they skip is as it was.
func TestSourcesTakeInNoFiles(t *testing.T) {
	s := begin(t, open(t, Config{}), device.Limits{})
	if log := logOf(t, s, "kernel void k() {}\n\n#include <opencl-c.h>\n"); strings.Contains(log, "/") || !strings.Contains(log, ":3:2: a source cannot take in files: include <opencl-c.h>") {
		t.Errorf("the compiler says %s", log)
	}
	build(t, s, "#ifndef __OPENCL_VERSION__\n#include <stdint.h>\n#endif\nkernel void k() {}\n")
}

// call has a kernel make a system call of amd64, whose first argument is a path or a number.
func call(t *testing.T, s device.Session, nr uint64, path string, a, b, c uint64) int64 {
	t.Helper()
	out, text := buffer1(t, s, 128), buffer1(t, s, 4096)
	must(t, text.Write(t.Context(), 0, append([]byte(path), 0)))
	first := fmt.Sprint(a, "l")
	if path != "" {
		first = "(ulong)path"
	}
	p := build(t, s, fmt.Sprintf(`kernel void call(global long *out, global char *path) {
		long r;
		__asm__ volatile("syscall" : "=a"(r) : "a"(%dl), "D"(%s), "S"(%dl), "d"(%dl) : "rcx", "r11", "memory");
		for (; %d == 57 && r == 0;) // the child of a fork
			__asm__ volatile("syscall" :: "a"(34l) : "rcx", "r11", "memory"); // pause
		out[0] = r;
	}`, nr, first, b, c, nr))
	e, err := find(t, p, "call").Launch(t.Context(), items(1), device.Whole(out), device.Whole(text))
	must(t, err)
	must(t, device.Wait(soon(t), e))
	got := make([]byte, 8)
	must(t, out.Read(t.Context(), 0, got))
	must(t, errors.Join(out.Free(), text.Free()))
	return int64(binary.LittleEndian.Uint64(got))
}

// What a kernel has started ends with the driver process, however that ends, and nobody
// waits for it.
func TestWhatKernelsStartEnds(t *testing.T) {
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		t.Skip("the kernel is in assembly of amd64 on Linux")
	}
	for name, end := range map[string]func(*Driver) error{
		"stopped": func(d *Driver) error { d.current.stop(); return nil },
		"killed":  func(d *Driver) error { return syscall.Kill(d.Pid(), syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, Config{})
			infos, err := d.Devices(t.Context())
			must(t, err)
			if infos[0].Kind != device.CPU {
				t.Skip("for devices on which kernels are native code")
			}
			p := d.current
			child := call(t, begin(t, d, device.Limits{}), 57, "", 1, 0, 0)
			if child <= 0 {
				t.Fatalf("fork: %d", child)
			}
			must(t, end(d))
			<-p.gone
			for deadline := soon(t); ; goruntime.Gosched() {
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
				if err != nil || strings.Contains(string(stat), ") Z ") {
					break
				}
				must(t, deadline.Err())
			}
		})
	}
}

// noFiles is what serve says of a process that is kept from files.
const noFiles = "files"

func asBuild(err error, to **device.BuildError) bool { return errors.As(err, to) }
