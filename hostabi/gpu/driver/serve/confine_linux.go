package serve

import (
	"fmt"
	"os"
	goruntime "runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confinedVariable has what the process may not do any more, once that is so.
const confinedVariable = "GODWIT_GPU_CONFINED"

// confine takes rights from the process: once and for all, since they are those that a
// program keeps when it becomes another. So the thread that gives them up begins the program
// anew, and each thread of that is without them. What the kernel does not know is left out, and
// not in what is returned.
func confine() (string, error) {
	if done := os.Getenv(confinedVariable); done != "" {
		return done, nil
	}
	goruntime.LockOSThread()
	done := []string{"core dumps"}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return "", fmt.Errorf("no core dumps: %w", err)
	}
	if err := bound(); err != nil {
		return "", err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return "", fmt.Errorf("no new privileges: %w", err)
	}
	done = append(done, "privileges")
	patient()
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // it is a wish
	if err := dropCapabilities(); err != nil {
		return "", err
	}
	scope, err := landlock()
	if err != nil {
		return "", err
	}
	calls, err := filterCalls()
	if err != nil {
		return "", err
	}
	return "", again(strings.Join(append(append(done, scope...), calls...), ", "))
}

// maxFile is the largest file that the process may write, in bytes: what compilers leave each other.
const maxFile = 256 << 20

// bound bounds what a compiler takes for a source of a few lines: files, and memory, of which the process
// has half of the machine's, buffers and what drivers share with devices not counted. A compiler that
// wants more ends itself.
func bound() error {
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: maxFile, Max: maxFile}); err != nil {
		return fmt.Errorf("bound of files: %w", err)
	}
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return fmt.Errorf("memory of the machine: %w", err)
	}
	half := max(uint64(machine.Totalram)*uint64(machine.Unit)/2, 1<<30)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: half, Max: half}); err != nil {
		return fmt.Errorf("bound of memory: %w", err)
	}
	return nil
}

// dropCapabilities leaves root no more than others have, but that it can read its programs
// wherever they are; landlock says which it may. No new privileges means that these do
// not come back.
func dropCapabilities() error {
	var has [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &has[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	keep := has[0].Permitted & (1 << unix.CAP_DAC_READ_SEARCH)
	if err := unix.Capset(&header, &[]unix.CapUserData{{Effective: keep, Permitted: keep}, {}}[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	return nil
}

// again begins the program anew. It returns only errors.
func again(confined string) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(own, os.Args, append(os.Environ(), confinedVariable+"="+confined))
}

// dieOfFaults lets a fault in a driver or a kernel end the process with the signal, which the
// node sees; Go's own handlers would end it with a page of text and exit code 2.
func dieOfFaults() {
	var standard [4]uint64 // struct sigaction of the kernel: SIG_DFL, no flags, empty mask
	for _, s := range []unix.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGABRT, unix.SIGTRAP, unix.SIGSYS} {
		// It cannot fail with a valid signal; if it did, the node would say less.
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&standard)), 0, 8, 0, 0)
	}
}
