package wasi

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// plantInputs makes the nodes of the inputs under /in, and the directories that
// their names imply. Once the System has been closed there are none: a guest that
// never looked at a file has had no tree until its outputs are asked for.
func (s *System) plantInputs(in *Node) {
	in.ReadOnly = true
	for i, a := range s.inputs {
		dir, name := in, s.cfg.Inputs[i].Name
		for {
			first, rest, more := strings.Cut(name, "/")
			if !more {
				break
			}
			dir, name = s.inputDir(dir, first), rest
		}
		ref := &InputRef{Index: i, Path: "."}
		if a.Tree != nil {
			ref.Unread = true
			s.enterInput(dir, name, Directory, ref, time.Time{})
			continue
		}
		ref.Size = max(0, a.File.Size())
		s.enterInput(dir, name, RegularFile, ref, a.Modified)
	}
}

// inputDir is the directory of that name in dir, made if need be.
func (s *System) inputDir(dir *Node, name string) *Node {
	if inode := dir.Dir.lookup(name); inode != 0 {
		return s.node(inode)
	}
	return s.enterInput(dir, name, Directory, nil, time.Time{})
}

// enterInput makes a read-only node. A deterministic run does not see the
// host's file times.
func (s *System) enterInput(dir *Node, name string, t FileType, ref *InputRef, modified time.Time) *Node {
	n := s.newNode(t)
	n.ReadOnly, n.Input = true, ref
	if !s.cfg.Deterministic && modified.UnixNano() > 0 {
		at := uint64(modified.UnixNano())
		n.Accessed, n.Modified, n.Changed = at, at, at
	}
	s.enter(dir, name, n)
	return n
}

// readInput makes the nodes of a directory of an input, when it is first looked
// at. What the guest could not name, and what is neither file, directory nor
// symbolic link, is left out. An unreadable directory is empty.
func (s *System) readInput(dir *Node) {
	if dir.Input == nil || !dir.Input.Unread || dir.Input.Index >= len(s.inputs) {
		return
	}
	dir.Input.Unread = false
	list, err := fs.ReadDir(s.inputs[dir.Input.Index].Tree, dir.Input.Path)
	if err != nil {
		return
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range list {
		if name := entry.Name(); len(name) <= nameMax && fs.ValidPath(name) && strings.IndexByte(name, 0) < 0 {
			s.readEntry(dir, entry)
		}
	}
}

// readEntry makes the node of one entry.
func (s *System) readEntry(dir *Node, entry fs.DirEntry) {
	info, err := entry.Info()
	if err != nil {
		return
	}
	ref := &InputRef{Index: dir.Input.Index, Path: path.Join(dir.Input.Path, entry.Name())}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		ref.Size = max(0, info.Size())
		s.enterInput(dir, entry.Name(), RegularFile, ref, info.ModTime())
	case mode.IsDir():
		ref.Unread = true
		s.enterInput(dir, entry.Name(), Directory, ref, info.ModTime())
	case mode&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(s.inputs[ref.Index].Tree, ref.Path)
		if err == nil && target != "" && len(target) < pathMax {
			s.enterInput(dir, entry.Name(), SymbolicLink, ref, info.ModTime()).Target = target
		}
	}
}
