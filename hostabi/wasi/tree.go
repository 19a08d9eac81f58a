package wasi

// Inodes of the directories that every tree has.
const (
	inodeRoot = 1 + iota
	inodeIn
	inodeOut
	inodeTmp
	inodeFirst // of what comes later
)

// tree is the file tree, made on first use: most guests never look at it.
func (s *System) tree() *Tree {
	if s.state.Tree.Nodes == nil {
		s.plantTree()
	}
	return &s.state.Tree
}

func (s *System) plantTree() {
	t := &s.state.Tree
	t.Nodes = make(map[uint64]*Node)
	t.NextInode = inodeRoot
	root := s.newNode(Directory)
	root.Dir.Parent, root.Links = inodeRoot, 1
	for _, name := range []string{"in", "out", "tmp"} {
		n := s.newNode(Directory)
		s.enter(root, name, n)
	}
	for i := range s.state.Descriptors {
		if d := &s.state.Descriptors[i]; d.Kind == File {
			t.Nodes[d.Inode].opens++
		}
	}
	s.plantInputs(t.Nodes[inodeIn])
}

// node is the node of that inode.
func (s *System) node(inode uint64) *Node { return s.tree().Nodes[inode] }

// newNode is a node without a name.
func (s *System) newNode(t FileType) *Node {
	tree := &s.state.Tree
	now := s.now()
	n := &Node{Inode: tree.NextInode, Type: t, Accessed: now, Modified: now, Changed: now}
	tree.NextInode++
	tree.Nodes[n.Inode] = n
	return n
}

// enter gives n a name in dir.
func (s *System) enter(dir *Node, name string, n *Node) {
	dir.Dir.add(name, n.Inode)
	n.Links++
	if n.Type == Directory {
		n.Dir.Parent = dir.Inode
	}
}

// remove takes a name out of dir, and its node out of the tree if that was the
// last name and nobody has it open.
func (s *System) remove(dir *Node, name string) {
	n := s.node(dir.Dir.lookup(name))
	dir.Dir.remove(name)
	s.state.Tree.Bytes -= nameBytes(name)
	n.Links--
	s.touch(dir)
	n.Changed = dir.Changed
	s.release(n)
}

// release frees a node that has neither name nor descriptor.
func (s *System) release(n *Node) {
	if n.Links > 0 || n.opens > 0 {
		return
	}
	s.state.Tree.Bytes -= int64(n.Content.Size) + int64(len(n.Target))
	delete(s.state.Tree.Nodes, n.Inode)
}

// nameBytes is what a name counts against the output limit, its node included.
func nameBytes(name string) int64 { return NodeBytes + int64(len(name)) }

// reserve counts n bytes against the output limit.
func (s *System) reserve(n int64) errno {
	if n > s.cfg.MaxOutputBytes-s.state.Tree.Bytes {
		return enospc
	}
	s.state.Tree.Bytes += n
	return success
}

// create makes a node in dir, for a fee in fuel and in bytes.
func (c call) create(dir *Node, name string, t FileType, target string) (*Node, errno) {
	if e := c.mayCreate(dir); e != success {
		return nil, e
	}
	cost := nameBytes(name) + int64(len(target))
	c.charge(uint64(cost))
	if e := c.reserve(cost); e != success {
		return nil, e
	}
	n := c.newNode(t)
	n.Target = target
	c.enter(dir, name, n)
	c.touch(dir)
	return n, success
}

// mayCreate reports whether dir takes new names.
func (c call) mayCreate(dir *Node) errno {
	switch {
	case dir.ReadOnly:
		return erofs
	case dir.Links == 0:
		return enoent
	}
	return success
}

// touch notes that a node's content has changed.
func (s *System) touch(n *Node) {
	n.Modified = s.now()
	n.Changed = n.Modified
}

// child is the node of that name in dir, or nil.
func (s *System) child(dir *Node, name string) *Node {
	s.readInput(dir)
	return s.node(dir.Dir.lookup(name))
}
