package linmem

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestOldKernelPagemap runs the private mapping as before Linux 6.7, where
// pagemap can only be read entry by entry.
func TestOldKernelPagemap(t *testing.T) {
	p := newPool(t, Config{Tracking: PrivateMapping})
	method, _, err := p.tracking()
	if err != nil {
		t.Skip(err)
	}
	private := method.(*privateMapping)
	if private.pages != nil {
		if err := private.pages.close(); err != nil {
			t.Fatal(err)
		}
		private.pages = nil
	}
	if err := selfTest(private); err != nil {
		t.Fatal(err)
	}
	const loaded = 8 * PageSize
	scratch, ckpt := checkpoint(t, 0, 0), checkpoint(t, PageSize, loaded)
	rapid.Check(t, func(t *rapid.T) { collectsRebuild(t, p, scratch, ckpt, loaded) })
}

// TestHugePages: writes within huge pages are found too, by every rung, at
// whatever granularity.
func TestHugePages(t *testing.T) {
	forEachRung(t, func(t *testing.T, rung Rung) {
		m := newPool(t, Config{Tracking: rung}).NewAllocator(Options{}).Allocate(0, 64<<20)
		defer m.Free()
		buf, image := m.Reallocate(16<<20), make([]byte, 16<<20)
		if err := unix.Madvise(buf, unix.MADV_HUGEPAGE); err != nil {
			t.Skip(err)
		}
		for i := 0; i < len(buf); i += 512 {
			buf[i] = byte(i >> 9)
		}
		tr, err := m.Track()
		if err != nil {
			t.Fatal(err)
		}
		for round := range 5 {
			for i := round * 999; i < len(buf); i += 300_000 {
				buf[i]++
			}
			got, err := tr.Collect(nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got {
				copy(image[r.Start:r.End], buf[r.Start:r.End])
			}
			if !bytes.Equal(image, buf) {
				t.Fatalf("round %d: a write at %#x was not found", round, mismatch(image, buf))
			}
		}
	})
}
