package checkpoint

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

func TestPackErrors(t *testing.T) {
	page := bytes.Repeat([]byte{1}, PageSize)
	noise := make([]byte, PageSize)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for _, pages := range [][][]byte{{page}, {noise}, slices.Repeat([][]byte{page, noise}, PackPages/2)} {
		b := encodePack(pages)
		got, err := decodePack(b)
		if err != nil || !bytes.Equal(got, slices.Concat(pages...)) {
			t.Fatalf("%d pages: %d bytes, %v", len(pages), len(got), err)
		}
		for cut := range min(len(b), packHeader+20) {
			if _, err := decodePack(b[:cut]); !errors.Is(err, ErrFormat) {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
		for i := range packHeader {
			bad := bytes.Clone(b)
			bad[i] ^= 0x81
			if _, err := decodePack(bad); !errors.Is(err, ErrFormat) {
				t.Errorf("header byte %d: %v", i, err)
			}
		}
	}
	if n := len(encodePack([][]byte{page})); n > PageSize/8 {
		t.Errorf("a page of ones takes %d bytes", n)
	}
	if n := len(encodePack([][]byte{noise})); n != packHeader+PageSize {
		t.Errorf("a page of noise takes %d bytes", n)
	}
}

func TestLeaf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packs := rapid.Uint32Range(1, 3000).Draw(t, "packs")
		places := make([]place, rapid.IntRange(1, LeafPages).Draw(t, "pages"))
		for i := range places {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
			case 1:
				places[i] = placeAt(rapid.IntRange(0, int(packs)-1).Draw(t, "pack"), rapid.IntRange(0, PackPages-1).Draw(t, "slot"))
			default:
				if i > 0 && places[i-1] != 0 && places[i-1].slot() < PackPages-1 {
					places[i] = places[i-1] + 1
				}
			}
		}
		got, err := decodeLeaf(encodeLeaf(places), len(places), packs)
		if slices.Max(places) == 0 {
			if err == nil {
				t.Fatal("a leaf of zeroes")
			}
			return
		}
		if err != nil || !slices.Equal(got, places) {
			t.Fatalf("got %v, %v, want %v", got, err, places)
		}
		if _, err := decodeLeaf(encodeLeaf(places), len(places)+1, packs); !errors.Is(err, ErrFormat) {
			t.Fatalf("a page too few: %v", err)
		}
	})
}

// A tree of any length and any gaps reads back, and an update writes a node
// only if something below it changed.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, tr := memoryStore{}, newTree()
		var want []cid.Cid
		for range rapid.IntRange(1, 6).Draw(t, "updates") {
			n := len(want) + rapid.IntRange(0, 300).Draw(t, "more")
			want = append(want, make([]cid.Cid, n-len(want))...)
			changed := map[int]bool{}
			if n > 0 {
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 40).Draw(t, "changed") {
					changed[i] = true
					want[i] = cid.Undef
					if rapid.IntRange(0, 3).Draw(t, "gap") > 0 {
						want[i] = NewRaw([]byte{byte(i), byte(i >> 8), byte(len(store))}).ID
					}
				}
			}
			var sorted []int
			for i := range n {
				if changed[i] {
					sorted = append(sorted, i)
				}
			}
			nodes := tr.update(n, sorted, func(i int) cid.Cid { return want[i] })
			if most := (len(changed) + 1) * levelsOf(n); len(nodes) > most {
				t.Fatalf("%d nodes for %d changes of %d", len(nodes), len(changed), n)
			}
			for _, o := range nodes {
				store[o.ID] = o.Data
			}
		}
		got := make([]cid.Cid, len(want))
		v := treeVisitor{get: store, leaf: cid.Raw, node: func(v visit) error {
			if v.level == 0 {
				got[v.index] = v.id
			}
			return v.err
		}}
		if err := v.walk(tr.root(), len(want)); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v\n got %v\nwant %v", err, got, want)
		}
	})
}

