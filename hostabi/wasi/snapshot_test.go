package wasi

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi"
)

// moved encodes the state of a guest, and goes on from what was decoded in
// another System, as on another machine.
func (g *guest) moved(cfg Config) *guest {
	g.t.Helper()
	state, err := g.system.Snapshot()
	if err != nil {
		g.t.Fatal(err)
	}
	b, err := state.Encode()
	if err != nil {
		g.t.Fatal(err)
	}
	decoded, err := DecodeState(b)
	if err != nil {
		g.t.Fatal(err)
	}
	s, err := Restore(cfg, decoded)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { s.Close() })
	return &guest{t: g.t, ctx: g.ctx, system: s, memory: g.memory}
}

// TestRestore runs steps of a guest, once as they are and once with a move
// before every step; both must see the same.
func TestRestore(t *testing.T) {
	var dir, file, input, removed uint32
	steps := []func(g *guest) string{
		func(g *guest) string {
			g.ok("random", g.call("random_get", atData, 13))
			return string(g.memory[atData:][:13])
		},
		func(g *guest) string { s, e := g.read(0, 3); return fmt.Sprint(s, e) },
		func(g *guest) string {
			file = g.mustOpen(3, "out/f", openCreate, rightsFile)
			removed = g.mustOpen(3, "tmp/r", openCreate, rightsFile)
			dir = g.mustOpen(3, "tmp", openDirectory, rightsDirectory)
			input = g.mustOpen(3, "in/a", 0, rightFdRead|rightFdSeek)
			return ""
		},
		func(g *guest) string { n, e := g.write(file, strings.Repeat("x", 30000)); return fmt.Sprint(n, e) },
		func(g *guest) string { n, e := g.write(removed, "still there"); return fmt.Sprint(n, e) },
		func(g *guest) string { return fmt.Sprint(g.unlink(3, "tmp/r")) },
		func(g *guest) string { s, e := g.read(input, 4); return fmt.Sprint(s, e) },
		func(g *guest) string { s, e := g.pread(removed, 20, 0); return fmt.Sprint(s, e) },
		func(g *guest) string {
			for i := range 40 {
				g.create(3, fmt.Sprint("tmp/n", i))
			}
			return fmt.Sprint(g.unlink(3, "tmp/n3"), g.unlink(3, "tmp/n7"))
		},
		func(g *guest) string { l, full, e := g.readdir(dir, 500, 0); return fmt.Sprint(l, full, e) },
		func(g *guest) string { l, full, e := g.readdir(dir, 500, 12); return fmt.Sprint(l, full, e) },
		func(g *guest) string { n, e := g.write(file, "end"); return fmt.Sprint(n, e) },
		func(g *guest) string { s, e := g.read(input, 4); return fmt.Sprint(s, e) },
		func(g *guest) string { s, e := g.read(0, 3); return fmt.Sprint(s, e) },
		func(g *guest) string {
			g.ok("clock", g.call("clock_time_get", 1, 0, atResult))
			return fmt.Sprint(g.u64(atResult))
		},
		func(g *guest) string { s, e := g.fstat(file); return fmt.Sprint(s, e) },
		func(g *guest) string {
			g.ok("random", g.call("random_get", atData, 30))
			return string(g.memory[atData:][:30])
		},
		func(g *guest) string {
			return fmt.Sprint(g.closeFd(removed), g.system.state.Tree.Bytes, len(g.system.state.Tree.Nodes))
		},
	}
	stdin := "standard input"
	config := func() Config {
		return Config{Deterministic: true, Stdin: strings.NewReader(stdin), Inputs: []Input{BytesInput("a", []byte("an input"))}}
	}
	still, moving := newGuest(t, config()), newGuest(t, config())
	for i, step := range steps {
		next := config()
		if i > 1 {
			next.Stdin = nil // all of it is pending by now
		}
		moving = moving.moved(next)
		want := step(still)
		if got := step(moving); got != want {
			t.Errorf("step %d: %q, want %q", i, got, want)
		}
	}
}

// TestRestoreClock goes on with a monotonic clock that is far behind.
func TestRestoreClock(t *testing.T) {
	g := newGuest(t, Config{Sources: Sources{Monotonic: func() int64 { return 1e15 }}})
	now := func(g *guest) uint64 {
		g.ok("clock", g.call("clock_time_get", clockMonotonic, 0, atResult))
		return g.u64(atResult)
	}
	before := now(g)
	g.system.cfg.Monotonic = func() int64 { return 1e15 + 500 }
	if after := now(g.moved(Config{Sources: Sources{Monotonic: func() int64 { return 7 }}})); after != before+500 {
		t.Errorf("before %d, after %d", before, after)
	}
}

func TestRestoreRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*State){
		"descriptor of nothing": func(s *State) { s.Descriptors[3].Inode = 99 },
		"unknown kind":          func(s *State) { s.Descriptors[0].Kind = 9 },
		"no root":               func(s *State) { delete(s.Tree.Nodes, inodeRoot) },
		"nil node":              func(s *State) { s.Tree.Nodes[5] = nil },
		"wrong number":          func(s *State) { s.Tree.Nodes[5].Inode = 6 },
		"wrong type":            func(s *State) { s.Tree.Nodes[5].Type = 1 },
		"too large":             func(s *State) { s.Tree.Nodes[5].Content.Size = 1 << 50 },
		"chunk beyond":          func(s *State) { s.Tree.Nodes[5].Content.Chunks = [][]byte{make([]byte, 9)} },
		"no such input":         func(s *State) { s.Tree.Nodes[5].Input = &InputRef{Index: 3} },
		"lost entry":            func(s *State) { s.Tree.Nodes[inodeTmp].Dir.List[0].Inode = 77 },
		"entries out of order":  func(s *State) { s.Tree.Nodes[inodeTmp].Dir.List[0].Position = 1 },
		"cycle": func(s *State) {
			for _, inode := range []uint64{5, 6} {
				s.Tree.Nodes[inode] = &Node{Inode: inode, Type: Directory, Links: 1, Dir: Entries{Parent: 11 - inode, List: []Entry{{"x", 11 - inode, 3}}, Last: 3}}
				s.Tree.NextInode = 7
			}
			s.Tree.Nodes[inodeTmp].Dir.List = nil
		},
		"root in itself":      func(s *State) { s.Tree.Nodes[inodeTmp].Dir.List[0].Inode = inodeRoot },
		"negative bytes":      func(s *State) { s.Tree.Bytes = -1 },
		"much output":         func(s *State) { s.Stderr = 1 << 63; s.Stdout = 1 << 63 },
		"another kind of run": func(s *State) { s.Random = nil },
		"no parent":           func(s *State) { s.Tree.Nodes[inodeTmp].Dir.Parent = 5 },
	} {
		g := newGuest(t, Config{Deterministic: true})
		g.writeFile("tmp/f", "four")
		state, err := g.system.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		spoil(&state)
		if s, err := Restore(Config{Deterministic: true}, state); !errors.Is(err, ErrState) {
			s.Close()
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnstable checks the three places where the older version differs.
func TestUnstable(t *testing.T) {
	g := newGuest(t, Config{Deterministic: true})
	fd := g.mustOpen(3, "tmp/f", openCreate, rightsFile)
	g.wantWrite(10)(g.write(fd, "0123456789"))
	call := func(name string, args ...uint64) errno {
		for _, f := range UnstableModule().Funcs {
			if f.Name == name {
				f.Call(g.ctx, g, args)
				return errno(args[0])
			}
		}
		t.Fatalf("no function %s", name)
		return 0
	}
	for _, c := range []struct {
		offset int64
		whence uint64
		want   uint64
	}{{-4, 0, 6}, {-1, 1, 9}, {3, 2, 3}} {
		g.ok("seek", call("fd_seek", uint64(fd), uint64(c.offset), c.whence, atResult))
		if got := g.u64(atResult); got != c.want {
			t.Errorf("whence %d: at %d, want %d", c.whence, got, c.want)
		}
	}
	want, _ := g.fstat(fd)
	g.ok("stat", call("fd_filestat_get", uint64(fd), atResult))
	if g.u64(atResult+8) != want.ino || g.u32(atResult+20) != 1 || g.u64(atResult+24) != 10 || g.u64(atResult+48) != want.ctim {
		t.Errorf("filestat % x", g.memory[atResult:][:56])
	}
	sub := append(make([]byte, 8), clockSub(7, clockMonotonic, 1e9, 0)...) // an identifier comes before the clock
	copy(sub, sub[8:24])
	copy(g.memory[atPath:], sub)
	before := g.system.state.Clock.Virtual
	g.ok("poll", call("poll_oneoff", atPath, atData, 1, atResult))
	if passed := g.system.state.Clock.Virtual - before; passed != 1e9 || g.u64(atData) != 7 {
		t.Errorf("%d ns passed, userdata %d", passed, g.u64(atData))
	}
	var m hostabi.Module = UnstableModule()
	if m.Name != "wasi_unstable" || len(m.Funcs) != len(functions)-1 {
		t.Errorf("%s has %d functions", m.Name, len(m.Funcs))
	}
}
