package checkpoint

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/ipfs/go-cid"
)

// DamageError says which object of a checkpoint is missing or not what it
// should be, and what it held.
type DamageError struct {
	Object cid.Cid
	// Part is what the object holds: "pages", "page map", "pack list", or a
	// part of the state, such as "globals" or "section wasi".
	Part string
	// Pages are the memory's pages that are lost with it, if any.
	Pages []PageRange
	Err   error
}

// Error names everything.
func (e *DamageError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s damaged", e.Part)
	if e.Object.Defined() {
		fmt.Fprintf(&b, " in object %s", e.Object)
	}
	for i, r := range e.Pages {
		if i == 8 {
			fmt.Fprintf(&b, " and %d more", len(e.Pages)-i)
			break
		}
		sep := ", "
		if i == 0 {
			sep = ": memory "
		}
		fmt.Fprintf(&b, "%s%s", sep, r)
	}
	return fmt.Sprintf("%s: %v", &b, e.Err)
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// walker reads a memory's two trees, children before parents.
type walker struct {
	get    Getter
	memory Memory
	// enter leaves out an object, and all below it, when false; nil enters all.
	enter func(id cid.Cid) bool
	// node gets every object: tree nodes and map leaves with their data, packs
	// without. An error ends the walk.
	node func(v nodeVisit) error
	// damaged decides whether to go on. nil ends with the first damage.
	damaged func(*DamageError) error
}

type nodeVisit struct {
	visit
	// packs is true in the tree of packs, false in the tree of map leaves.
	packs bool
	// A map leaf places the pages from first on.
	first  int
	places []place
}

func (v nodeVisit) isPack() bool { return v.packs && v.level == 0 }
func (v nodeVisit) isLeaf() bool { return !v.packs && v.level == 0 }

func (w *walker) trees() error {
	leaves := treeVisitor{get: w.get, leaf: cid.Raw, enter: w.enter, node: w.mapNode}
	if err := leaves.walk(w.memory.Map, leavesOf(w.memory.pages())); err != nil {
		return err
	}
	packs := treeVisitor{get: w.get, leaf: cid.Raw, enter: w.enter, node: w.packNode}
	return packs.walk(w.memory.Packs, int(w.memory.PackCount))
}

func (w *walker) mapNode(v visit) error {
	n := nodeVisit{visit: v, first: v.start * LeafPages}
	count := min(w.memory.pages(), v.end*LeafPages) - n.first
	if n.isLeaf() && v.err == nil {
		n.data, n.err = w.get.Get(v.id)
		if n.err == nil {
			n.places, n.err = decodeLeaf(n.data, count, w.memory.PackCount)
		}
	}
	if n.err != nil {
		return w.damage(&DamageError{Object: v.id, Part: "page map", Pages: []PageRange{{n.first, count}}, Err: n.err})
	}
	return w.node(n)
}

func (w *walker) packNode(v visit) error {
	if v.err != nil {
		return w.damage(&DamageError{Object: v.id, Part: "pack list", Err: v.err})
	}
	return w.node(nodeVisit{visit: v, packs: true})
}

func (w *walker) damage(e *DamageError) error {
	if w.damaged == nil {
		return e
	}
	return w.damaged(e)
}

// Missing lists the objects of a checkpoint that the other side lacks, children
// before parents and the manifest last, so that having an object means having
// all below it, even when the transfer is cut short. have is asked at most once
// for each object; what it has is left out with all below it. After an error,
// such as a *[DamageError], nothing more comes.
func Missing(s *Signed, g Getter, have func(cid.Cid) bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		seen := map[cid.Cid]bool{}
		l := lister{get: g, yield: yield, want: func(id cid.Cid) bool {
			fresh := !seen[id] && !have(id)
			seen[id] = true
			return fresh
		}}
		if !l.want(s.ID) {
			return
		}
		err := l.list(s.Manifest)
		if err == nil {
			err = l.emit(s.ID, s.Encoded)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(Object{}, err)
		}
	}
}

// errStop ends a listing whose reader wants no more.
var errStop = errors.New("stop")

// lister yields the objects below a manifest.
type lister struct {
	get   Getter
	want  func(cid.Cid) bool
	yield func(Object, error) bool
}

