package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ipfs/go-cid"
)

var updateGolden = flag.Bool("update", false, "write testdata anew: only together with a new format version")

// goldenChain is two checkpoints in which every field is used.
func goldenChain(tb testing.TB) (first, second *Ready, store memoryStore, mem []byte) {
	tb.Helper()
	store = memoryStore{}
	c := newTestChain(tb, testConfig())
	g := newGuest(3 * WasmPage)
	noise := rand.NewChaCha8([32]byte{1})
	for _, page := range []int{5, 6, 7, 40} { // pages that do not compress
		random := make([]byte, PageSize)
		_, _ = noise.Read(random)
		g.write(page*PageSize, random...)
		g.write((page+7)*PageSize, random...)
	}
	cap := g.capture(true)
	cap.Order, cap.Fuel = Order{7, 1}, Fuel{Version: 1, Used: 1000, Limit: 1 << 40}
	cap.State = State{
		Globals: []Global{{I32, 1, 0}, {V128, 1 << 63, 2}, {F64, 0x400921fb54442d18, 0}},
		Tables:  []Table{{FuncRef, []uint32{3, Null, 1}}}, DroppedData: []uint32{0, 9}, DroppedElements: []uint32{1},
		Sections: map[string][]byte{"wasi": []byte("small"), "mailbox": bytes.Repeat([]byte("m"), MaxInline+1)},
	}
	first = advance(tb, c, cap)
	store.put(tb, first)
	g.write(6*PageSize, 1)
	g.grow(1)
	cap2 := g.capture(true)
	cap2.Fuel, cap2.State = cap.Fuel, cap.State
	second = advance(tb, c, cap2)
	store.put(tb, second)
	return first, second, store, g.mem
}

