package actors_test

import (
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// Whoever looks at an idle actor does not wake it, before and after its node's restart,
// and learns what it is nevertheless.
func TestShowWakesNobody(t *testing.T) {
	c := newCluster(t, 2, func(cfg *actors.Config) { cfg.ParkAfter = 50 * time.Millisecond })
	a, module := c.nodes[0], c.module("counter")
	a.create("worked", actors.CreateOptions{Module: module, Args: []string{"x"}})
	a.ask("worked", "inc", "1")
	a.create("never", actors.CreateOptions{Module: module, Idle: true})
	c.rest()
	look := func() {
		t.Helper()
		for _, n := range c.nodes {
			for name, epochs := range map[string]int{"worked": 1, "never": 0} {
				s, err := n.Show(t.Context(), name)
				if err != nil || s.State != actors.StateIdle || s.Module != module || s.Spec.Name != name ||
					len(s.History) != epochs || len(s.Replicas) != 2 {
					t.Errorf("%s: %+v: %v", name, s, err)
				}
			}
			if awake := n.Stats().Running; awake != 0 {
				t.Errorf("%d are awake", awake)
			}
		}
	}
	look()
	a.kill()
	a.start()
	c.await("both nodes to see each other", func() bool {
		return a.Alive(c.nodes[1].id) && c.nodes[1].Alive(a.id)
	})
	look()
	a.ask("worked", "inc", "2")
}

// Of a node that is gone it is said in a few words.
func TestInspectOfDead(t *testing.T) {
	c := newCluster(t, 2, nil)
	c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	c.nodes[1].kill()
	list, err := c.nodes[0].Inspect(t.Context(), "counter")
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v: %v", list, err)
	}
	for _, r := range list {
		if dead := r.Node == c.nodes[1].id; dead != (r.Error != "") || len(r.Error) > 40 {
			t.Errorf("%s: %q", r.Node, r.Error)
		}
	}
}
