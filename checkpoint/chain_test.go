package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

// memoryStore is a plain store that checks what goes in and out.
type memoryStore map[cid.Cid][]byte

func (s memoryStore) Get(id cid.Cid) ([]byte, error) {
	if data, ok := s[id]; ok {
		return data, Check(id, data)
	}
	return nil, fmt.Errorf("%s: %w", id, ErrNotFound)
}

func (s memoryStore) put(tb testing.TB, r *Ready) {
	tb.Helper()
	for _, o := range append(r.Objects, Object{r.ID, r.Encoded}) {
		if err := Check(o.ID, o.Data); err != nil {
			tb.Fatal(err)
		}
		if len(o.Data) > MaxObject {
			tb.Fatalf("object of %d bytes", len(o.Data))
		}
		s[o.ID] = o.Data
	}
}

// memoryIndex learns every page.
type memoryIndex map[PageID]Location

func (x memoryIndex) Find(id PageID) (Location, bool) {
	at, ok := x[id]
	return at, ok
}

func (x memoryIndex) learn(pages []IndexedPage) {
	for _, p := range pages {
		x[p.ID] = p.At
	}
}

var (
	testKey    = Ed25519Key(ed25519.NewKeyFromSeed([]byte("a seed of exactly 32 bytes......")))
	testModule = NewRaw([]byte("a module")).ID
	testTime   = time.Unix(1_700_000_000, 123456789).UTC()
)

func testConfig() Config {
	return Config{Name: "counter", Module: testModule, Owner: testKey}
}

func newTestChain(tb testing.TB, cfg Config) *Chain {
	tb.Helper()
	c, err := NewChain(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func advance(tb testing.TB, c *Chain, cap Capture) *Ready {
	tb.Helper()
	if cap.Time.IsZero() {
		cap.Time = testTime
	}
	if last := c.Last(); last != nil && cap.Order == (Order{}) {
		cap.Order = Order{last.Epoch, last.Sequence + 1}
	}
	r, err := c.Update(cap)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// guest is a plain memory that knows which pages were written.
type guest struct {
	mem   []byte
	dirty map[int]bool
}

func newGuest(size int) *guest { return &guest{make([]byte, size), map[int]bool{}} }

func (g *guest) write(at int, b ...byte) {
	copy(g.mem[at:], b)
	for page := at / PageSize; page <= (at+len(b)-1)/PageSize; page++ {
		g.dirty[page] = true
	}
}

func (g *guest) grow(wasmPages int) { g.mem = append(g.mem, make([]byte, wasmPages*WasmPage)...) }

// capture takes the dirty pages, one page a run or adjacent ones in one.
func (g *guest) capture(joined bool) Capture {
	cap := Capture{Size: uint64(len(g.mem))}
	for _, page := range slices.Sorted(maps.Keys(g.dirty)) {
		start := uint64(page) * PageSize
		if n := len(cap.Dirty); joined && n > 0 && cap.Dirty[n-1].Start+uint64(len(cap.Dirty[n-1].Bytes)) == start {
			r := &cap.Dirty[n-1]
			r.Bytes = g.mem[r.Start : start+PageSize]
			continue
		}
		cap.Dirty = append(cap.Dirty, Run{start, g.mem[start : start+PageSize]})
	}
	clear(g.dirty)
	return cap
}

// restored reads a checkpoint back and compares it with memory.
func restored(tb interface {
	Helper()
	Fatalf(string, ...any)
}, envelope []byte, g Getter, want []byte) *Signed {
	tb.Helper()
	s, err := Open(envelope, Ed25519{})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	im, err := LoadImage(s.Memory, g)
	if err != nil {
		tb.Fatalf("%s: %v", s.Order, err)
	}
	got, err := im.Read(g)
	if err != nil {
		tb.Fatalf("%s: %v", s.Order, err)
	}
	if !bytes.Equal(got, want) {
		tb.Fatalf("%s: memory differs first at %#x", s.Order, firstDifference(got, want))
	}
	if found := Verify(s.Manifest, g); len(found) > 0 {
		tb.Fatalf("%s: %v", s.Order, found[0])
	}
	return s
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Random writes, growth, equal pages, pages zeroed again, resumption from an
// older checkpoint, with and without an index and gathering: every checkpoint
// ever made is, to the byte, the memory it was made of.
func TestChainAgainstPlainMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, index := memoryStore{}, memoryIndex{}
		cfg := testConfig()
		if rapid.Bool().Draw(t, "shared") {
			cfg.Index = index
		}
		if rapid.Bool().Draw(t, "gathering") {
			cfg.Old, cfg.Garbage = store, 0.25
		}
		type kept struct {
			envelope, memory []byte
		}
		var all []kept
		c, err := NewChain(cfg)
		if err != nil {
			t.Fatal(err)
		}
		g := newGuest(rapid.IntRange(0, 20).Draw(t, "pages") * WasmPage)
		joined := rapid.Bool().Draw(t, "joined")
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			mutate(t, g)
			cap := g.capture(joined)
			cap.Time, cap.Order = testTime, Order{1, uint64(step)}
			r, err := c.Update(cap)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range append(r.Objects, Object{r.ID, r.Encoded}) {
				store[o.ID] = o.Data
			}
			index.learn(r.Pages)
			all = append(all, kept{r.Envelope, bytes.Clone(g.mem)})
			if rapid.IntRange(0, 9).Draw(t, "resume") == 0 {
				if c, err = Resume(cfg, r.Signed, store); err != nil {
					t.Fatal(err)
				}
			}
		}
		var file memoryWriter // that follows, but for some
		from := &Image{}
		for _, k := range all {
			s := restored(t, k.envelope, store, k.memory)
			if rapid.IntRange(0, 3).Draw(t, "missed") == 0 {
				continue
			}
			im, err := LoadImage(s.Memory, store)
			if err != nil {
				t.Fatal(err)
			}
			file = append(file, make([]byte, len(k.memory)-len(file))...)
			if err := im.Change(file, store, from); err != nil {
				t.Fatal(err)
			}
			if i := firstDifference(file, k.memory); i < len(file) {
				t.Fatalf("changed image differs at %#x", i)
			}
			from = im
		}
	})
}

// mutate is a little of a guest's life.
func mutate(t *rapid.T, g *guest) {
	if rapid.IntRange(0, 4).Draw(t, "grow") == 0 {
		g.grow(rapid.IntRange(0, 40).Draw(t, "by"))
	}
	pages := len(g.mem) / PageSize
	if pages == 0 {
		return
	}
	seed := rapid.Uint64().Draw(t, "seed")
	rng := rand.New(rand.NewPCG(seed, 0))
	for range rapid.IntRange(0, 200).Draw(t, "writes") {
		page := rng.IntN(pages)
		switch rng.IntN(4) {
		case 0: // a value that other pages have too
			g.write(page*PageSize, byte(rng.IntN(3)))
		case 1: // cleared
			g.write(page*PageSize, make([]byte, PageSize)...)
		case 2: // written with what it held
			g.write(page*PageSize, g.mem[page*PageSize])
		default:
			g.write(page*PageSize+rng.IntN(PageSize-8), byte(rng.Uint32()), byte(rng.Uint32()), 1)
		}
	}
}
