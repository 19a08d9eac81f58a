package wasi

// at looks up a path argument below the directory that fd refers to.
func (c call) at(fd, ptr, size uint64, rights uint64, follow bool) (place, errno) {
	_, base, e := c.directory(uint32(fd), rights)
	if e != success {
		return place{}, e
	}
	path, e := c.path(uint32(ptr), uint32(size))
	if e != success {
		return place{}, e
	}
	return c.walk(base, path, follow)
}

// pathCreateDirectory is path_create_directory(fd, path, path_len). Price: the
// path, its components, its name and NodeBytes.
func (c call) pathCreateDirectory(a []uint64) errno {
	p, e := c.at(a[0], a[1], a[2], rightPathCreateDirectory, false)
	switch {
	case e != success:
		return e
	case p.node != nil:
		return eexist
	}
	_, e = c.create(p.dir, p.name, Directory, "")
	return e
}

// pathSymlink is path_symlink(target, target_len, fd, path, path_len). The
// target is stored as it is; an absolute one can only be made, as it can only be
// followed, from the root of the tree. Price: both paths, the components of the second,
// its name, the target and NodeBytes.
func (c call) pathSymlink(a []uint64) errno {
	target, e := c.path(uint32(a[0]), uint32(a[1]))
	if e != success {
		return e
	}
	if target[0] == '/' && !c.isRoot(uint32(a[2])) {
		return enotcapable
	}
	p, e := c.at(a[2], a[3], a[4], rightPathSymlink, false)
	switch {
	case e != success:
		return e
	case p.node != nil:
		return eexist
	case p.dirs:
		return enoent
	}
	_, e = c.create(p.dir, p.name, SymbolicLink, target)
	return e
}

func (c call) isRoot(fd uint32) bool {
	d, e := c.descriptor(fd, 0)
	return e == success && d.Kind == File && d.Inode == inodeRoot
}

// pathReadlink is path_readlink(fd, path, path_len, buf, buf_len, result *size).
// A target that does not fit is cut off. Price: the path, its components and
// the bytes of the target.
func (c call) pathReadlink(a []uint64) errno {
	if _, e := c.mem.bytes(uint32(a[5]), 4); e != success {
		return e
	}
	buf, e := c.mem.bytes(uint32(a[3]), uint32(a[4]))
	if e != success {
		return e
	}
	p, e := c.at(a[0], a[1], a[2], rightPathReadlink, false)
	switch {
	case e != success:
		return e
	case p.node == nil:
		return enoent
	case p.node.Type != SymbolicLink:
		return einval
	}
	n := min(len(buf), len(p.node.Target))
	c.charge(uint64(n))
	copy(buf, p.node.Target[:n])
	return c.mem.put32(uint32(a[5]), uint32(n))
}

// pathLink is path_link(old_fd, old_flags, old_path, old_path_len, new_fd,
// new_path, new_path_len). Price: both paths, their components, the new name
// and NodeBytes.
func (c call) pathLink(a []uint64) errno {
	flags := uint32(a[1])
	if flags&^lookupFollow != 0 {
		return einval
	}
	from, e := c.at(a[0], a[2], a[3], rightPathLinkSource, flags&lookupFollow != 0)
	switch {
	case e != success:
		return e
	case from.node == nil:
		return enoent
	case from.node.Type == Directory:
		return eperm
	}
	to, e := c.at(a[4], a[5], a[6], rightPathLinkTarget, false)
	switch {
	case e != success:
		return e
	case to.node != nil:
		return eexist
	case to.dirs:
		return enoent
	}
	return c.link(from.node, to)
}

// link gives a node another name.
func (c call) link(n *Node, to place) errno {
	if n.ReadOnly {
		return erofs
	}
	if e := c.mayCreate(to.dir); e != success {
		return e
	}
	cost := nameBytes(to.name)
	c.charge(uint64(cost))
	if e := c.reserve(cost); e != success {
		return e
	}
	c.enter(to.dir, to.name, n)
	c.touch(to.dir)
	n.Changed = to.dir.Modified
	return success
}

