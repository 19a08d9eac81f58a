package meter

// interval is what a debt may be.
type interval struct{ least, most int64 }

// settled tells whether only one debt is left.
func (b interval) settled() bool { return b.least == b.most }

// forest is a union-find of nodes whose debts depend on each other.
type forest struct{ trees []tree }

// tree is the place of a node in the forest.
type tree struct {
	parent   int32
	offset   int64 // debt relative to the parent's
	interval       // of a root: debts that keep the whole tree within bounds
}

// plant starts anew: each node is a tree.
func (f *forest) plant(nodes []node) {
	f.trees = f.trees[:0]
	for i := range nodes {
		f.trees = append(f.trees, tree{parent: int32(i), interval: nodes[i].bounds()})
	}
}

// find returns the root of n's tree, and n's debt relative to the root's. It shortens the way
// there by half.
func (f *forest) find(n int32) (root int32, offset int64) {
	for {
		t := &f.trees[n]
		if t.parent == n {
			return n, offset
		}
		up := &f.trees[t.parent]
		if up.parent != t.parent {
			t.parent, t.offset = up.parent, t.offset+up.offset
		}
		n, offset = t.parent, offset+t.offset
	}
}

// unite demands debt(b) = debt(a) + delta, unless a and b are tied already.
func (f *forest) unite(a, b int32, delta int64) {
	ra, oa := f.find(a)
	rb, ob := f.find(b)
	if ra != rb {
		f.trees[rb].parent, f.trees[rb].offset = ra, oa+delta-ob
	}
}

// link makes b's root a child of a's, with a debt of so much more, unless no debt would be left for
// them.
func (f *forest) link(a, b int32, shift int64) bool {
	ta, tb := &f.trees[a], &f.trees[b]
	both := interval{max(ta.least, tb.least-shift), min(ta.most, tb.most-shift)}
	if both.least > both.most {
		return false
	}
	tb.parent, tb.offset, ta.interval = a, shift, both
	return true
}

// join demands the same debt of a and b, whether or not it keeps b's tree within its bounds.
func (f *forest) join(a, b int32) {
	ra, oa := f.find(a)
	rb, ob := f.find(b)
	if ra != rb && !f.link(ra, rb, oa-ob) {
		f.trees[rb].parent, f.trees[rb].offset = ra, oa-ob
	}
}
