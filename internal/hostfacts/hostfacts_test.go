package hostfacts

import (
	"math"
	"testing"
	"testing/fstest"
)

const (
	v2Mount = "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
)

func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func TestBounds(t *testing.T) {
	const none = math.MaxUint64
	inDocker := "33 32 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n" +
		"34 32 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
	for _, c := range []struct {
		name string
		fs   fstest.MapFS
		want bounds
	}{
		{"no cgroups", files(), bounds{0, none, none}},
		{"v2, no limit", files(
			"proc/self/cgroup", "0::/user.slice\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/user.slice/cpu.max", "max 100000\n", "sys/fs/cgroup/user.slice/memory.max", "max\n",
		), bounds{0, none, none}},
		{"v2 in a container", files(
			"proc/self/cgroup", "0::/\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/cpu.max", "150000 100000\n", "sys/fs/cgroup/memory.max", "1073741824\n",
			"sys/fs/cgroup/memory.current", "536870912\n", "sys/fs/cgroup/memory.stat", "anon 5\ninactive_file 268435456\n",
		), bounds{1.5, 1 << 30, 768 << 20}},
		{"v2, the tighter group is above", files(
			"proc/self/cgroup", "0::/a/b\n", "proc/self/mountinfo", v2Mount,
			"sys/fs/cgroup/a/b/cpu.max", "400000 100000\n", "sys/fs/cgroup/a/cpu.max", "50000 100000\n",
			"sys/fs/cgroup/a/memory.max", "4096\n", "sys/fs/cgroup/a/memory.current", "8192\n",
			"sys/fs/cgroup/a/b/memory.max", "max\n",
		), bounds{0.5, 4096, 0}},
		{"v1 in a container", files(
			"proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n", "proc/self/mountinfo", inDocker,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n", "sys/fs/cgroup/memory/memory.usage_in_bytes", "524288\n",
		), bounds{2, 1 << 20, 512 << 10}},
		{"v1, no limit", files(
			"proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n", "proc/self/mountinfo", inDocker,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
		), bounds{0, none, none}},
		{"v1 with a path of outside", files(
			"proc/self/cgroup", "4:cpu,cpuacct:/../other\n", "proc/self/mountinfo", inDocker,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n",
		), bounds{0.5, none, none}},
		{"nonsense", files(
			"proc/self/cgroup", "0::/\nx\n:\n", "proc/self/mountinfo", "x - \n - cgroup2\n"+v2Mount,
			"sys/fs/cgroup/cpu.max", "-5 nan\n", "sys/fs/cgroup/memory.max", "-1\n",
		), bounds{0, none, none}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readBounds(c.fs); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWithin(t *testing.T) {
	machine := Facts{CPUCores: 8, MemoryTotal: 1000, MemoryAvailable: 600}
	for _, c := range []struct {
		b    bounds
		want Facts
	}{
		{bounds{0, math.MaxUint64, math.MaxUint64}, machine},
		{bounds{16, 2000, 2000}, machine},
		{bounds{1.5, 500, 100}, Facts{CPUCores: 1.5, MemoryTotal: 500, MemoryAvailable: 100}},
		{bounds{0, 500, 500}, Facts{CPUCores: 8, MemoryTotal: 500, MemoryAvailable: 500}},
	} {
		if got := machine.within(c.b); got != c.want {
			t.Errorf("%+v: got %+v", c.b, got)
		}
	}
}

// This machine has something of everything.
func TestDetect(t *testing.T) {
	f, err := Detect(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if f.CPUCores <= 0 || f.MemoryTotal == 0 || f.MemoryAvailable > f.MemoryTotal || f.StorageTotal == 0 || f.StorageAvailable > f.StorageTotal {
		t.Errorf("%+v", f)
	}
	if _, err := Detect(t.Context(), "/does/not/exist"); err == nil {
		t.Error("a disk that is not there was measured")
	}
}