// One page of a large memory: what is written is that page, one leaf and the
// nodes above, not what the memory holds.
func TestIncrementIsSmall(t *testing.T) {
	c, store := newTestChain(t, testConfig()), memoryStore{}
	g := newGuest(64 << 20)
	noise := rand.New(rand.NewPCG(1, 1))
	for page := range len(g.mem) / PageSize {
		g.write(page*PageSize, byte(page), byte(page>>8), byte(noise.Uint32()))
	}
	store.put(t, advance(t, c, g.capture(true)))
	g.write(1000*PageSize, 0xff)
	r := advance(t, c, g.capture(true))
	store.put(t, r)
	if s := r.Stats; s.Written != 1 || s.NodeBytes > 8<<10 || len(r.Objects) > 8 {
		t.Errorf("%d objects, %+v", len(r.Objects), s)
	}
	restored(t, r.Envelope, store, g.mem)
}

func TestUnchangedAndZero(t *testing.T) {
	c, store := newTestChain(t, testConfig()), memoryStore{}
	g := newGuest(4 << 20)
	for page := range 500 {
		g.write(page*PageSize, 1, byte(page), byte(page>>8))
	}
	store.put(t, advance(t, c, g.capture(false)))
	for page := range 500 {
		g.write(page*PageSize, g.mem[page*PageSize])
	}
	r := advance(t, c, g.capture(false))
	if r.Stats.Unchanged != 500 || len(r.Objects) != 0 || r.Memory != c.Last().Memory {
		t.Errorf("nothing changed: %+v, %d objects", r.Stats, len(r.Objects))
	}
	g.write(0, make([]byte, 4<<20)...)
	r = advance(t, c, g.capture(true))
	if r.Stats.Zero != 1024 || len(r.Objects) != 0 || r.Memory.Map.Defined() || r.Memory.PackCount != 0 {
		t.Errorf("all zero: %+v, %d objects, %+v", r.Stats, len(r.Objects), r.Memory)
	}
	restored(t, r.Envelope, store, g.mem)
}

// However often pages are replaced, with gathering the packs that a checkpoint
// refers to stay within bounds, and so does what is written for it.
func TestGathering(t *testing.T) {
	store := memoryStore{}
	cfg := testConfig()
	cfg.Old, cfg.Garbage = store, 1
	c := newTestChain(t, cfg)
	g := newGuest(8 << 20)
	rng := rand.New(rand.NewPCG(1, 1))
	for page := range len(g.mem) / PageSize {
		g.write(page*PageSize, byte(page), byte(page>>8), 1)
	}
	store.put(t, advance(t, c, g.capture(true)))
	total := Stats{}
	for range 1000 {
		for range 20 {
			g.write(rng.IntN(len(g.mem)/PageSize)*PageSize, byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()))
		}
		r := advance(t, c, g.capture(true))
		total = total.Plus(r.Stats)
		for _, o := range r.Objects {
			store[o.ID] = o.Data
		}
	}
	pages := len(g.mem) / PageSize
	if held := c.packs.pages; held > 5*pages/2 {
		t.Errorf("the packs hold %d pages for %d", held, pages)
	}
	if total.Moved == 0 || total.Moved > total.Dirty {
		t.Errorf("%d pages moved for %d dirty ones", total.Moved, total.Dirty)
	}
	restored(t, c.Last().Envelope, store, g.mem)
}

// Two instances of one module that differ in a few pages share the others.
func TestSharedBetweenActors(t *testing.T) {
	store, index := memoryStore{}, memoryIndex{}
	mem := make([]byte, 2<<20)
	for page := range len(mem) / PageSize {
		copy(mem[page*PageSize:], []byte{byte(page), byte(page >> 8), 7})
	}
	for i := range 4 {
		cfg := testConfig()
		cfg.Name, cfg.Index = strings.Repeat("x", i+1), index
		c := newTestChain(t, cfg)
		g := newGuest(len(mem))
		g.write(0, mem...)
		g.write(i*PageSize, 1, 2, byte(i))
		r := advance(t, c, g.capture(true))
		store.put(t, r)
		index.learn(r.Pages)
		if i > 0 && (r.Stats.Written > 2 || r.Stats.Shared < 510) {
			t.Errorf("actor %d: %+v", i, r.Stats)
		}
		restored(t, r.Envelope, store, g.mem)
	}
}

