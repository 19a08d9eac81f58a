package checkpoint

import (
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// FanOut is the number of children of a full tree node.
const FanOut = 16

// tree is a vector of objects under nodes that hold FanOut links each: level 0
// is the vector, every level above has a link for each FanOut below, and the
// last has one, the root. (A vector of one is its own root.) The vector may
// have gaps. A node without children is a gap itself, so what is empty costs
// nothing, and a node's gaps at its end are not written. The number of levels
// follows from the vector's length, which is kept elsewhere.
type tree struct {
	levels [][]cid.Cid
}

func newTree() tree { return tree{levels: make([][]cid.Cid, 1)} }

// root is the undefined CID if the tree is empty.
func (t *tree) root() cid.Cid {
	if top := t.levels[len(t.levels)-1]; len(top) > 0 {
		return top[0]
	}
	return cid.Undef
}

// update gives the vector n elements, of which those at changed, ascending,
// have been set in set, and returns the new nodes. The vector never shrinks.
func (t *tree) update(n int, changed []int, set func(i int) cid.Cid) []Object {
	old := len(t.levels[0])
	t.extend(n)
	for _, i := range changed {
		t.levels[0][i] = set(i)
	}
	if old > 0 && levelsOf(n) > levelsOf(old) && !slices.Contains(changed, 0) {
		// The new levels' first nodes have an old child below them.
		changed = slices.Insert(slices.Clone(changed), 0, 0)
	}
	var nodes []Object
	for l := 1; l < len(t.levels); l++ {
		changed = parents(changed)
		for _, i := range changed {
			node := t.node(l, i)
			if node.ID != t.levels[l][i] && node.ID.Defined() {
				nodes = append(nodes, node)
			}
			t.levels[l][i] = node.ID
		}
	}
	return nodes
}

// extend adds gaps up to n elements, and levels as needed.
func (t *tree) extend(n int) {
	for l := 0; ; l++ {
		if l == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[l] = append(t.levels[l], make([]cid.Cid, n-len(t.levels[l]))...)
		if n <= 1 {
			return
		}
		n = (n + FanOut - 1) / FanOut
	}
}

// levelsOf is the number of levels of a vector of n elements.
func levelsOf(n int) int {
	levels := 1
	for ; n > 1; n = (n + FanOut - 1) / FanOut {
		levels++
	}
	return levels
}

func parents(children []int) []int {
	up := make([]int, 0, len(children))
	for _, c := range children {
		if p := c / FanOut; len(up) == 0 || up[len(up)-1] != p {
			up = append(up, p)
		}
	}
	return up
}

// node makes node i of level l, no object if all its children are gaps.
func (t *tree) node(l, i int) Object {
	below := t.levels[l-1]
	children := below[i*FanOut : min(len(below), (i+1)*FanOut)]
	for len(children) > 0 && !children[len(children)-1].Defined() {
		children = children[:len(children)-1]
	}
	if len(children) == 0 {
		return Object{}
	}
	return newNode(encodeLinks(children))
}

// decodeNode returns a node's children, of which there may be most.
func decodeNode(b []byte, most int) ([]cid.Cid, error) {
	ids, err := decodeLinks(b, most)
	if err != nil {
		return nil, fmt.Errorf("tree node: %w", err)
	}
	if len(ids) == 0 || !ids[len(ids)-1].Defined() {
		return nil, fmt.Errorf("tree node with gaps at its end: %w", ErrFormat)
	}
	return ids, nil
}

// treeVisitor walks a tree. Its functions get a node's level and the range of
// vector elements below it.
type treeVisitor struct {
	get Getter
	// leaf is the codec of the vector's elements.
	leaf uint64
	// enter is asked before a node is fetched; false leaves it out with all
	// below. nil enters all.
	enter func(id cid.Cid) bool
	// node is called after everything below the node (data is nil for the
	// vector's elements, which are not fetched), or with the error that
	// prevented that.
	node func(v visit) error
}

type visit struct {
	id         cid.Cid
	level      int
	index      int
	start, end int
	data       []byte
	err        error
}

// walk visits the tree of n elements below root, children before parents. It
// ends with the first error that node returns.
func (v *treeVisitor) walk(root cid.Cid, n int) error {
	if !root.Defined() || n == 0 {
		return nil
	}
	return v.descend(root, levelsOf(n)-1, 0, n)
}

func (v *treeVisitor) descend(id cid.Cid, level, index, n int) error {
	width := 1
	for range level {
		width *= FanOut
	}
	at := visit{id: id, level: level, index: index, start: index * width, end: min(n, (index+1)*width)}
	if v.enter != nil && !v.enter(id) {
		return nil
	}
	if level == 0 {
		if id.Type() != v.leaf {
			at.err = fmt.Errorf("tree element of codec %#x: %w", id.Type(), ErrFormat)
		}
		return v.node(at)
	}
	var children []cid.Cid
	if at.data, at.err = v.get.Get(id); at.err == nil {
		below := width / FanOut
		children, at.err = decodeNode(at.data, (at.end-at.start+below-1)/below)
	}
	for i, c := range children {
		if !c.Defined() {
			continue
		}
		if err := v.descend(c, level-1, index*FanOut+i, n); err != nil {
			return err
		}
	}
	return v.node(at)
}
