package exchange

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// directory is a router that notes what it is told, and fails when it is down.
type directory struct {
	mu   sync.Mutex
	down bool
	told map[cid.Cid]int
}

var errDown = errors.New("no peers in the table")

func (d *directory) Provide(_ context.Context, id cid.Cid, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDown
	}
	d.told[id]++
	return nil
}

func (d *directory) FindProvidersAsync(context.Context, cid.Cid, int) <-chan peer.AddrInfo {
	panic("a provider does not ask")
}

func (d *directory) set(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *directory) times(id cid.Cid) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told[id]
}

func TestAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := unixfscid.SumBytes([]byte("old")), unixfscid.SumBytes([]byte("fresh"))
		d := &directory{down: true, told: map[cid.Cid]int{}}
		roots := func() iter.Seq2[cid.Cid, error] {
			return func(yield func(cid.Cid, error) bool) { yield(old, nil) }
		}
		p := newProvider(Config{Router: d, Roots: roots, ReprovideEvery: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.run(ctx) })
		check := func(when string, wantOld, wantFresh int) {
			t.Helper()
			synctest.Wait()
			if d.times(old) != wantOld || d.times(fresh) != wantFresh {
				t.Errorf("%s: old %d times, fresh %d times", when, d.times(old), d.times(fresh))
			}
		}
		check("while the router is down", 0, 0)
		d.set(false)
		time.Sleep(retryMax)
		check("once it is up", 1, 0)
		for range 3 {
			p.add(fresh)
			check("added, and again in the same round", 1, 1)
		}
		time.Sleep(time.Hour)
		check("a round later", 2, 1)
		p.add(fresh)
		check("added in the next round", 2, 2)
		cancel()
		running.Wait()
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	q := newQueue()
	for i := range maxAnnouncing + 10 {
		q.push(unixfscid.SumBytes([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
	}
	if len(q.ids) != maxAnnouncing || len(q.queued) != maxAnnouncing {
		t.Errorf("%d queued", len(q.ids))
	}
}
