package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/mem"
	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/internal/units"
)

// machineChecks tell where we are and how much of it we may use.
func machineChecks() []check {
	limits, err := readCgroup(os.DirFS("/"))
	return []check{
		systemCheck(),
		found("processors", "%d, Go uses %d; %s", goruntime.NumCPU(), goruntime.GOMAXPROCS(0), limits.cpuText(err)),
		memoryCheck(limits, err),
	}
}

func systemCheck() check {
	kernel := "unknown"
	var names unix.Utsname
	if err := unix.Uname(&names); err == nil {
		kernel = unix.ByteSliceToString(names.Release[:])
	}
	return found("system", "%s/%s, kernel %s", goruntime.GOOS, goruntime.GOARCH, kernel)
}

func memoryCheck(limits cgroup, cgroupErr error) check {
	m, err := mem.VirtualMemory()
	if err != nil {
		return check{Name: "memory", Detail: err.Error()}
	}
	return found("memory", "%s, %s of it free; %s", units.Size(m.Total).Approx(), units.Size(m.Available).Approx(), limits.memoryText(cgroupErr))
}

// cgroup is what the control groups of this process allow, the least on the way
// to the root.
type cgroup struct {
	// cpus is how many processors' time, memory how many bytes; 0 is no limit.
	cpus   float64
	memory uint64
}

func (c cgroup) cpuText(err error) string {
	switch {
	case err != nil:
		return err.Error()
	case c.cpus == 0:
		return "no cgroup limit"
	}
	return fmt.Sprintf("cgroup limit %.4g", c.cpus)
}

func (c cgroup) memoryText(err error) string {
	switch {
	case err != nil:
		return err.Error()
	case c.memory == 0:
		return "no cgroup limit"
	}
	return "cgroup limit " + units.Size(c.memory).Approx()
}

// readCgroup reads the limits of this process from a file system that has
// /proc and /sys. Where there are no control groups there is no limit.
// https://docs.kernel.org/admin-guide/cgroup-v2.html
func readCgroup(root fs.FS) (cgroup, error) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return cgroup{}, nil
	}
	if err != nil {
		return cgroup{}, fmt.Errorf("cgroup: %w", err)
	}
	var least cgroup
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		least = least.and(limitsAbove(root, controllers, group))
	}
	return least, nil
}

// limitsAbove reads a group's limits and those of the groups around it. In a
// container the path may be that of the host, and only the top be there.
func limitsAbove(root fs.FS, controllers, group string) cgroup {
	var least cgroup
	for ; ; group = path.Dir(group) {
		switch {
		case controllers == "":
			least = least.and(cgroup{
				cpus:   readQuota(root, path.Join("sys/fs/cgroup", group, "cpu.max")),
				memory: readLimit(root, path.Join("sys/fs/cgroup", group, "memory.max")),
			})
		case strings.Contains(","+controllers+",", ",cpu,"):
			dir := path.Join("sys/fs/cgroup/cpu", group)
			least = least.and(cgroup{cpus: quota(readFields(root, path.Join(dir, "cpu.cfs_quota_us")), readFields(root, path.Join(dir, "cpu.cfs_period_us")))})
		case strings.Contains(","+controllers+",", ",memory,"):
			least = least.and(cgroup{memory: readLimit(root, path.Join("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))})
		}
		if group == "/" || group == "." || group == "" {
			return least
		}
	}
}

// and is the lesser of two limits.
func (c cgroup) and(d cgroup) cgroup {
	if c.cpus == 0 || d.cpus != 0 && d.cpus < c.cpus {
		c.cpus = d.cpus
	}
	if c.memory == 0 || d.memory != 0 && d.memory < c.memory {
		c.memory = d.memory
	}
	return c
}

// readQuota reads "QUOTA PERIOD", in microseconds.
func readQuota(root fs.FS, name string) float64 {
	f := readFields(root, name)
	if len(f) != 2 {
		return 0
	}
	return quota(f[:1], f[1:])
}

func quota(quota, period []string) float64 {
	if len(quota) != 1 || len(period) != 1 {
		return 0
	}
	q, errQ := strconv.ParseFloat(quota[0], 64)
	p, errP := strconv.ParseFloat(period[0], 64)
	if errQ != nil || errP != nil || q <= 0 || p <= 0 { // "max", or -1 in version 1
		return 0
	}
	return q / p
}

// readLimit reads a number of bytes; huge ones are none.
func readLimit(root fs.FS, name string) uint64 {
	f := readFields(root, name)
	if len(f) != 1 {
		return 0
	}
	n, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil || n >= math.MaxInt64/2 {
		return 0
	}
	return n
}

// readFields is the content of a small file; none if it cannot be read.
func readFields(root fs.FS, name string) []string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
