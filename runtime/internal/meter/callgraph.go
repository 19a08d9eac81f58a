package meter

import "slices"

// The call graph has the defined functions as vertices 0 to n-1, and after them
// a vertex for each canonical type: whoever calls through a type has an edge to
// it, and it has edges to every function of that type whose reference exists.

func (mod *module) vertices() int { return len(mod.functions) + len(mod.sigs) }

func (mod *module) successors(v int32) []int32 {
	if n := int32(len(mod.functions)); v >= n {
		return mod.sigs[v-n].members
	}
	return mod.functions[v].calls
}

// components are the strongly connected components of the call graph.
type components struct {
	of     []int32 // each vertex's, numbered callees first
	cyclic []bool  // whether a component contains a cycle
	order  []int32 // the vertices, by component
}

// components finds them by Tarjan's algorithm, without recursion.
func (mod *module) components() components {
	n := mod.vertices()
	t := tarjan{
		mod: mod, index: make([]int32, n), low: make([]int32, n),
		components: components{of: slices.Repeat([]int32{-1}, n), order: make([]int32, 0, n)},
	}
	for v := range int32(n) {
		if t.index[v] == 0 {
			t.search(v)
		}
	}
	return t.components
}

type tarjan struct {
	mod   *module
	index []int32 // order of discovery, from 1; 0 is not yet
	low   []int32
	next  int32
	stack []int32 // vertices without a component yet
	path  []visit
	components
}

// visit is a vertex on the path being searched, and what is left of its
// successors.
type visit struct {
	v    int32
	rest []int32
}

func (t *tarjan) search(root int32) {
	t.enter(root)
	for len(t.path) > 0 {
		top := &t.path[len(t.path)-1]
		if len(top.rest) > 0 {
			w := top.rest[0]
			top.rest = top.rest[1:]
			if t.index[w] == 0 {
				t.enter(w)
			} else if t.of[w] < 0 {
				t.low[top.v] = min(t.low[top.v], t.index[w])
			}
			continue
		}
		v := top.v
		t.path = t.path[:len(t.path)-1]
		if len(t.path) > 0 {
			p := t.path[len(t.path)-1].v
			t.low[p] = min(t.low[p], t.low[v])
		}
		if t.low[v] == t.index[v] {
			t.complete(v)
		}
	}
}

func (t *tarjan) enter(v int32) {
	t.next++
	t.index[v], t.low[v] = t.next, t.next
	t.stack = append(t.stack, v)
	t.path = append(t.path, visit{v, t.mod.successors(v)})
}

func (t *tarjan) complete(v int32) {
	id := int32(len(t.cyclic))
	size := 0
	for {
		w := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.of[w] = id
		t.order = append(t.order, w)
		size++
		if w == v {
			break
		}
	}
	t.cyclic = append(t.cyclic, size > 1 || slices.Contains(t.mod.successors(v), v))
}

// headers chooses the functions that break every cycle of calls: in each
// component, those that call back into it through a type, and then the targets
// of the back edges that remain, but for those that close no cycle which another one does
// not break. Functions at the top of a long chain of calls
// are added, so that the depth between two headers is bounded. It returns the
// vertices in an order in which each comes after all it calls but headers.
func (mod *module) headers(c components) []int32 {
	n := int32(len(mod.functions))
	for i := range mod.functions {
		f := &mod.functions[i]
		if !c.cyclic[c.of[i]] {
			continue
		}
		for _, w := range f.calls {
			f.header = f.header || w >= n && c.of[w] == c.of[i]
		}
	}
	mod.postorder(func(v, w int32) {
		if w < n && c.of[v] == c.of[w] {
			mod.functions[w].header = true
		}
	})
	mod.spare()
	for _, v := range mod.postorder(nil) {
		mod.measure(v)
	}
	return mod.postorder(nil)
}

// maxSpare is how many edges of the call graph are followed for each that there is, to find
// headers to spare. With more of them all that are left stay headers.
const maxSpare = 16

