package unixfscid

import (
	"encoding/binary"

	"github.com/ipfs/go-cid"
)

// link is what a node says of a child.
type link struct {
	id cid.Cid
	// content is the number of the stream's bytes below the child.
	content uint64
	// total is content plus the bytes of all nodes below and including the
	// child (dag-pb's Tsize).
	total uint64
}

func leaf(chunk []byte) link {
	n := uint64(len(chunk))
	return link{id: blockID(cid.Raw, chunk), content: n, total: n}
}

// node encodes a dag-pb block over its children and returns the link to it.
// Canonical dag-pb has the links before the data, and a link's empty name is
// present.
func node(children []link) link {
	var self link
	var block []byte
	for _, c := range children {
		block = appendBytes(block, 2, encodeLink(c))
		self.content += c.content
		self.total += c.total
	}
	block = appendBytes(block, 1, encodeFile(self.content, children))
	self.total += uint64(len(block))
	self.id = blockID(cid.DagProtobuf, block)
	return self
}

// encodeLink is message PBLink {Hash = 1; Name = 2; Tsize = 3}.
func encodeLink(l link) []byte {
	b := appendBytes(nil, 1, l.id.Bytes())
	b = appendBytes(b, 2, nil)
	return appendUint(b, 3, l.total)
}

// encodeFile is UnixFS's message Data {Type = 1; filesize = 3; blocksizes = 4}.
func encodeFile(size uint64, children []link) []byte {
	const typeFile = 2
	b := appendUint(nil, 1, typeFile)
	b = appendUint(b, 3, size)
	for _, c := range children {
		b = appendUint(b, 4, c.content)
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
