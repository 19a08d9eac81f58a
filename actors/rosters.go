package actors

import (
	"encoding/binary"
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// rosters keeps one copy of each list of members and of each node's id: a node has very
// many actors on the same few others. Nobody changes what it gives out.
type rosters struct {
	lists map[string]wire.Members
	nodes map[wire.NodeID]wire.NodeID
	key   []byte
}

// maxRosters is how many lists, and nodes, are kept; then it begins anew, and only some
// memory is lost.
const maxRosters = 1 << 14

func newRosters() *rosters {
	return &rosters{lists: make(map[string]wire.Members), nodes: make(map[wire.NodeID]wire.NodeID)}
}

// members is the copy of a list.
func (r *rosters) members(m wire.Members) wire.Members {
	if len(m) == 0 {
		return nil
	}
	r.key = r.key[:0]
	for _, one := range m {
		r.key = binary.AppendUvarint(r.key, one.Replica)
		r.key = binary.AppendUvarint(r.key, uint64(len(one.Node)))
		r.key = append(r.key, one.Node...)
	}
	if list, ok := r.lists[string(r.key)]; ok {
		return list
	}
	if len(r.lists) >= maxRosters {
		clear(r.lists)
	}
	list := slices.Clone(m)
	for i := range list {
		list[i].Node = r.node(list[i].Node)
	}
	r.lists[string(r.key)] = list
	return list
}

// node is the copy of a node's id.
func (r *rosters) node(id wire.NodeID) wire.NodeID {
	if id == "" {
		return ""
	}
	if same, ok := r.nodes[id]; ok {
		return same
	}
	if len(r.nodes) >= maxRosters {
		clear(r.nodes)
	}
	r.nodes[id] = id
	return id
}
