package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mayRead = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayRun  = mayRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	mayUse  = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE // devices
	ofFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	mayAll1 = 1<<13 - 1 // all that version 1 knows
	tcp     = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	scoped  = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	noFiles = "files"
)

// rights are what the process may do where. Programs, libraries and drivers' own files are
// to be read; of /etc only what loaders look at; what is in /proc of other processes is
// kept from it by the kernel.
func rights() map[string]uint64 {
	own, _ := os.Executable() // then it is not begun anew, and an error
	all := map[string]uint64{
		own: mayRun, "/sys": mayRead, "/proc": mayRead,
		"/dev/null": mayUse, "/dev/zero": mayUse, "/dev/urandom": mayRead, "/dev/random": mayRead,
		"/dev/dri": mayUse, "/dev/kfd": mayUse, "/dev/mali0": mayUse,
	}
	for _, dir := range []string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/opt", "/nix/store", "/gnu/store", "/run/opengl-driver",
		"/run/current-system", "/var/lib/dpkg/alternatives",
	} {
		all[dir] = mayRun
	}
	for _, file := range []string{
		"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "OpenCL", "alternatives", "nvidia", "localtime", "nsswitch.conf", "passwd",
	} {
		all["/etc/"+file] = mayRead
	}
	devices, _ := filepath.Glob("/dev/nvidia*") // the pattern is right
	for _, d := range devices {
		all[d] = mayUse
	}
	for _, variable := range []string{"LD_LIBRARY_PATH", "OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH", "CUDA_PATH", "ROCM_PATH"} {
		for _, dir := range filepath.SplitList(os.Getenv(variable)) {
			all[dir] = mayRun
		}
	}
	return all
}

// landlock keeps the process to its rights, and its own temporary folder (landlock(7)).
func landlock() ([]string, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil, nil // the kernel has none, or it is turned off
	}
	rules := struct{ fs, net, scoped uint64 }{fs: mayAll1}
	if version >= 2 {
		rules.fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rules.fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	size := unsafe.Sizeof(rules.fs)
	if version >= 4 {
		rules.net, size = tcp, 2*size
	}
	if version >= 6 {
		rules.scoped, size = scoped, unsafe.Sizeof(rules)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return nil, fmt.Errorf("landlock: %w", errno)
	}
	set := os.NewFile(fd, "landlock")
	defer set.Close() //nolint:errcheck // nothing was written
	all := rights()
	if dir := os.Getenv("TMPDIR"); dir != "" {
		all[dir] = rules.fs
	}
	for path, may := range all {
		if err := allow(set, path, may&rules.fs); err != nil {
			return nil, fmt.Errorf("landlock: %s: %w", path, err)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set.Fd(), 0, 0); errno != 0 {
		return nil, fmt.Errorf("landlock: %w", errno)
	}
	return []string{noFiles}, nil
}

// allow gives the rights below a path. One that does not exist needs none.
func allow(set *os.File, path string, may uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		may &= ofFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: may, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set.Fd(), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
