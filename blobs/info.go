package blobs

import (
	"context"
	"fmt"
	"math"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Kind is what a CID names.
type Kind string

// The kinds of content. KindBlock is any block that is not UnixFS, such as
// DAG-CBOR.
const (
	KindFile    Kind = "file"
	KindFolder  Kind = "folder"
	KindSymlink Kind = "symlink"
	KindBlock   Kind = "block"
)

// Info describes content.
type Info struct {
	CID  cid.Cid
	Kind Kind
	// Size is the content's length in bytes: of a folder, the sum over what
	// is in it as its links state it, framing included.
	Size int64
	// Blocks and Bytes count the DAG's distinct blocks that are here.
	Blocks int
	Bytes  int64
	// Missing counts distinct links to blocks that are not here, or are known
	// to be damaged.
	Missing int
	Pins    []Pin
}

// Stat describes the content under id by what is here; only a missing or
// damaged root is fetched.
func (s *Store) Stat(ctx context.Context, id cid.Cid) (Info, error) {
	top, err := s.top(ctx, id)
	if err != nil {
		return Info{}, err
	}
	info := Info{CID: id, Kind: top.Kind, Size: top.Size}
	err = s.walk(ctx, id, map[uint64]struct{}{}, func(_ cid.Cid, size int64, ok bool) error {
		if !ok {
			info.Missing++
			return nil
		}
		info.Blocks++
		info.Bytes += size
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	info.Pins, err = s.PinsOf(id)
	return info, err
}

// top describes a root.
func (s *Store) top(ctx context.Context, id cid.Cid) (content, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := s.hold(id)
	defer s.unhold(h)
	return s.getter(ctx, h).top(ctx, id)
}

func (g *getter) top(ctx context.Context, id cid.Cid) (content, error) {
	data, err := g.data(ctx, id)
	if err != nil {
		return content{}, err
	}
	if id.Type() != cid.Raw && id.Type() != cid.DagProtobuf {
		return content{Kind: KindBlock, Size: int64(len(data))}, nil
	}
	node, err := decodeNode(id, data)
	if err != nil {
		return content{}, err
	}
	return describe(node)
}

// content is what a node says it is.
type content struct {
	Kind   Kind
	Size   int64
	target string // of a symbolic link
	fs     *unixfs.FSNode
}

// describe reads a node's UnixFS data. DAG-PB without any is a plain block.
func describe(node ipld.Node) (content, error) {
	pb, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return content{Kind: KindFile, Size: int64(len(node.RawData()))}, nil
	}
	data, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return content{Kind: KindBlock, Size: int64(len(node.RawData()))}, nil
	}
	size, err := length(node, data)
	if err != nil {
		return content{}, err
	}
	c := content{Size: size, fs: data}
	switch data.Type() {
	case unixfs.TFile, unixfs.TRaw:
		c.Kind = KindFile
	case unixfs.TDirectory, unixfs.THAMTShard:
		c.Kind = KindFolder
	case unixfs.TSymlink:
		c.Kind, c.target = KindSymlink, string(data.Data())
	default:
		c.Kind = KindBlock
	}
	return c, nil
}

// length is what a node says of its size, refused where it cannot be.
func length(node ipld.Node, data *unixfs.FSNode) (int64, error) {
	n := data.FileSize()
	if data.IsDir() {
		var err error
		if n, err = node.Size(); err != nil {
			return 0, &BlockError{node.Cid(), fmt.Errorf("%w: %w", ErrMalformed, err)}
		}
	}
	if n > math.MaxInt64/2 {
		return 0, &BlockError{node.Cid(), fmt.Errorf("%w: a size of %d bytes", ErrMalformed, n)}
	}
	return int64(n), nil
}
