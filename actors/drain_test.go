package actors_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// A node that was drained may be switched off: idle actors have moved too, those with one
// replica among them, and no actor has lost its majority, even if it has only two.
func TestDrained(t *testing.T) {
	for _, nodes := range []int{2, 3, 4} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			c := newCluster(t, nodes, func(cfg *actors.Config) { cfg.ParkAfter = 50 * time.Millisecond })
			a, module := c.nodes[0], c.module("counter")
			for i := range 4 {
				for _, replicas := range []int{1, 2, 3} {
					name := fmt.Sprint("counter", i, "-", replicas)
					c.nodes[i%nodes].create(name, actors.CreateOptions{Module: module, Replicas: replicas, Idle: i == 3})
					if i < 3 {
						a.ask(name, "inc", "1")
					}
				}
			}
			c.rest()
			for _, n := range c.nodes[:nodes-1] {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if err := n.Drain(ctx, true); err != nil {
					t.Fatal(err)
				}
				if led := n.Leads(); len(led) > 0 {
					t.Errorf("%d are led there: %+v", len(led), led[0])
				}
				n.kill()
				for i := range 4 {
					for _, replicas := range []int{1, 2, 3} {
						name, want := fmt.Sprint("counter", i, "-", replicas), "1"
						if i == 3 {
							want = "0"
						}
						c.nodes[nodes-1].ask(name, "get", want)
					}
				}
			}
		})
	}
}

// What cannot go is named: on the last node everything stays.
func TestDrainSaysWhatStays(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	s := n.create("counter", actors.CreateOptions{Module: c.module("counter")})
	err := n.Drain(t.Context(), true)
	stays, ok := errors.AsType[*actors.StaysError](err)
	if !ok || len(stays.Actors) != 1 || stays.Actors[0].ID != s.ID || stays.Actors[0].Why == "" {
		t.Errorf("drained: %v", err)
	}
	if err := n.Drain(t.Context(), false); err != nil {
		t.Error(err)
	}
	n.ask("counter", "inc", "1")
}
