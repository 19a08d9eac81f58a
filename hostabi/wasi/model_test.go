package wasi

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestContent compares chunked content with a plain slice.
func TestContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Content
		var model []byte
		offset := rapid.OneOf(rapid.Uint64Range(0, 200), rapid.Uint64Range(chunkSize-5, chunkSize+5), rapid.Uint64Range(0, 3*chunkSize))
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				p, off := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "bytes"), offset.Draw(t, "offset")
				c.writeAt(p, off)
				if end := int(off) + len(p); end > len(model) {
					model = append(model, make([]byte, end-len(model))...)
				}
				copy(model[off:], p)
			},
			"resize": func(t *rapid.T) {
				size := offset.Draw(t, "size")
				c.resize(size)
				model = append(model, make([]byte, max(0, int(size)-len(model)))...)[:size]
			},
			"": func(t *rapid.T) {
				off := offset.Draw(t, "offset")
				p := bytes.Repeat([]byte{0xff}, 2*chunkSize)
				n := c.readAt(p, off)
				want := model[min(int(off), len(model)):]
				want = want[:min(len(want), len(p))]
				if c.Size != uint64(len(model)) || !bytes.Equal(p[:n], want) {
					t.Fatalf("size %d, want %d; read %d bytes at %d, want %d", c.Size, len(model), n, off, len(want))
				}
				for i, chunk := range c.Chunks {
					if len(chunk) > chunkSize || uint64(i)*chunkSize+uint64(len(chunk)) > c.Size {
						t.Fatalf("chunk %d of %d bytes in a file of %d", i, len(chunk), c.Size)
					}
				}
			},
		})
	})
}

// TestEntries compares a directory with a map, while a reader goes through it
// by positions: it must see all that was there from its start to its end, and
// nothing twice.
func TestEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Entries
		model := make(map[string]uint64)
		next := uint64(10)
		var cookie uint64
		lasting := make(map[string]bool) // there since the reader began
		seen := make(map[uint64]bool)    // inodes that the reader saw
		name := rapid.Map(rapid.IntRange(0, 40), func(n int) string { return fmt.Sprint("n", n) })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n := name.Draw(t, "name")
				if model[n] != 0 {
					return
				}
				next++
				model[n] = next
				d.add(n, next)
			},
			"remove": func(t *rapid.T) {
				n := name.Draw(t, "name")
				if model[n] == 0 {
					return
				}
				delete(model, n)
				delete(lasting, n)
				d.remove(n)
			},
			"read": func(t *rapid.T) {
				i := d.from(cookie + 1)
				for i < len(d.List) && d.List[i].Inode == 0 {
					i++
				}
				if i < len(d.List) {
					e := d.List[i]
					cookie = e.Position
					if seen[e.Inode] {
						t.Fatalf("saw %v twice", e)
					}
					seen[e.Inode] = true
					delete(lasting, e.Name)
					return
				}
				if len(lasting) > 0 {
					t.Fatalf("never saw %v", lasting)
				}
				cookie = 0
				clear(seen)
				for n := range model {
					lasting[n] = true
				}
			},
			"": func(t *rapid.T) {
				for i := range 41 {
					n := fmt.Sprint("n", i)
					if d.lookup(n) != model[n] {
						t.Fatalf("%s is %d, want %d", n, d.lookup(n), model[n])
					}
				}
				sorted := slices.IsSortedFunc(d.List, func(a, b Entry) int { return int(a.Position) - int(b.Position) })
				if d.empty() != (len(model) == 0) || !sorted {
					t.Fatalf("%+v", d)
				}
			},
		})
	})
}
