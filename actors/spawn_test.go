package actors_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// crowded is a Placer that takes its time, and counts for how many at once.
type crowded struct {
	self      wire.NodeID
	now, most atomic.Int64
}

func (p *crowded) Place(context.Context, actors.Placement, int) []wire.NodeID {
	n := p.now.Add(1)
	defer p.now.Add(-1)
	for most := p.most.Load(); n > most && !p.most.CompareAndSwap(most, n); most = p.most.Load() {
	}
	<-time.After(20 * time.Millisecond)
	return []wire.NodeID{p.self}
}

func (*crowded) Better(actors.Placement) (wire.NodeID, actors.Reason) { return "", "" }

// However many actors want others made at once, a node makes few of them at a time, and
// all of them in the end, up to as many as it takes.
func TestSpawnFlood(t *testing.T) {
	const parents, each, most = 5, 16, 60
	placer := &crowded{}
	c := newCluster(t, 1, func(cfg *actors.Config) {
		placer.self = cfg.Self
		cfg.Placer, cfg.Crowd = placer, most
	})
	n := c.nodes[0]
	probe := c.probe()
	for i := range parents {
		n.create(fmt.Sprint("parent", i), actors.CreateOptions{Module: probe, Replicas: 1})
	}
	var work sync.WaitGroup
	for i := range parents * each {
		work.Go(func() {
			parent, child := fmt.Sprint("parent", i%parents), fmt.Sprint("spawn child", i)
			if _, err := n.Send(t.Context(), parent, []byte(child), actors.MessageOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	c.await("children", func() bool { return n.Stats().Replicas == most && placer.now.Load() == 0 })
	if got := placer.most.Load(); got > 32 {
		t.Errorf("%d were made at a time", got)
	}
	n.create("of-a-client", actors.CreateOptions{Module: probe})
}

// probe is a guest that does what it is told.
func (c *cluster) probe() (id cid.Cid) {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join("activation", "testdata", "probe.wasm"))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.modules.add(b)
}
