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
// to be read, what tells of the hardware, and of /etc only what loaders look at. Compilers take in any
// file that a source names, and on a CPU kernels open what they like: so there is nothing here of
// users, of other processes, or of this one's environment.
func rights() map[string]uint64 {
	own, _ := os.Executable() // then it is not begun anew, and an error
	all := map[string]uint64{own: mayRun}
	give := func(may uint64, parent string, names ...string) {
		for _, name := range names {
			paths, _ := filepath.Glob(filepath.Join(parent, name)) // the patterns are right
			for _, path := range paths {
				all[path] = may
			}
		}
	}
	give(mayRun, "/", "lib", "lib32", "lib64", "bin", "sbin", "nix/store", "gnu/store", "run/opengl-driver", "run/current-system")
	give(mayRun, "/usr", "bin", "sbin", "lib", "lib32", "lib64", "libexec", "share", "local/bin", "local/lib*", "local/share/pocl", "local/cuda*")
	give(mayRun, "/opt", "intel", "rocm*", "cuda*", "amdgpu*", "nvidia*", "pocl*")
	give(mayRead, "/var/lib/dpkg", "alternatives")
	give(mayRead, "/etc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "OpenCL", "alternatives", "nvidia", "localtime")
	give(mayRead, "/sys", "bus", "class", "dev", "devices", "module", "kernel/mm", "fs/cgroup")
	give(mayRead, "/proc", "cpuinfo", "meminfo", "stat", "devices", "modules", "version", "filesystems", "driver", "sys/vm")
	give(mayRead, "/proc/self", "auxv", "cgroup", "cpuset", "fd", "maps", "mountinfo", "mounts", "pagemap", "smaps", "stat", "statm", "status")
	give(mayRead, "/dev", "urandom", "random")
	give(mayUse, "/dev", "null", "zero", "dri", "kfd", "mali0", "nvidia*")
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
