package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ipfs/go-cid"
)

// touch rewrites pages scattered over a memory: half of each with noise, if it
// is to be compressible, else all.
func touch(g *guest, rng *rand.Rand, pages int, compressible bool) {
	n := PageSize
	if compressible {
		n /= 2
	}
	for range pages {
		page := rng.IntN(len(g.mem) / PageSize)
		g.dirty[page] = true
		p := g.mem[page*PageSize:][:n]
		for i := 0; i < n; i += 8 {
			v := rng.Uint64()
			for j := range 8 {
				p[i+j] = byte(v >> (8 * j))
			}
		}
	}
}

// full is a chain with a first checkpoint of a memory without zero pages.
func full(tb testing.TB, mib int, cfg Config, store memoryStore) (*Chain, *guest, *rand.Rand) {
	tb.Helper()
	g, rng := newGuest(mib<<20), rand.New(rand.NewPCG(1, 1))
	for page := range len(g.mem) / PageSize {
		g.write(page*PageSize, byte(page), byte(page>>8), byte(page>>16), 1)
	}
	c := newTestChain(tb, cfg)
	store.put(tb, advance(tb, c, g.capture(true)))
	return c, g, rng
}

// What a dirty MiB costs: processor time and bytes, scattered over 64 MiB.
func BenchmarkUpdate(b *testing.B) {
	for _, compressible := range []bool{false, true} {
		for _, pages := range []int{4, 16, 164, 1638} {
			b.Run(fmt.Sprintf("compressible=%v/pages=%d", compressible, pages), func(b *testing.B) {
				store := memoryStore{}
				c, g, rng := full(b, 64, testConfig(), store)
				var total Stats
				for b.Loop() {
					b.StopTimer()
					touch(g, rng, pages, compressible)
					cap := g.capture(true)
					b.StartTimer()
					total = total.Plus(advance(b, c, cap).Stats)
				}
				mib := float64(total.Dirty) * PageSize / (1 << 20)
				b.ReportMetric(float64(b.Elapsed().Microseconds())/mib, "µs/dirty-MiB")
				b.ReportMetric(float64(total.PackBytes)/mib/(1<<20), "packed-B/dirty-B")
				b.ReportMetric(float64(total.NodeBytes)/mib/(1<<20), "tree-B/dirty-B")
			})
		}
	}
}

// 64 MiB moved to a node that has the checkpoint before, 1 % of the pages being
// new: bytes sent for each byte of those, after one increment and after many.
func BenchmarkMove(b *testing.B) {
	for _, before := range []int{0, 200, 700} {
		b.Run(fmt.Sprintf("increments=%d", before), func(b *testing.B) {
			store := memoryStore{}
			cfg := testConfig()
			cfg.Old = store
			c, g, rng := full(b, 64, cfg, store)
			next := func() *Ready {
				touch(g, rng, 164, false)
				r := advance(b, c, g.capture(true))
				store.put(b, r)
				return r
			}
			for range before {
				next()
			}
			sent, dirty := 0, int64(0)
			for b.Loop() {
				b.StopTimer()
				there := make(map[cid.Cid]bool, len(store))
				for id := range store {
					there[id] = true
				}
				r := next()
				b.StartTimer()
				for o, err := range Missing(r.Signed, store, func(id cid.Cid) bool { return there[id] }) {
					if err != nil {
						b.Fatal(err)
					}
					sent += len(o.Data)
				}
				sent += len(r.Envelope) - len(r.Encoded)
				dirty += r.Stats.Dirty * PageSize
			}
			b.ReportMetric(float64(sent)/float64(dirty), "sent-B/new-B")
		})
	}
}

func BenchmarkLoadImage(b *testing.B) {
	store := memoryStore{}
	c, g, rng := full(b, 64, testConfig(), store)
	for range 20 {
		touch(g, rng, 164, true)
		store.put(b, advance(b, c, g.capture(true)))
	}
	for b.Loop() {
		im, err := LoadImage(c.Last().Memory, store)
		if err != nil {
			b.Fatal(err)
		}
		if len(im.Extents()) == 0 {
			b.Fatal("no extents")
		}
	}
}
