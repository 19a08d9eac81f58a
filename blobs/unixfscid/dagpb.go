package unixfscid

import (
	"encoding/binary"

	"github.com/ipfs/go-cid"
)

// Link is what a node says of a child.
type Link struct {
	// CID names the child.
	CID cid.Cid
	// Content is the number of the stream's bytes below the child.
	Content uint64
	// Total is Content plus the bytes of all nodes below and including the
	// child (dag-pb's Tsize).
	Total uint64
}

// Leaf is the link to a chunk as a block of its own.
func Leaf(chunk []byte) Link {
	n := uint64(len(chunk))
	return Link{CID: blockID(cid.Raw, chunk), Content: n, Total: n}
}

// node encodes a dag-pb block over its children and returns it with the link to
// it. Canonical dag-pb has the links before the data, and a link's empty name
// is present.
func node(children []Link) (self Link, block []byte) {
	for _, c := range children {
		block = appendBytes(block, 2, encodeLink(c))
		self.Content += c.Content
		self.Total += c.Total
	}
	block = appendBytes(block, 1, encodeFile(self.Content, children))
	self.Total += uint64(len(block))
	self.CID = blockID(cid.DagProtobuf, block)
	return self, block
}

// encodeLink is message PBLink {Hash = 1; Name = 2; Tsize = 3}.
func encodeLink(l Link) []byte {
	b := appendBytes(nil, 1, l.CID.Bytes())
	b = appendBytes(b, 2, nil)
	return appendUint(b, 3, l.Total)
}

// encodeFile is UnixFS's message Data {Type = 1; filesize = 3; blocksizes = 4}.
func encodeFile(size uint64, children []Link) []byte {
	const typeFile = 2
	b := appendUint(nil, 1, typeFile)
	b = appendUint(b, 3, size)
	for _, c := range children {
		b = appendUint(b, 4, c.Content)
	}
	return b
}

// appendUint and appendBytes write one protobuf field: wire types 0 and 2.
func appendUint(b []byte, field byte, v uint64) []byte {
	return binary.AppendUvarint(append(b, field<<3), v)
}

func appendBytes(b []byte, field byte, v []byte) []byte {
	b = binary.AppendUvarint(append(b, field<<3|2), uint64(len(v)))
	return append(b, v...)
}
