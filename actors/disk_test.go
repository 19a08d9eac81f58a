package actors_test

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// What busy actors keep on disk does not grow with their checkpoints: logs are cut, old
// checkpoints go, and so do the pages that they alone had, once there are enough of them. Half
// an hour of work takes no more than the half hour before.
func TestDiskOfBusyActors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 1, 1)
		defer c.end()
		n := c.nodes[0]
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 2 {
			if _, err := n.host.Create(t.Context(), actors.CreateOptions{Name: name(i), Module: c.module, Replicas: 1}); err != nil {
				t.Fatal(err)
			}
		}
		work := func(d time.Duration) (most int64) {
			for began, turn := time.Now(), 0; time.Since(began) < d; turn++ {
				if _, err := n.host.Ask(t.Context(), name(rng.IntN(2)), []byte("inc"), actors.MessageOptions{}); err != nil {
					t.Fatal(err)
				}
				if turn%50 == 0 {
					most = max(most, diskOf(t, n.dir))
				}
				time.Sleep(200 * time.Millisecond) // virtual
			}
			return most
		}
		before := work(30 * time.Minute)
		after := work(30 * time.Minute)
		t.Logf("%d KiB at most in half an hour, and %d KiB in the next", before>>10, after>>10)
		if after > before*5/4 {
			t.Errorf("the disk grows: %d bytes, then %d", before, after)
		}
	})
}

// diskOf is what a folder's files have in bytes. They may go meanwhile.
func diskOf(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if i, err := e.Info(); err == nil {
				sum += i.Size()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
