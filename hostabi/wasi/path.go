package wasi

import (
	"strings"
	"unicode/utf8"

	"github.com/godwit-run/godwit/hostabi"
)

// Bounds of paths, as on Linux.
const (
	nameMax = 255
	pathMax = 4096
	linkMax = 40 // symbolic links followed in one lookup
)

// place is where a path leads: to a name in a directory, and to the node of
// that name if there is one.
type place struct {
	dir  *Node  // nil if the path ends in "." or ".." or is the root
	name string // the last component
	node *Node  // nil if nothing is there
	dirs bool   // the path ends in a slash: only a directory is meant
}

// path reads a path from memory and pays for looking it up.
func (c call) path(ptr, size uint32) (string, errno) {
	if size > pathMax {
		return "", enametool
	}
	b, e := c.mem.bytes(ptr, size)
	if e != success {
		return "", e
	}
	c.units(hostabi.UnitsFor(uint64(size)))
	path := string(b)
	switch {
	case path == "":
		return "", enoent
	case !utf8.ValidString(path):
		return "", eilseq
	case strings.IndexByte(path, 0) >= 0:
		return "", einval
	}
	return path, success
}

// walk looks a path up below base: it never leads above it. follow says
// whether a symbolic link at the end is followed. Price: one unit a component,
// those of symbolic links included.
func (c call) walk(base *Node, path string, follow bool) (place, errno) {
	w := walk{call: c, base: base, dir: base}
	if path[0] == '/' {
		return place{}, enotcapable
	}
	w.rest = path
	c.units(components(path))
	for {
		p, done, e := w.step(follow)
		if done || e != success {
			return p, e
		}
	}
}

func components(path string) uint64 { return uint64(1 + strings.Count(path, "/")) }

// walk is a lookup under way.
type walk struct {
	call
	base, dir *Node
	rest      string // what is still to be looked up
	depth     int    // of dir below base
	links     int    // symbolic links followed
}

// step takes one component. It is done when that was the last one.
func (w *walk) step(follow bool) (p place, done bool, e errno) {
	name, rest, slash := strings.Cut(w.rest, "/")
	rest = strings.TrimLeft(rest, "/")
	w.rest = rest
	last := rest == ""
	switch name {
	case ".":
		return place{name: name, node: w.dir, dirs: slash}, last, success
	case "..":
		if w.depth == 0 {
			return p, false, enotcapable
		}
		w.depth--
		w.dir = w.node(w.dir.Dir.Parent)
		return place{name: name, node: w.dir, dirs: slash}, last, success
	}
	if len(name) > nameMax {
		return p, false, enametool
	}
	n := w.child(w.dir, name)
	p = place{dir: w.dir, name: name, node: n, dirs: slash}
	switch {
	case n == nil && !last:
		return p, false, enoent
	case n == nil:
		return p, true, success
	case n.Type == SymbolicLink && (!last || follow || slash):
		return p, false, w.enterLink(n, rest, slash)
	case n.Type != Directory && slash:
		return p, false, enotdir
	}
	w.dir = n
	w.depth++
	return p, last, success
}

// enterLink goes on at the target of a symbolic link. An absolute target starts
// at the root of the tree, and so can only be followed from there.
func (w *walk) enterLink(n *Node, rest string, slash bool) errno {
	w.links++
	if w.links > linkMax {
		return eloop
	}
	target := n.Target
	if target == "" {
		return enoent
	}
	if target[0] == '/' {
		if w.base.Inode != inodeRoot {
			return enotcapable
		}
		w.dir, w.depth = w.base, 0
		target = strings.TrimLeft(target, "/")
	}
	if slash || target == "" {
		target += "/"
	}
	w.rest = strings.TrimPrefix(target+rest, "/")
	if w.rest == "" {
		w.rest = "."
	}
	if len(w.rest) > 2*pathMax {
		return enametool
	}
	w.units(components(w.rest))
	return success
}
