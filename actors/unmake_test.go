package actors_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// pinned is a Placer that wants certain nodes.
type pinned struct{ nodes []wire.NodeID }

func (p pinned) Place(_ context.Context, r actors.Placement, n int) (list []wire.NodeID) {
	for _, id := range p.nodes {
		if len(list) < n && !slices.Contains(r.Without, id) {
			list = append(list, id)
		}
	}
	return list
}

func (pinned) Better(actors.Placement) (wire.NodeID, actors.Reason) { return "", "" }

// An actor that too few nodes want to keep is not made, and no node keeps anything of it,
// even if it is away when it is told so: its name can be had.
func TestMadeInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 1, 4)
		defer c.end()
		maker, takes := c.nodes[3], c.nodes[0]
		maker.placer = pinned{[]wire.NodeID{takes.id, c.nodes[1].id, c.nodes[2].id}}
		c.kill(maker)
		c.start(maker)
		time.Sleep(time.Second) // virtual
		for _, n := range c.nodes[1:3] {
			if err := n.host.Drain(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		}
		c.mesh.breaks.Store(3)
		for range 10 {
			_, err := maker.host.Create(t.Context(), actors.CreateOptions{Name: "vain", Module: c.module})
			if !errors.Is(err, actors.ErrUnavailable) && !errors.Is(err, actors.ErrExists) {
				t.Fatalf("created where most do not want it: %v", err)
			}
		}
		c.mesh.breaks.Store(0)
		time.Sleep(2 * time.Minute) // virtual
		for _, n := range c.nodes {
			if s := n.host.Stats(); s.Replicas != 0 {
				t.Errorf("%s: %+v", n.id.Short(), s)
			}
			if err := n.host.Drain(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := maker.host.Create(t.Context(), actors.CreateOptions{Name: "vain", Module: c.module}); err != nil {
			t.Error(err)
		}
	})
}
