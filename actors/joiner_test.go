package actors_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// growing is a Placer that has a counter on its first node, and the next replica on the
// second; and others on both, so that the nodes hear of each other.
type growing [2]wire.NodeID

func (g growing) Place(_ context.Context, r actors.Placement, _ int) []wire.NodeID {
	switch {
	case r.Spec.Name != "counter":
		return g[:]
	case len(r.Without) > 0:
		return g[1:]
	}
	return g[:1]
}

func (growing) Better(actors.Placement) (wire.NodeID, actors.Reason) { return "", "" }

// Whoever is about to have another replica, and has nothing of it yet,
// hears that the actor was removed meanwhile: at once, or when it is back. Its name means
// another one by then, also to that node.
func TestRemovedBeforeItHasJoined(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(map[bool]string{false: "there", true: "away"}[away], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { removedBeforeJoined(t, away) })
		})
	}
}

func removedBeforeJoined(t *testing.T, away bool) {
	c := newChaos(t, 1, 3)
	defer c.end()
	first, late := c.nodes[0], c.nodes[1]
	first.placer = growing{first.id, late.id}
	c.kill(first)
	c.start(first)
	time.Sleep(time.Second) // virtual
	for _, name := range []string{"other", "counter"} {
		if _, err := first.host.Create(t.Context(), actors.CreateOptions{Name: name, Module: c.module, Replicas: 2}); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Minute); late.host.Stats().Replicas < 2; time.Sleep(time.Millisecond) { // virtual
		if time.Now().After(end) {
			t.Fatal("there is no second replica")
		}
	}
	if away {
		c.kill(late)
	}
	if err := first.host.Remove(t.Context(), "counter"); err != nil {
		t.Fatal(err)
	}
	if away {
		if _, err := first.host.Create(t.Context(), actors.CreateOptions{Name: "counter", Module: c.module, Replicas: 1}); err != nil {
			t.Fatal(err)
		}
		c.start(late)
		if err := removeSoon(t.Context(), late.host); err != nil {
			t.Errorf("a node that was away cannot remove what has the name: %v", err)
		}
	}
	time.Sleep(5 * time.Second) // virtual
	for _, n := range []*member{first, late} {
		if s := n.host.Stats(); s.Replicas != 1 {
			t.Errorf("%s has %+v", n.id.Short(), s)
		}
	}
}

// removeSoon removes the counter, as soon as that can be.
func removeSoon(ctx context.Context, h *actors.Host) (err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err = h.Remove(ctx, "counter"); !errors.Is(err, actors.ErrUnavailable) {
			break
		}
	}
	return err
}
