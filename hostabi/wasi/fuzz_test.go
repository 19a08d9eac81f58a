package wasi

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/godwit-run/godwit/hostabi"
)

// FuzzCalls calls random functions with random arguments on a small memory full
// of paths and structures. Nothing may panic or answer with something that is
// no errno; the tree stays whole; inputs stay as they are; and the fuel and the
// bytes counted are never less than what is there.
func FuzzCalls(f *testing.F) {
	open := slices.IndexFunc(functions, func(f function) bool { return f.name == "path_open" })
	f.Add([]byte{byte(open), 3, 1, 0, 5, 1, 255, 255, 0, 64, byte(open), 4, 0, 8, 3, 9, 255, 255, 0, 64})
	for i := range functions {
		f.Add([]byte{byte(i), 3, 0, 0, 5, 3, 10, 5, 64, 0, byte(i), 4, 200, 1, 64, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 1<<12 {
			return
		}
		g := newGuest(t, Config{
			Args: []string{"a", "b"}, Env: []string{"C=d"}, Stdin: bytes.NewReader(program), Stdout: io.Discard,
			Inputs:        []Input{FSInput("d", fstest.MapFS{"f": {Data: []byte("data")}, "s/t": {}})},
			Deterministic: true, MaxOpenFiles: 20, MaxOutputBytes: 1 << 16,
		})
		g.memory = fuzzMemory(program)
		for len(program) > 0 {
			program = g.fuzzCall(t, program)
			g.checkTree(t)
		}
		if n := g.system.node(inodeIn); n != nil && (len(n.Dir.List) != 1 || !n.ReadOnly) {
			t.Errorf("/in changed: %+v", n.Dir.List)
		}
	})
}

// fuzzMemory is a memory with useful things at small offsets.
func fuzzMemory(seed []byte) []byte {
	m := make([]byte, 4096)
	copy(m[512:], seed)
	copy(m, "out/a/../in/d/f/tmp/b./out/c")
	for i := 64; i+8 <= 512; i += 8 { // also buffers and subscriptions
		binary.LittleEndian.PutUint32(m[i:], uint32(i*7%4096))
		binary.LittleEndian.PutUint32(m[i+4:], uint32(i%61))
	}
	return m
}

// fuzzCall makes the call that program begins with, and returns the rest.
func (g *guest) fuzzCall(t *testing.T, program []byte) []byte {
	f := Module().Funcs[int(program[0])%len(functions)]
	program = program[1:]
	stack := make([]uint64, max(1, len(f.Params)))
	for i := range f.Params {
		if len(program) > 0 {
			stack[i] = fuzzArgument(program[0])
			program = program[1:]
		}
	}
	args := slices.Clone(stack)
	g.fuel = 0
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(hostabi.Exit); !ok {
				t.Fatalf("%s%v: panic: %v", f.Name, args, r)
			}
		}
	}()
	before := len(g.memory)
	f.Call(g.ctx, g, stack)
	if stack[0] > uint64(errnoMax) || len(g.memory) != before {
		t.Fatalf("%s%v: errno %d", f.Name, args, stack[0])
	}
	return program
}

// fuzzArgument spreads a byte over small numbers, large ones and negative ones.
func fuzzArgument(b byte) uint64 {
	switch {
	case b < 200:
		return uint64(b)
	case b < 220:
		return uint64(b-200) * 256
	case b < 240:
		return 1 << (b - 200)
	case b < 250:
		return 1<<63 - uint64(b-240)
	}
	return ^uint64(255 - b)
}

// checkTree checks the invariants of the tree: every entry leads to a node,
// every node is reached as often as it has links or is open, parents are right,
// and bytes are counted exactly.
func (g *guest) checkTree(t *testing.T) {
	tree := &g.system.state.Tree
	if tree.Nodes == nil {
		return
	}
	links, opens, counted := map[uint64]uint32{inodeRoot: 1}, map[uint64]int{}, int64(0)
	for _, n := range tree.Nodes {
		for _, e := range n.Dir.List {
			if e.Inode == 0 {
				continue
			}
			links[e.Inode]++
			child := tree.Nodes[e.Inode]
			if child == nil || child.Type == Directory && child.Dir.Parent != n.Inode {
				t.Fatalf("entry %+v of node %d leads to %+v", e, n.Inode, child)
			}
			if !child.ReadOnly && e.Inode >= inodeFirst {
				counted += nameBytes(e.Name)
			}
		}
		if !n.ReadOnly {
			counted += int64(n.Content.Size) + int64(len(n.Target))
		}
	}
	for _, d := range g.system.state.Descriptors {
		if d.Kind == File {
			opens[d.Inode]++
		}
	}
	for inode, n := range tree.Nodes {
		if n.Links != links[inode] || n.opens != opens[inode] || n.Links == 0 && n.opens == 0 {
			t.Fatalf("node %d has %d links, want %d, and is open %d times, want %d", inode, n.Links, links[inode], n.opens, opens[inode])
		}
	}
	if counted != tree.Bytes || counted > g.system.cfg.MaxOutputBytes {
		t.Fatalf("%d bytes counted, want %d", tree.Bytes, counted)
	}
}