func (l *lister) list(m *Manifest) error {
	w := walker{get: l.get, memory: m.Memory, enter: l.want, node: func(v nodeVisit) error {
		if v.isPack() {
			return l.fetch("pages", v.id)
		}
		return l.emit(v.id, v.data)
	}}
	if err := w.trees(); err != nil {
		return err
	}
	for part, b := range m.State.parts {
		if err := l.blob(part, b); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) blob(part string, b Blob) error {
	if !b.Link.Defined() || !l.want(b.Link) {
		return nil
	}
	if !b.isList() {
		return l.fetch(part, b.Link)
	}
	list, err := l.get.Get(b.Link)
	var chunks []cid.Cid
	if err == nil {
		chunks, err = b.chunks(list)
	}
	if err != nil {
		return &DamageError{Object: b.Link, Part: part, Err: err}
	}
	for _, c := range chunks {
		if !l.want(c) {
			continue
		}
		if err := l.fetch(part, c); err != nil {
			return err
		}
	}
	return l.emit(b.Link, list)
}

func (l *lister) fetch(part string, id cid.Cid) error {
	data, err := l.get.Get(id)
	if err != nil {
		return &DamageError{Object: id, Part: part, Err: err}
	}
	return l.emit(id, data)
}

func (l *lister) emit(id cid.Cid, data []byte) error {
	if !l.yield(Object{ID: id, Data: data}, nil) {
		return errStop
	}
	return nil
}

// Verify reads everything below a manifest and returns all that is damaged,
// each object named with the pages or the part that are lost with it. g must
// check what it returns.
func Verify(m *Manifest, g Getter) []*DamageError { return NewAuditor(g).Verify(m) }

// Auditor verifies one checkpoint after the other, and reads packs that they
// share only once.
type Auditor struct {
	get Getter
	// sound packs have that many pages; broken ones are as bad as that.
	sound  map[cid.Cid]int
	broken map[cid.Cid]error
}

// NewAuditor makes an auditor over g, which must check what it returns.
func NewAuditor(g Getter) *Auditor {
	return &Auditor{get: g, sound: map[cid.Cid]int{}, broken: map[cid.Cid]error{}}
}

// Verify is the function Verify.
func (a *Auditor) Verify(m *Manifest) []*DamageError {
	v := verifier{Auditor: a, image: newImage(m.Memory), packs: map[cid.Cid]bool{}}
	w := walker{get: a.get, memory: m.Memory, node: v.node, damaged: v.damaged}
	if err := w.trees(); err != nil {
		v.found = append(v.found, &DamageError{Part: "memory", Err: err})
	}
	v.checkPacks()
	for part, b := range m.State.parts {
		if _, at, err := readBlob(a.get, b); err != nil {
			v.found = append(v.found, &DamageError{Object: at, Part: part, Err: err})
		}
	}
	if len(v.found) == 0 {
		if _, err := m.ReadState(a.get); err != nil {
			v.found = append(v.found, damageOf(err))
		}
	}
	return v.found
}

// pagesOf is the number of pages in a pack.
func (a *Auditor) pagesOf(pack cid.Cid) (int, error) {
	if n, ok := a.sound[pack]; ok {
		return n, nil
	}
	if err, ok := a.broken[pack]; ok {
		return 0, err
	}
	pages, err := readPack(a.get, pack)
	if err != nil {
		a.broken[pack] = err
		return 0, err
	}
	a.sound[pack] = len(pages) / PageSize
	return a.sound[pack], nil
}

func damageOf(err error) *DamageError {
	var d *DamageError
	if errors.As(err, &d) {
		return d
	}
	return &DamageError{Part: "checkpoint", Err: err}
}

type verifier struct {
	*Auditor
	image *Image
	packs map[cid.Cid]bool
	found []*DamageError
}

func (v *verifier) damaged(e *DamageError) error {
	v.found = append(v.found, e)
	return nil
}

func (v *verifier) node(n nodeVisit) error {
	if n.isPack() {
		v.packs[n.id] = true
	}
	v.image.set(n)
	return nil
}

// checkPacks reads every pack, used or not: an unused one is still part of
// what a pin fetches.
func (v *verifier) checkPacks() {
	if err := v.image.complete(); err != nil && len(v.found) == 0 {
		v.found = append(v.found, damageOf(err))
	}
	used := v.image.byPack()
	for _, id := range v.image.packTree.levels[0] {
		if !v.packs[id] {
			continue
		}
		delete(v.packs, id)
		if err := v.checkPack(id, used[id]); err != nil {
			v.found = append(v.found, &DamageError{Object: id, Part: "pages", Pages: pageRanges(used[id]), Err: err})
		}
	}
}

func (v *verifier) checkPack(id cid.Cid, used []Extent) error {
	pages, err := v.pagesOf(id)
	if err != nil {
		return err
	}
	return fits(pages, used)
}

// Mark names every object below a manifest to enter, which returns false to
// leave out what is below one. Packs and chunks are not read. Below a damaged or
// missing node nothing is named: then the first such *[DamageError] comes back
// at the end.
func Mark(m *Manifest, g Getter, enter func(cid.Cid) bool) error {
	var first error
	note := func(e *DamageError) {
		if first == nil {
			first = e
		}
	}
	goOn := func(e *DamageError) error { note(e); return nil }
	w := walker{get: g, memory: m.Memory, enter: enter, damaged: goOn, node: func(nodeVisit) error { return nil }}
	if err := w.trees(); err != nil {
		return err
	}
	for part, b := range m.State.parts {
		if !b.Link.Defined() || !enter(b.Link) || !b.isList() {
			continue
		}
		chunks, err := chunksOf(b, g)
		if err != nil {
			note(&DamageError{Object: b.Link, Part: part, Err: err})
		}
		for _, c := range chunks {
			enter(c)
		}
	}
	return first
}

func chunksOf(b Blob, g Getter) ([]cid.Cid, error) {
	list, err := g.Get(b.Link)
	if err != nil {
		return nil, err
	}
	return b.chunks(list)
}
