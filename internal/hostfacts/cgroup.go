package hostfacts

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// bounds are what cgroups allow.
type bounds struct {
	cores  float64 // 0 is no bound
	memory uint64  // bytes; math.MaxUint64 is no bound
	left   uint64  // bytes of memory that are still free below the bound
}

// readBounds reads the bounds of this process. What cannot be read is no bound:
// a process sees at least its own groups if there are any.
func readBounds(root fs.FS) bounds {
	b := bounds{memory: math.MaxUint64, left: math.MaxUint64}
	mounts := cgroupMounts(root)
	for _, g := range groups(root) {
		for _, m := range mounts {
			if dir, ok := m.folder(g); ok {
				b.tighten(root, dir, m)
			}
		}
	}
	return b
}

// group is a line of /proc/self/cgroup (cgroups(7)). The controllers of version
// 2 are none.
type group struct {
	controllers []string
	path        string
}

func groups(root fs.FS) (list []group) {
	for _, line := range lines(root, "proc/self/cgroup") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		g := group{path: parts[2]}
		if parts[1] != "" {
			g.controllers = strings.Split(parts[1], ",")
		}
		list = append(list, g)
	}
	return list
}

// mount is where a hierarchy of groups can be read.
type mount struct {
	v2          bool
	controllers []string // of version 1
	root, point string   // the group that is mounted, and where
}

// cgroupMounts reads /proc/self/mountinfo (proc_pid_mountinfo(5)).
func cgroupMounts(root fs.FS) (list []mount) {
	for _, line := range lines(root, "proc/self/mountinfo") {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 || kind[0] != "cgroup" && kind[0] != "cgroup2" {
			continue
		}
		list = append(list, mount{
			v2: kind[0] == "cgroup2", controllers: strings.Split(kind[2], ","), root: fields[3], point: fields[4],
		})
	}
	return list
}

// folder is where a group's files are, if this is its hierarchy. Where a
// container sees a path of outside, the mount is its group.
func (m mount) folder(g group) (string, bool) {
	if m.v2 != (len(g.controllers) == 0) || !m.v2 && !slices.ContainsFunc(g.controllers, func(c string) bool { return slices.Contains(m.controllers, c) }) {
		return "", false
	}
	below, ok := strings.CutPrefix(g.path, strings.TrimSuffix(m.root, "/"))
	if !ok || strings.Contains(below, "..") {
		below = ""
	}
	return strings.TrimPrefix(path.Join(m.point, below), "/"), true
}

// tighten applies the bounds of the group in dir and of all above it.
func (b *bounds) tighten(root fs.FS, dir string, m mount) {
	top := strings.TrimPrefix(m.point, "/")
	for ; ; dir = path.Dir(dir) {
		if m.v2 {
			b.tightenV2(root, dir)
		} else {
			b.tightenV1(root, dir)
		}
		if len(dir) <= len(top) || dir == "." {
			return
		}
	}
}

func (b *bounds) tightenV2(root fs.FS, dir string) {
	if quota, period, ok := strings.Cut(word(root, dir, "cpu.max"), " "); ok {
		b.limitCores(number(quota), number(period))
	}
	limit, ok := bytesOf(word(root, dir, "memory.max"))
	b.limitMemory(limit, ok, number(word(root, dir, "memory.current")), stat(root, dir, "inactive_file"))
}

func (b *bounds) tightenV1(root fs.FS, dir string) {
	b.limitCores(number(word(root, dir, "cpu.cfs_quota_us")), number(word(root, dir, "cpu.cfs_period_us")))
	limit, ok := bytesOf(word(root, dir, "memory.limit_in_bytes"))
	b.limitMemory(limit, ok, number(word(root, dir, "memory.usage_in_bytes")), stat(root, dir, "total_inactive_file"))
}

func (b *bounds) limitCores(quota, period float64) {
	if quota <= 0 || period <= 0 {
		return
	}
	if cores := quota / period; b.cores == 0 || cores < b.cores {
		b.cores = cores
	}
}

// limitMemory takes a limit and what of it is used; caches that the kernel would
// drop do not count as used.
func (b *bounds) limitMemory(limit uint64, ok bool, used, cached float64) {
	if !ok {
		return
	}
	b.memory = min(b.memory, limit)
	left := float64(limit) - max(used-cached, 0)
	b.left = min(b.left, uint64(max(left, 0)))
}

// bytesOf reads a limit; "max", and the figure with which version 1 means none,
// are no limit.
func bytesOf(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	const none = math.MaxInt64 &^ (64<<10 - 1) // in whole pages of whatever size
	return n, err == nil && n < none
}

// number is 0 for what is none, such as "max".
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return n
}

func word(root fs.FS, dir, name string) string {
	text, err := fs.ReadFile(root, path.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// stat is a figure of memory.stat.
func stat(root fs.FS, dir, name string) float64 {
	for _, line := range lines(root, path.Join(dir, "memory.stat")) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return number(value)
		}
	}
	return 0
}

func lines(root fs.FS, name string) []string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
