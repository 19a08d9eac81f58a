package actors_test

import (
	"testing"

	"github.com/godwit-run/godwit/actors"
)

// An actor answers on every node, and goes on counting elsewhere when its node dies.
func TestAnActorOutlivesItsNode(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	s := a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	if len(s.Replicas) != 3 || s.Epoch == 0 {
		t.Fatalf("created as %+v", s)
	}
	a.ask("counter", "inc", "1")
	for i, n := range c.nodes {
		n.ask("counter", "add 10", []string{"11", "21", "31"}[i])
	}
	leader := c.node(s.Node)
	leader.kill()
	rest := c.but(leader)
	rest.ask("counter", "inc", "32")
	c.but(leader, rest).ask("counter", "inc", "33")
}
