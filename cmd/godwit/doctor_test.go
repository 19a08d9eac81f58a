package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestReadCgroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		files string // "name: content" lines
		want  cgroup
	}{
		{"no control groups", "", cgroup{}},
		{"no limits", `
			proc/self/cgroup: 0::/
			sys/fs/cgroup/cpu.max: max 100000
			sys/fs/cgroup/memory.max: max`, cgroup{}},
		{"a limit of its own", `
			proc/self/cgroup: 0::/app
			sys/fs/cgroup/app/cpu.max: 150000 100000
			sys/fs/cgroup/app/memory.max: 1073741824`, cgroup{1.5, 1 << 30}},
		{"the least on the way up counts", `
			proc/self/cgroup: 0::/a/b/c
			sys/fs/cgroup/a/cpu.max: 50000 100000
			sys/fs/cgroup/a/b/cpu.max: 200000 100000
			sys/fs/cgroup/a/b/memory.max: 4096
			sys/fs/cgroup/a/b/c/memory.max: 8192`, cgroup{0.5, 4096}},
		{"in a container only the top is there", `
			proc/self/cgroup: 0::/docker/0123456789
			sys/fs/cgroup/cpu.max: 100000 100000
			sys/fs/cgroup/memory.max: 536870912`, cgroup{1, 512 << 20}},
		{"version 1", `
			proc/self/cgroup: 5:cpu,cpuacct:/x|4:memory:/x
			sys/fs/cgroup/cpu/x/cpu.cfs_quota_us: 25000
			sys/fs/cgroup/cpu/x/cpu.cfs_period_us: 100000
			sys/fs/cgroup/memory/x/memory.limit_in_bytes: 1048576
			sys/fs/cgroup/memory/memory.limit_in_bytes: 9223372036854771712`, cgroup{0.25, 1 << 20}},
		{"version 1 without limits", `
			proc/self/cgroup: 5:cpu,cpuacct:/|4:memory:/
			sys/fs/cgroup/cpu/cpu.cfs_quota_us: -1
			sys/fs/cgroup/cpu/cpu.cfs_period_us: 100000
			sys/fs/cgroup/memory/memory.limit_in_bytes: 9223372036854771712`, cgroup{}},
		{"nonsense is no limit", `
			proc/self/cgroup: 0::/|garbage|::::
			sys/fs/cgroup/cpu.max: 1 0
			sys/fs/cgroup/memory.max: lots`, cgroup{}},
	} {
		files := fstest.MapFS{}
		for line := range strings.Lines(c.files) {
			if name, content, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(content, "|", "\n") + "\n")}
			}
		}
		if got, err := readCgroup(files); got != c.want || err != nil {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

// Only what is required decides; everything is shown.
func TestExamine(t *testing.T) {
	good, bad := check{Name: "good", OK: true}, check{Name: "bad", Detail: "no \x1b[2J such thing"}
	for _, c := range []struct {
		checks []check
		ok     bool
		marks  string
	}{
		{[]check{good, good.required()}, true, "ok ok"},
		{[]check{good, bad}, true, "ok no"},
		{[]check{bad.required(), good}, false, "NO ok"},
	} {
		r := examine([]doctorSection{{"test", func() []check { return c.checks }}})
		var out strings.Builder
		if err := r.table(&out); err != nil {
			t.Fatal(err)
		}
		var marks []string
		for line := range strings.Lines(out.String()) {
			if mark, _, ok := strings.Cut(line, "  test  "); ok {
				marks = append(marks, mark)
			}
		}
		if r.OK != c.ok || strings.Join(marks, " ") != c.marks || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%+v: ok %v\n%s", c.checks, r.OK, out.String())
		}
	}
}