// pathUnlinkFile is path_unlink_file(fd, path, path_len). Price: the path and
// its components.
func (c call) pathUnlinkFile(a []uint64) errno {
	p, e := c.at(a[0], a[1], a[2], rightPathUnlinkFile, false)
	switch {
	case e != success:
		return e
	case p.node == nil:
		return enoent
	case p.node.Type == Directory:
		return eisdir
	case p.node.ReadOnly:
		return erofs
	}
	c.remove(p.dir, p.name)
	return success
}

// pathRemoveDirectory is path_remove_directory(fd, path, path_len). Price: the
// path and its components.
func (c call) pathRemoveDirectory(a []uint64) errno {
	p, e := c.at(a[0], a[1], a[2], rightPathRemoveDirectory, false)
	switch {
	case e != success:
		return e
	case p.node == nil:
		return enoent
	case p.node.Type != Directory:
		return enotdir
	}
	if e := c.mayMove(p); e != success {
		return e
	}
	if !p.node.Dir.empty() {
		return enotempty
	}
	c.remove(p.dir, p.name)
	return success
}

// mayMove reports whether a name can be taken from its node: not from what is
// read-only, nor from the directories that every tree has, nor through "." or
// "..".
func (c call) mayMove(p place) errno {
	switch {
	case p.node.Inode < inodeFirst:
		return ebusy
	case p.node.ReadOnly:
		return erofs
	case p.dir == nil && p.name == ".":
		return einval
	case p.dir == nil:
		return enotempty
	}
	return success
}

// pathRename is path_rename(old_fd, old_path, old_path_len, new_fd, new_path,
// new_path_len). Price: both paths, their components, the new name, and one
// unit for each directory between the new place and the root.
func (c call) pathRename(a []uint64) errno {
	from, e := c.at(a[0], a[1], a[2], rightPathRenameSource, false)
	switch {
	case e != success:
		return e
	case from.node == nil:
		return enoent
	}
	to, e := c.at(a[3], a[4], a[5], rightPathRenameTarget, false)
	if e != success {
		return e
	}
	if e := c.mayRename(from, to); e != success {
		return e
	}
	if to.node == from.node {
		return success
	}
	return c.rename(from, to)
}

// mayRename checks everything but the room for a longer name.
func (c call) mayRename(from, to place) errno {
	if e := c.mayMove(from); e != success {
		return e
	}
	if to.node != nil {
		if e := c.mayReplace(from.node, to); e != success {
			return e
		}
	} else if to.dirs && from.node.Type != Directory {
		return enotdir
	}
	if e := c.mayCreate(to.dir); e != success {
		return e
	}
	if from.node.Type == Directory && c.within(to.dir, from.node) {
		return einval
	}
	return success
}

func (c call) mayReplace(n *Node, to place) errno {
	if e := c.mayMove(to); e != success {
		return e
	}
	isDir, wasDir := n.Type == Directory, to.node.Type == Directory
	switch {
	case wasDir && !isDir:
		return eisdir
	case isDir && !wasDir:
		return enotdir
	case wasDir && n != to.node && !to.node.Dir.empty():
		return enotempty
	}
	return success
}

// within reports whether dir is n or lies below it.
func (c call) within(dir, n *Node) bool {
	for dir != n && dir.Inode != inodeRoot {
		c.units(1)
		dir = c.node(dir.Dir.Parent)
	}
	return dir == n
}

func (c call) rename(from, to place) errno {
	cost := nameBytes(to.name)
	c.charge(uint64(cost))
	if e := c.reserve(cost); e != success {
		return e
	}
	n := from.node
	n.Links++ // so that taking the old name leaves it
	c.remove(from.dir, from.name)
	if to.node != nil {
		c.remove(to.dir, to.name)
	}
	c.enter(to.dir, to.name, n)
	n.Links--
	c.touch(to.dir)
	n.Changed = to.dir.Changed
	return success
}
