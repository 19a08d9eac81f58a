package activation

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
)

// content is what a file holds.
func content(t *testing.T, f *os.File, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

// TestImages: a file follows its checkpoints, forwards and back, stays as it is while
// it is mapped, and goes when others need the room.
func TestImages(t *testing.T) {
	l := newLife(t, 4)
	c := newImages(t.TempDir(), l.store, 1<<20, 2)
	type kept struct {
		memory  checkpoint.Memory
		content []byte
	}
	var all []kept
	for range 20 {
		s := l.step(5)
		all = append(all, kept{s.Memory, bytes.Clone(l.mem)})
	}
	for _, n := range []int{0, 3, 19, 2, 2, 12} {
		if err := c.follow("a", all[n].memory); err != nil {
			t.Fatal(err)
		}
		im, err := c.take("a", all[n].memory)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.take("a", all[n].memory); err == nil {
			t.Error("taken twice")
		}
		if err := c.follow("a", all[0].memory); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content(t, im.file, len(l.mem)), all[n].content) {
			t.Errorf("checkpoint %d has another memory", n)
		}
		im.release()
	}
	mapped, err := c.take("a", all[5].memory)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b", "c", "d"} {
		if err := c.follow(name, all[7].memory); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.files) != 2 || c.files["a"] != mapped || c.files["d"] == nil {
		t.Errorf("%d files are left", len(c.files))
	}
	if !bytes.Equal(content(t, mapped.file, len(l.mem)), all[5].content) {
		t.Error("it has changed while it was mapped")
	}
	if err := c.follow("e", testMissing); err == nil {
		t.Error("a memory that nobody has")
	}
	if err := c.close(); err != nil || len(c.files) != 0 || c.bytes != 0 {
		t.Errorf("%d files, %d bytes, %v", len(c.files), c.bytes, err)
	}
}

var testMissing = checkpoint.Memory{
	Size: checkpoint.WasmPage, Map: checkpoint.NewRaw([]byte("nowhere")).ID, Packs: checkpoint.NewRaw([]byte("either")).ID, PackCount: 1,
}
