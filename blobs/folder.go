package blobs

import (
	"context"
	"fmt"
	"io/fs"
	"math/bits"
	"slices"
	"strings"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/spaolacci/murmur3"
)

// Entry is one name in a folder. Size is that of Info.
type Entry struct {
	Name string
	CID  cid.Cid
	Kind Kind
	Size int64
}

const (
	// maxEntries bounds the names of one folder: a few blocks that link each
	// other many times can make a sharded folder of any size.
	maxEntries = 1 << 20
	// maxShardDepth is the deepest a sharded folder can be: 8 bytes of hash,
	// of which each level takes 3 bits or more (a fanout of 8 or more).
	maxShardDepth = 64 / 3
)

// ReadDir lists the folder under id, sorted by name. Errors: ErrNotFolder,
// ErrMalformed, ErrTooLarge beyond a million names, those of a block.
func (s *Store) ReadDir(ctx context.Context, id cid.Cid) ([]Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := s.hold(id)
	defer s.unhold(h)
	return s.getter(ctx, h).readDir(ctx, id)
}

func (g *getter) readDir(ctx context.Context, id cid.Cid) ([]Entry, error) {
	links, err := g.names(ctx, id)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(links))
	for i, l := range links {
		top, err := g.top(ctx, l.Cid)
		if err != nil {
			return nil, err
		}
		entries[i] = Entry{Name: l.Name, CID: l.Cid, Kind: top.Kind, Size: top.Size}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// names is the links of a folder, plain or sharded, in no order.
func (g *getter) names(ctx context.Context, id cid.Cid) ([]*ipld.Link, error) {
	node, top, err := g.folder(ctx, id)
	if err != nil {
		return nil, err
	}
	var links []*ipld.Link
	if top.fs.Type() == unixfs.THAMTShard {
		err = g.shardNames(ctx, node, top, 0, &links)
	} else {
		links = node.Links()
	}
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if err := checkName(l.Name); err != nil {
			return nil, &BlockError{id, err}
		}
	}
	return links, nil
}

// folder gets a folder's node.
func (g *getter) folder(ctx context.Context, id cid.Cid) (ipld.Node, content, error) {
	node, err := g.Get(ctx, id)
	if err != nil {
		return nil, content{}, err
	}
	top, err := describe(node)
	if err != nil {
		return nil, content{}, err
	}
	if top.Kind != KindFolder {
		return nil, content{}, fmt.Errorf("%w: %s is a %s", ErrNotFolder, id, top.Kind)
	}
	return node, top, nil
}

// checkName refuses what cannot be one name of a path on any system.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || len(name) > 255 {
		return fmt.Errorf("%w: a name %q in a folder", ErrMalformed, name)
	}
	return nil
}

// prefixLen is the length of the hexadecimal prefix that the names of a shard's
// links have: the slot, padded to the width of the last one
// (https://specs.ipfs.tech/unixfs/#hamt-structure-and-parameters).
func prefixLen(top content) (int, error) {
	fanout := top.fs.Fanout()
	if fanout < 8 || fanout > 1024 || bits.OnesCount64(fanout) != 1 || top.fs.HashType() != hamt.HashMurmur3 {
		return 0, fmt.Errorf("%w: a shard with %d slots and hash %#x", ErrMalformed, fanout, top.fs.HashType())
	}
	return len(fmt.Sprintf("%X", fanout-1)), nil
}

// shardNames adds the names at and below a shard to links. A link that is named
// by its slot alone is the next level, any other is an entry.
func (g *getter) shardNames(ctx context.Context, node ipld.Node, top content, depth int, links *[]*ipld.Link) error {
	pad, err := prefixLen(top)
	if err != nil || depth > maxShardDepth {
		return &BlockError{node.Cid(), fmt.Errorf("%w: shard at depth %d: %v", ErrMalformed, depth, err)}
	}
	for _, l := range node.Links() {
		switch {
		case len(l.Name) < pad:
			return &BlockError{node.Cid(), fmt.Errorf("%w: a slot %q", ErrMalformed, l.Name)}
		case len(l.Name) > pad:
			*links = append(*links, &ipld.Link{Name: l.Name[pad:], Cid: l.Cid, Size: l.Size})
		default:
			if err := g.shardBelow(ctx, l.Cid, depth+1, links); err != nil {
				return err
			}
		}
		if len(*links) > maxEntries {
			return fmt.Errorf("%w: a folder of more than %d names", ErrTooLarge, maxEntries)
		}
	}
	return nil
}

func (g *getter) shardBelow(ctx context.Context, id cid.Cid, depth int, links *[]*ipld.Link) error {
	node, top, err := g.folder(ctx, id)
	if err != nil {
		return err
	}
	return g.shardNames(ctx, node, top, depth, links)
}

// Resolve follows a path of names below a folder; "" and "." are id itself. It
// reads no more than the way. Errors: fs.ErrNotExist, ErrNotFolder, those of a
// block.
func (s *Store) Resolve(ctx context.Context, id cid.Cid, name string) (cid.Cid, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := s.hold(id)
	defer s.unhold(h)
	return s.getter(ctx, h).resolve(ctx, id, name)
}

func (g *getter) resolve(ctx context.Context, id cid.Cid, name string) (cid.Cid, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." {
			continue
		}
		child, err := g.lookUp(ctx, id, part)
		if err != nil {
			return cid.Undef, fmt.Errorf("%s/%s: %w", id, part, err)
		}
		id = child
	}
	return id, nil
}

// lookUp finds one name in a folder.
func (g *getter) lookUp(ctx context.Context, id cid.Cid, name string) (cid.Cid, error) {
	hash := murmur3.Sum64([]byte(name))
	for depth := 0; depth <= maxShardDepth; depth++ {
		node, top, err := g.folder(ctx, id)
		if err != nil {
			return cid.Undef, err
		}
		if top.fs.Type() != unixfs.THAMTShard {
			return find(node, name)
		}
		pad, err := prefixLen(top)
		if err != nil {
			return cid.Undef, &BlockError{id, err}
		}
		slot := fmt.Sprintf("%0*X", pad, slotOf(hash, top.fs.Fanout(), depth))
		if id, err = find(node, slot+name); err == nil {
			return id, nil
		}
		if id, err = find(node, slot); err != nil {
			return cid.Undef, err
		}
	}
	return cid.Undef, fs.ErrNotExist
}

// slotOf is the bits of a name's hash that choose its slot at a level.
func slotOf(hash, fanout uint64, depth int) uint64 {
	width := bits.TrailingZeros64(fanout)
	return bits.RotateLeft64(hash, width*(depth+1)) & (fanout - 1)
}

func find(node ipld.Node, name string) (cid.Cid, error) {
	for _, l := range node.Links() {
		if l.Name == name {
			return l.Cid, nil
		}
	}
	return cid.Undef, fs.ErrNotExist
}
