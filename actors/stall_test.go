package actors_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// The target of a migration stands still, a little later each time, so that it does in
// every step of the handover: the actor goes on answering, wherever it is then.
func TestTargetStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 1, 3)
		defer c.end()
		if _, err := c.nodes[0].host.Create(t.Context(), actors.CreateOptions{Name: name(0), Module: c.module}); err != nil {
			t.Fatal(err)
		}
		for i := range time.Duration(8) {
			c.stall(i * 1500 * time.Microsecond)
		}
	})
}

// stall migrates the actor to a node that stands still after a while, and asks it by way
// of the third.
func (c *chaos) stall(after time.Duration) {
	s, err := c.nodes[0].host.Show(c.Context(), name(0))
	if err != nil {
		c.Fatal(err)
	}
	source := c.without()[slices.IndexFunc(c.nodes, func(n *member) bool { return n.id == s.Node })]
	others := c.without(source.id)
	target, third := others[0], others[1]
	ended := make(chan error, 1)
	go func() {
		_, err := source.host.Migrate(c.Context(), name(0), actors.MigrateOptions{To: target.id})
		ended <- err
	}()
	time.Sleep(after)
	target.life.pause(4 * time.Second)
	began := time.Now()
	_, err = third.host.Ask(c.Context(), name(0), []byte("inc"), actors.MessageOptions{})
	if took := time.Since(began); err != nil || took > 3*time.Second {
		c.Errorf("the target stood still after %v: %v after %v", after, err, took)
		c.explain(name(0))
	}
	<-ended                     // however it went
	time.Sleep(6 * time.Second) // virtual: the target is back
}

// without are the nodes but some.
func (c *chaos) without(ids ...wire.NodeID) (nodes []*member) {
	for _, n := range c.nodes {
		if !slices.Contains(ids, n.id) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}
