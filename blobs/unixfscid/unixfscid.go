package unixfscid

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

const (
	// ChunkSize is the number of bytes in a full leaf.
	ChunkSize = 256 << 10
	// MaxLinks is the number of children of a full node.
	MaxLinks = 174
)

// Sum reads r to its end and returns the CID of what it read and its size in
// bytes. Its only errors are those of r; the size then says how far it came.
func Sum(r io.Reader) (cid.Cid, int64, error) {
	return layout{chunk: ChunkSize, links: MaxLinks}.sum(r)
}

// SumBytes is Sum for bytes already in memory.
func SumBytes(b []byte) cid.Cid {
	if len(b) <= ChunkSize {
		return Leaf(b).CID
	}
	id, _, _ := Sum(bytes.NewReader(b)) // a bytes.Reader does not fail
	return id
}

// layout is the shape of a tree. Only the tests use another than the default:
// small chunks and few links make deep trees of few bytes.
type layout struct {
	chunk int
	links int
}

func (l layout) sum(r io.Reader) (cid.Cid, int64, error) {
	t := Tree{links: l.links, emit: func(cid.Cid, []byte) {}}
	buf := make([]byte, l.chunk)
	var size int64
	for {
		n, err := fill(buf, r)
		size += int64(n)
		if err != nil && err != io.EOF {
			return cid.Undef, size, fmt.Errorf("read after %d bytes: %w", size, err)
		}
		if n > 0 || size == 0 { // an empty stream still has a leaf: the empty one
			t.Add(Leaf(buf[:n]))
		}
		if err == io.EOF {
			return t.Root().CID, size, nil
		}
	}
}

// fill reads until buf is full or r fails. Unlike [io.ReadFull] it keeps a
// reader's own io.ErrUnexpectedEOF, a stream cut short, apart from its end.
func fill(buf []byte, r io.Reader) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// Tree is the nodes over a stream's leaves. It grows from the leaves up: level 0
// holds the leaves that no node links yet, level 1 the nodes over full groups of
// leaves, and so on.
type Tree struct {
	links  int
	levels [][]Link
	emit   func(id cid.Cid, block []byte)
}

// NewTree returns an empty tree that hands each node, once it is full or Root is
// called, to emit, children before their parent.
func NewTree(emit func(id cid.Cid, block []byte)) *Tree {
	return &Tree{links: MaxLinks, emit: emit}
}

// Add takes the stream's next leaf: [Leaf] of [ChunkSize] bytes, or fewer for
// the last. An empty stream has the empty leaf.
func (t *Tree) Add(leaf Link) { t.add(0, leaf) }

// add puts a link on a level, and closes the level's node once it is full.
func (t *Tree) add(level int, l Link) {
	if level == len(t.levels) {
		t.levels = append(t.levels, nil)
	}
	t.levels[level] = append(t.levels[level], l)
	if len(t.levels[level]) == t.links {
		t.close(level)
	}
}

// close makes a node of what a level holds and hands it to the level above.
func (t *Tree) close(level int) {
	n, block := node(t.levels[level])
	t.levels[level] = t.levels[level][:0]
	t.emit(n.CID, block)
	t.add(level+1, n)
}

// Root closes the unfinished nodes from the bottom up, until a single link is
// left at the top, and returns that. There must have been a leaf; there may be
// none after it.
func (t *Tree) Root() Link {
	for level := 0; ; level++ {
		top := level == len(t.levels)-1
		switch n := len(t.levels[level]); {
		case top && n == 1:
			return t.levels[level][0]
		case n > 0:
			t.close(level)
		}
	}
}

// SHA2-256 with a digest of 32 bytes, as a multihash prefix
// (https://github.com/multiformats/multicodec/blob/master/table.csv).
const (
	mhSHA256 = 0x12
	mhLength = sha256.Size
)

// blockID is the CID of a block. The multihash is built by hand since the
// prefix never changes.
func blockID(codec uint64, block []byte) cid.Cid {
	digest := sha256.Sum256(block)
	return cid.NewCidV1(codec, append([]byte{mhSHA256, mhLength}, digest[:]...))
}
