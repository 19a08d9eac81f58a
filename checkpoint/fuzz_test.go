package checkpoint

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-cid"
)

// seeds adds the golden bytes to a corpus.
func seeds(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
		if err != nil {
			f.Fatal(err)
		}
		b, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// What decodes encodes to the same bytes.
func FuzzManifest(f *testing.F) {
	seeds(f, "manifest-1", "manifest-2")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest(b)
		if err != nil {
			return
		}
		if again, err := m.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x, %v", again, err)
		}
		none := GetterFunc(func(id cid.Cid) ([]byte, error) { return nil, ErrNotFound })
		if _, err := LoadImage(m.Memory, none); err == nil && m.Memory.Map.Defined() {
			t.Fatal("an image out of nothing")
		}
		_, _ = m.ReadState(none)
	})
}

func FuzzEnvelope(f *testing.F) {
	seeds(f, "envelope-1")
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := OpenTrusted(b)
		if err != nil {
			return
		}
		if _, err := s.Encode(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(b, Ed25519{}); err == nil && !bytes.Equal(s.Envelope, b) {
			t.Fatal("another envelope")
		}
	})
}

func FuzzNode(f *testing.F) {
	seeds(f, "node")
	f.Fuzz(func(t *testing.T, b []byte) {
		if ids, err := decodeNode(b, FanOut); err == nil && !bytes.Equal(encodeLinks(ids), b) {
			t.Fatalf("%x", encodeLinks(ids))
		}
	})
}

func FuzzLeaf(f *testing.F) {
	seeds(f, "leaf")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, n := range []int{7, 16, LeafPages} {
			if places, err := decodeLeaf(b, n, 300); err == nil && !bytes.Equal(encodeLeaf(places), b) {
				t.Fatalf("%x", encodeLeaf(places))
			}
		}
	})
}

func FuzzPack(f *testing.F) {
	f.Add(encodePack([][]byte{make([]byte, PageSize)}))
	f.Add(encodePack([][]byte{bytes.Repeat([]byte("abc\n"), PageSize/4), make([]byte, PageSize)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		pages, err := decodePack(b)
		if err == nil && (len(pages)%PageSize != 0 || len(pages) > PackPages*PageSize) {
			t.Fatalf("%d bytes", len(pages))
		}
	})
}

func FuzzRoot(f *testing.F) {
	seeds(f, "root-1")
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = decodeRoot(b) })
}

func FuzzImport(f *testing.F) {
	first, second, store, _ := goldenChain(f)
	for _, r := range []*Ready{first, second} {
		var car bytes.Buffer
		if err := Export(&car, r.Signed, store); err != nil {
			f.Fatal(err)
		}
		f.Add(car.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		into := sink{}
		s, err := Import(bytes.NewReader(b), Ed25519{}, into, 1<<20)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Export(&again, s, into); err != nil {
			t.Fatal(err)
		}
		if found := Verify(s.Manifest, into); len(found) > 0 {
			t.Fatal(found[0])
		}
	})
}