// Each object of a checkpoint in turn is missing: it is named, and if memory is
// lost with it, so are the pages, exactly.
func TestDamageIsNamed(t *testing.T) {
	_, second, store, _ := goldenChain(t)
	image, err := LoadImage(second.Memory, store)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range Missing(second.Signed, store, func(cid.Cid) bool { return false }) {
		if err != nil {
			t.Fatal(err)
		}
		if o.ID == second.ID {
			continue
		}
		delete(store, o.ID)
		found := Verify(second.Manifest, store)
		if len(found) == 0 || found[0].Object != o.ID || !errors.Is(found[0], ErrNotFound) {
			t.Fatalf("without %s: %v", o.ID, found)
		}
		if found[0].Part == "pages" && !slices.Equal(found[0].Pages, pageRanges(image.byPack()[o.ID])) {
			t.Errorf("not exactly the pages of the pack: %v", found[0])
		}
		store[o.ID] = o.Data
	}
}

func TestMissing(t *testing.T) {
	first, second, store, _ := goldenChain(t)
	there := memoryStore{}
	for o, err := range Missing(first.Signed, store, func(cid.Cid) bool { return false }) {
		if err != nil {
			t.Fatal(err)
		}
		there[o.ID] = o.Data
	}
	n := 0
	for o, err := range Missing(second.Signed, store, func(id cid.Cid) bool { return there[id] != nil }) {
		if err != nil || there[o.ID] != nil {
			t.Fatalf("%s is there already, %v", o.ID, err)
		}
		there[o.ID] = o.Data
		n++
	}
	if n != len(second.Objects)+1 {
		t.Errorf("sent %d objects, %d are new", n, len(second.Objects)+1)
	}
	if found := Verify(second.Manifest, there); len(found) > 0 {
		t.Error(found[0])
	}
}

func TestCAR(t *testing.T) {
	_, second, store, _ := goldenChain(t)
	var car bytes.Buffer
	if err := Export(&car, second.Signed, store); err != nil {
		t.Fatal(err)
	}
	b := car.Bytes()
	got, err := Import(bytes.NewReader(b), Ed25519{}, sink{}, uint64(len(b)))
	if err != nil || got.ID != second.ID {
		t.Fatal(err)
	}
	if _, err := Import(bytes.NewReader(b), Ed25519{}, sink{}, uint64(len(b))/2); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	extra := bytes.NewBuffer(bytes.Clone(b))
	o := NewRaw([]byte("not part of it"))
	if err := writeSection(extra, o.ID.Bytes(), o.Data); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(extra, Ed25519{}, sink{}, 1<<20); !errors.Is(err, ErrFormat) {
		t.Errorf("with an object too many: %v", err)
	}
	for at := 0; at < len(b); at += 1 + at/50 {
		if _, err := Import(bytes.NewReader(b[:at]), Ed25519{}, sink{}, 1<<20); err == nil {
			t.Errorf("cut at %d of %d", at, len(b))
		}
		bad := bytes.Clone(b)
		bad[at] ^= 4
		if _, err := Import(bytes.NewReader(bad), Ed25519{}, sink{}, 1<<20); err == nil {
			t.Errorf("byte %d changed", at)
		}
	}
}

// sink is a store in memory.
type sink map[cid.Cid][]byte

func (s sink) Get(id cid.Cid) ([]byte, error) { return memoryStore(s).Get(id) }
func (s sink) Put(o Object) error             { s[o.ID] = o.Data; return nil }

func TestPace(t *testing.T) {
	p := DefaultPace()
	ms := time.Millisecond
	for _, step := range []struct {
		took, want time.Duration // took 0: failed
	}{
		{5 * ms, 100 * ms}, {75 * ms, 100 * ms}, {90 * ms, 120 * ms}, {300 * ms, 400 * ms}, {10 * ms, 350 * ms},
		{0, 700 * ms}, {time.Minute, 10 * time.Second}, {0, 10 * time.Second}, {9 * time.Second, 10 * time.Second},
		{ms, 8750 * ms},
	} {
		if step.took == 0 {
			p = p.Failed()
		} else {
			p = p.Stored(step.took)
		}
		if p.Next() != step.want || p.Stretched() != (step.want > 100*ms) {
			t.Errorf("after %v: %v, want %v", step.took, p.Next(), step.want)
		}
	}
	for range 100 {
		p = p.Stored(ms)
	}
	if p.Stretched() {
		t.Errorf("still %v", p.Next())
	}
}
