package linmem

import "testing"

// TestTenThousand tracks ten thousand memories at once: one userfaultfd, one
// memfd and one pagemap serve them all.
func TestTenThousand(t *testing.T) {
	for _, rung := range rungs(t) {
		if rung == Compare {
			continue // twice the mappings, nothing else new
		}
		t.Run(rung.String(), func(t *testing.T) {
			a := newPool(t, Config{Tracking: rung}).NewAllocator(Options{})
			defer a.Close()
			trackers := make([]*Tracker, 10_000)
			for i := range trackers {
				m := a.Allocate(0, 16<<20)
				buf := m.Reallocate(PageSize)
				if buf == nil {
					t.Skipf("only %d memories fit: %v", i, m.Err())
				}
				var err error
				if trackers[i], err = m.Track(); err != nil {
					t.Fatal(err)
				}
				buf[i%16*TrackSize] = 1
			}
			for i, tr := range trackers {
				want := uint64(i % 16 * TrackSize)
				if got, err := tr.Collect(nil); err != nil || len(got) != 1 || got[0].Start != want {
					t.Fatalf("memory %d: %v, %v", i, got, err)
				}
			}
		})
	}
}
