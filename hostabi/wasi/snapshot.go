package wasi

import (
	"errors"
	"fmt"
)

// ErrState is wrapped by the errors of Restore.
var ErrState = errors.New("invalid wasi state")

// Snapshot is the state of the guest as it is now, ready to be encoded. It
// shares memory with the System: encode it before the guest runs on. Input that
// a reader is still waiting for is not in it.
func (s *System) Snapshot() (State, error) {
	if s.stdin.busy && len(s.stdin.done) > 0 {
		if e := s.take(<-s.stdin.done); e != success {
			return State{}, fmt.Errorf("read standard input: errno %d", e)
		}
	}
	state := s.state
	if !s.cfg.Deterministic {
		state.Clock.Monotonic = s.monotonic()
	}
	return state, nil
}

// Restore makes a System that goes on from a state, which it takes over. cfg is
// the one the state came from, with the inputs in the same order and with the
// same content; readers and writers are those of this process, standard input
// going on behind what State.Stdin has. A state that is not whole is refused
// with an error that wraps ErrState.
func Restore(cfg Config, state State) (*System, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.checkState(&state); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrState, err), s.Close())
	}
	s.state = state
	s.derive()
	return s, nil
}

// derive works out what a state does not hold: who has what open, what
// directories have removed, and how far this process's clock is off.
func (s *System) derive() {
	for _, n := range s.state.Tree.Nodes {
		n.opens = 0
		n.Dir.index, n.Dir.removed = nil, 0
		for _, e := range n.Dir.List {
			if e.Inode == 0 {
				n.Dir.removed++
			}
		}
	}
	if s.state.Tree.Nodes != nil {
		for _, d := range s.state.Descriptors {
			if d.Kind == File {
				s.state.Tree.Nodes[d.Inode].opens++
			}
		}
	}
	if !s.cfg.Deterministic {
		s.state.Clock.Offset = int64(s.state.Clock.Monotonic) - s.cfg.Monotonic()
	}
}

// checkState refuses a state that would make a host function fail in other ways
// than by an errno.
func (s *System) checkState(state *State) error {
	nodes := state.Tree.Nodes
	switch {
	case s.cfg.Deterministic != (state.Random != nil):
		return errors.New("not of the same kind of run")
	case len(state.Descriptors) > s.cfg.MaxOpenFiles:
		return fmt.Errorf("%d descriptors are more than %d", len(state.Descriptors), s.cfg.MaxOpenFiles)
	case state.Stdout+state.Stderr > uint64(s.cfg.MaxOutputBytes) || state.Stdout > uint64(s.cfg.MaxOutputBytes):
		return errors.New("more output than its limit")
	case state.Tree.Bytes < 0 || state.Tree.Bytes > s.cfg.MaxOutputBytes:
		return errors.New("more in its files than their limit")
	}
	for fd, d := range state.Descriptors {
		if d.Kind > File || d.Kind == File && !(nodes == nil && d.Inode == inodeRoot) && nodes[d.Inode] == nil {
			return fmt.Errorf("descriptor %d refers to nothing", fd)
		}
	}
	if nodes == nil {
		return nil
	}
	for inode := uint64(inodeRoot); inode < inodeFirst; inode++ {
		if n := nodes[inode]; n == nil || n.Type != Directory || n.Links == 0 {
			return fmt.Errorf("directory %d is missing", inode)
		}
	}
	for inode, n := range nodes {
		if err := s.checkNode(state, inode, n); err != nil {
			return fmt.Errorf("node %d: %w", inode, err)
		}
	}
	return checkLinks(nodes)
}

// checkLinks goes through the tree from its root: every node must be found as
// often as it has links. So no directory is its own ancestor.
func checkLinks(nodes map[uint64]*Node) error {
	links := map[uint64]uint32{inodeRoot: 1}
	for queue := []*Node{nodes[inodeRoot]}; len(queue) > 0; {
		dir := queue[0]
		queue = queue[1:]
		for _, e := range dir.Dir.List {
			if e.Inode == 0 {
				continue
			}
			links[e.Inode]++
			if n := nodes[e.Inode]; n.Type == Directory {
				queue = append(queue, n)
			}
			if links[e.Inode] > nodes[e.Inode].Links {
				return fmt.Errorf("node %d has more names than links", e.Inode)
			}
		}
	}
	for inode, n := range nodes {
		if n.Links != links[inode] || n.Links > 1 && n.Type == Directory || n.Links == 0 && len(n.Dir.List) > 0 {
			return fmt.Errorf("node %d has fewer names than links", inode)
		}
	}
	return nil
}

func (s *System) checkNode(state *State, inode uint64, n *Node) error {
	switch {
	case n == nil || n.Inode != inode || inode == 0 || inode >= state.Tree.NextInode:
		return errors.New("not numbered as it should be")
	case n.Type != Directory && n.Type != RegularFile && n.Type != SymbolicLink:
		return fmt.Errorf("of type %d", n.Type)
	case n.Content.Size > uint64(s.cfg.MaxOutputBytes):
		return errors.New("larger than the limit")
	case n.Input != nil && (n.Input.Index < 0 || n.Input.Index >= len(s.inputs) || n.Input.Size < 0):
		return errors.New("of no input")
	}
	for i, chunk := range n.Content.Chunks {
		if len(chunk) > chunkSize || uint64(i)*chunkSize+uint64(len(chunk)) > n.Content.Size {
			return errors.New("content beyond its size")
		}
	}
	return checkEntries(state.Tree.Nodes, n)
}

func checkEntries(nodes map[uint64]*Node, dir *Node) error {
	if dir.Type != Directory {
		return nil
	}
	if up := nodes[dir.Dir.Parent]; dir.Links > 0 && (up == nil || up.Type != Directory) {
		return errors.New("without a parent")
	}
	names := make(map[string]bool, len(dir.Dir.List))
	last := uint64(positionFirst - 1)
	for _, e := range dir.Dir.List {
		if e.Position <= last || e.Position > dir.Dir.Last {
			return fmt.Errorf("entry %q out of order", e.Name)
		}
		last = e.Position
		if e.Inode == 0 {
			continue
		}
		n := nodes[e.Inode]
		if n == nil || n.Links == 0 || names[e.Name] || n.Type == Directory && n.Dir.Parent != dir.Inode {
			return fmt.Errorf("entry %q leads astray", e.Name)
		}
		names[e.Name] = true
	}
	return nil
}