// The encodings may not change: other nodes, and stores on disk, have them. The
// packs among them are plain, since what s2 makes is not part of the format.
func TestGolden(t *testing.T) {
	first, second, store, mem := goldenChain(t)
	restored(t, second.Envelope, store, mem)
	pack := first.Objects[0].Data
	if len(pack) != packHeader+4*PageSize {
		t.Fatalf("the first object is not a pack of four pages, but of %d bytes", len(pack))
	}
	golden(t, "manifest-1", first.Encoded)
	golden(t, "manifest-2", second.Encoded)
	golden(t, "envelope-1", first.Envelope)
	golden(t, "pack-header", pack[:packHeader+16])
	root, _, _ := RootOf(first.Signed)
	golden(t, "root-1", root.Data)
	golden(t, "leaf", encodeLeaf([]place{0, 0, placeAt(0, 5), placeAt(0, 6), placeAt(200, 63), placeAt(201, 0), 0}))
	golden(t, "node", encodeLinks([]cid.Cid{testModule, {}, first.ID}))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	if *updateGolden {
		if err := os.WriteFile(path, hex.AppendEncode(nil, append(got, '\n'))[:2*len(got)], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != string(bytes.TrimSpace(want)) {
		t.Errorf("%s changed:\n got %x\nwant %s", name, got, want)
	}
}

func TestStateRoundTrip(t *testing.T) {
	first, _, store, _ := goldenChain(t)
	s, err := Open(first.Envelope, Ed25519{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadState(store)
	if err != nil {
		t.Fatal(err)
	}
	want := &State{
		Globals: []Global{{I32, 1, 0}, {V128, 1 << 63, 2}, {F64, 0x400921fb54442d18, 0}},
		Tables:  []Table{{FuncRef, []uint32{3, Null, 1}}}, DroppedData: []uint32{0, 9}, DroppedElements: []uint32{1},
		Sections: map[string][]byte{"wasi": []byte("small"), "mailbox": bytes.Repeat([]byte("m"), MaxInline+1)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if s.Order != (Order{7, 1}) || s.Time != testTime || !s.Module.Equals(testModule) || s.Fuel.Limit != 1<<40 || s.Name != "counter" {
		t.Errorf("got %+v", s.Manifest)
	}
}

// Large parts are chunked, and what did not change is not written again.
func TestLargeParts(t *testing.T) {
	c, store := newTestChain(t, testConfig()), memoryStore{}
	big := bytes.Repeat([]byte("0123456789abcdef"), 3*ChunkSize/16)
	for i, n := range []int{0, 1, MaxInline, MaxInline + 1, ChunkSize, ChunkSize + 1, 3 * ChunkSize} {
		part := bytes.Clone(big[:n])
		r := advance(t, c, Capture{Order: Order{1, uint64(i)}, State: State{Sections: map[string][]byte{"mailbox": part}}})
		store.put(t, r)
		s, err := r.ReadState(store)
		if err != nil || !bytes.Equal(s.Sections["mailbox"], part) {
			t.Errorf("%d bytes: got %d, %v", n, len(s.Sections["mailbox"]), err)
		}
		again := advance(t, c, Capture{Order: Order{1, uint64(i) + 1000}, State: State{Sections: map[string][]byte{"mailbox": part}}})
		if len(again.Objects) > 0 || again.Stats.StateBytes != 0 {
			t.Errorf("%d bytes, unchanged: %d objects", n, len(again.Objects))
		}
		c = newTestChain(t, testConfig())
	}
}

func TestCaptureErrors(t *testing.T) {
	page := make([]byte, PageSize)
	for name, cap := range map[string]Capture{
		"stale epoch":      {Order: Order{0, 9}, Size: WasmPage},
		"same order":       {Order: Order{1, 1}, Size: WasmPage},
		"shrunk":           {Order: Order{1, 2}},
		"not whole pages":  {Order: Order{1, 2}, Size: WasmPage + PageSize},
		"too large":        {Order: Order{1, 2}, Size: MaxMemory + WasmPage},
		"run not aligned":  {Order: Order{1, 2}, Size: WasmPage, Dirty: []Run{{1, page}}},
		"run not whole":    {Order: Order{1, 2}, Size: WasmPage, Dirty: []Run{{0, page[1:]}}},
		"run beyond":       {Order: Order{1, 2}, Size: WasmPage, Dirty: []Run{{WasmPage, page}}},
		"run far beyond":   {Order: Order{1, 2}, Size: WasmPage, Dirty: []Run{{1<<64 - PageSize, page}}},
		"runs overlap":     {Order: Order{1, 2}, Size: WasmPage, Dirty: []Run{{0, page}, {0, page}}},
		"segments":         {Order: Order{1, 2}, Size: WasmPage, State: State{DroppedData: []uint32{2, 1}}},
		"segment too high": {Order: Order{1, 2}, Size: WasmPage, State: State{DroppedData: []uint32{maxSegments}}},
		"section name":     {Order: Order{1, 2}, Size: WasmPage, State: State{Sections: map[string][]byte{"": nil}}},
		"long section":     {Order: Order{1, 2}, Size: WasmPage, State: State{Sections: map[string][]byte{"a name of 24 bytes, more!": nil}}},
		"table type":       {Order: Order{1, 2}, Size: WasmPage, State: State{Tables: []Table{{Type: I32}}}},
		"fuel":             {Order: Order{1, 2}, Size: WasmPage, Fuel: Fuel{Used: 1 << 63}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestChain(t, testConfig())
			first := advance(t, c, Capture{Order: Order{1, 1}, Size: WasmPage})
			if cap.Time.IsZero() {
				cap.Time = testTime
			}
			if r, err := c.Update(cap); err == nil {
				t.Fatalf("made %s", r.Order)
			}
			cap = Capture{Order: Order{1, 2}, Time: testTime, Size: WasmPage}
			if r, err := c.Update(cap); err != nil || r.Previous != first.ID {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// What a signature is worth: nothing but exactly what was signed, by the owner
// it names, opens.
func TestEnvelope(t *testing.T) {
	first, _, _, _ := goldenChain(t)
	for at := range first.Envelope {
		e := bytes.Clone(first.Envelope)
		e[at] ^= 0x40
		if _, err := Open(e, Ed25519{}); err == nil {
			t.Errorf("byte %d changed, and it opens", at)
		}
		if _, err := Open(first.Envelope[:at], Ed25519{}); err == nil {
			t.Errorf("cut at %d, and it opens", at)
		}
	}
	if _, err := Open(append(bytes.Clone(first.Envelope), 0), Ed25519{}); err == nil {
		t.Error("opens with a byte more")
	}
	other := Ed25519Key(ed25519.NewKeyFromSeed(make([]byte, 32)))
	forged, err := Seal(first.Encoded, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(forged, Ed25519{}); err == nil {
		t.Error("opens with another's signature")
	}
}

func ExampleChain() {
	chain, err := NewChain(Config{Name: "counter", Module: testModule, Owner: testKey})
	if err != nil {
		fmt.Println(err)
		return
	}
	store := memoryStore{}
	memory := make([]byte, 4*WasmPage)
	for sequence := range uint64(3) {
		page := memory[sequence*PageSize:][:PageSize]
		copy(page, fmt.Sprintf("result %d", sequence))
		ready, err := chain.Update(Capture{
			Order: Order{Epoch: 1, Sequence: sequence}, Time: testTime, Size: uint64(len(memory)),
			Dirty: []Run{{Start: sequence * PageSize, Bytes: page}},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, o := range ready.Objects {
			store[o.ID] = o.Data
		}
		fmt.Println(ready.Order, "objects:", len(ready.Objects))
	}
	image, err := LoadImage(chain.Last().Memory, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	restored, err := image.Read(store)
	fmt.Println(bytes.Equal(restored, memory), err)
	// Output:
	// 1.0 objects: 2
	// 1.1 objects: 3
	// 1.2 objects: 3
	// true <nil>
}
