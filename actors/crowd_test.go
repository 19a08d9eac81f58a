package actors_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// Many actors are made at once, while streams between nodes break; before long each of
// them has all its replicas, and rests. A node that has never heard that it is to have
// one lives and is a member all the same: the actor would hang on the others for good.
func TestEveryActorGetsItsReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd, nodes = 300, 3
		c := newChaos(t, 1, nodes)
		defer c.end()
		c.mesh.breaks.Store(300)
		var work sync.WaitGroup
		turn := make(chan struct{}, 64)
		for i := range crowd {
			turn <- struct{}{}
			work.Go(func() {
				defer func() { <-turn }()
				if _, err := c.nodes[i%nodes].host.Create(t.Context(), actors.CreateOptions{Name: name(i), Module: c.module}); err != nil {
					t.Errorf("%s: %v", name(i), err)
				}
			})
		}
		work.Wait()
		c.mesh.breaks.Store(0)
		time.Sleep(30 * time.Second) // virtual
		for _, n := range c.nodes {
			if s := n.host.Stats(); s.Running > 0 || s.Replicas != crowd {
				t.Errorf("%s: %+v", n.id.Short(), s)
				c.explainRunning(n)
			}
		}
	})
}

// explainRunning says of one actor that does not rest why.
func (c *chaos) explainRunning(n *member) {
	for _, a := range n.host.Leads() {
		if a.State == actors.StateRunning {
			c.explain(a.Name)
			return
		}
	}
}