// spare makes those functions no headers that cannot come back to themselves but through others. One
// after another is asked, so each cycle keeps one.
func (mod *module) spare() {
	left := maxSpare * mod.vertices()
	for i := range mod.functions {
		left += maxSpare * len(mod.functions[i].calls)
	}
	seen := make([]int32, mod.vertices()) // by which function's search, counted from 1
	for i := range int32(len(mod.functions)) {
		if f := &mod.functions[i]; f.header && left > 0 {
			f.header = false
			f.header = mod.comesBack(i, seen, &left)
		}
	}
}

// comesBack tells whether calls lead from a function to itself past all headers, or too many are to be
// followed to tell.
func (mod *module) comesBack(from int32, seen []int32, left *int) bool {
	work := []int32{from}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		next := mod.successors(v)
		if *left -= len(next); *left < 0 {
			return true
		}
		for _, w := range next {
			switch {
			case w == from:
				return true
			case seen[w] == from+1, int(w) < len(mod.functions) && mod.functions[w].header:
			default:
				seen[w] = from + 1
				work = append(work, w)
			}
		}
	}
	return false
}

// postorder lists all vertices, each after those it leads to without entering
// a header, and calls back for every edge that closes a cycle.
func (mod *module) postorder(back func(v, w int32)) []int32 {
	const onPath, done = 1, 2
	state := make([]byte, mod.vertices())
	order := make([]int32, 0, mod.vertices())
	var path []visit
	enter := func(v int32) {
		state[v] = onPath
		path = append(path, visit{v, mod.successors(v)})
	}
	for root := range int32(mod.vertices()) {
		if state[root] != 0 {
			continue
		}
		for enter(root); len(path) > 0; {
			top := &path[len(path)-1]
			if len(top.rest) == 0 {
				state[top.v] = done
				order = append(order, top.v)
				path = path[:len(path)-1]
				continue
			}
			w := top.rest[0]
			top.rest = top.rest[1:]
			switch {
			case int(w) < len(mod.functions) && mod.functions[w].header:
			case state[w] == 0:
				enter(w)
			case state[w] == onPath:
				back(top.v, w)
			}
		}
	}
	return order
}

// measure computes the depth of the chain of calls that starts at v, and makes
// its function a header if that is long.
func (mod *module) measure(v int32) {
	var deepest int64
	n := int32(len(mod.functions))
	for _, w := range mod.successors(v) {
		switch {
		case w >= n:
			deepest = max(deepest, mod.sigs[w-n].chain)
		case !mod.functions[w].header:
			deepest = max(deepest, mod.functions[w].chain)
		}
	}
	if v >= n {
		mod.sigs[v-n].chain = deepest
		return
	}
	f := &mod.functions[v]
	f.chain = f.frame + deepest
	f.header = f.header || f.chain > maxChain
}

// reach computes, callees first, which functions may reach the host, which may
// reach a check, and which may reach a header.
func (mod *module) reach(found components) {
	facts := make([]callee, len(found.cyclic))
	n := int32(len(mod.functions))
	for _, v := range found.order {
		c := &facts[found.of[v]]
		if v < n {
			f := &mod.functions[v]
			c.host = c.host || f.toHost
			c.deep = c.deep || f.header
			c.checks = c.checks || f.loops || f.bulk || f.header || f.toHost
		} else if mod.sigs[v-n].host {
			c.host, c.checks = true, true
		}
		for _, w := range mod.successors(v) {
			d := &facts[found.of[w]]
			c.host, c.checks, c.deep = c.host || d.host, c.checks || d.checks, c.deep || d.deep
		}
	}
	for v, id := range found.of {
		c := facts[id]
		c.charges = c.checks
		if int32(v) < n {
			mod.functions[v].callee = c
		} else {
			mod.sigs[int32(v)-n].callee = c
		}
	}
}
