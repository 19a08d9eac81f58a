package actors_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/godwit-run/godwit/actors"
)

// Who leads tells what becomes of an actor, and what is known of it then.
func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var told []actors.Event
	c := newCluster(t, 1, func(cfg *actors.Config) {
		cfg.Events = func(e actors.Event) {
			mu.Lock()
			told = append(told, e)
			mu.Unlock()
		}
	})
	heard := func(kind string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(told, func(e actors.Event) bool {
				return e.Type == kind && e.Actor.Name == "counter" && e.Actor.State != "" && len(e.Actor.Replicas) == 1
			})
		}
	}
	a, old := c.nodes[0], c.module("counter")
	a.create("counter", actors.CreateOptions{Module: old})
	a.ask("counter", "inc", "1")
	c.await("the first activation", heard("activated"))
	other := c.modules.add(withSection(t, c.modules.code[old]))
	if _, err := a.Upgrade(t.Context(), "counter", actors.UpgradeOptions{Module: other}); err != nil {
		t.Fatal(err)
	}
	c.await("the upgrade", heard("upgraded"))
	if err := a.Remove(t.Context(), "counter"); err != nil {
		t.Fatal(err)
	}
	c.await("the end", heard("removed"))
}
