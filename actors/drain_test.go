package actors_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
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

// A node that was drained keeps no actor that comes to be led there later: that of a node
// which dies goes on to one that is not drained.
func TestDrainedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 1, 3)
		defer c.end()
		dies, drained, stays := c.nodes[0], c.nodes[1], c.nodes[2]
		for i := range chaosActors {
			o := actors.CreateOptions{Name: name(i), Module: c.module}
			if _, err := dies.host.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		if err := drained.host.Drain(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // virtual: they rest
		c.kill(dies)
		for i := range chaosActors {
			if got, err := drained.host.Ask(t.Context(), name(i), []byte("inc"), actors.MessageOptions{}); err != nil || string(got) != "1" {
				t.Errorf("inc of %s is %q: %v", name(i), got, err)
			}
		}
		t.Logf("%d are led by the node that is drained", len(drained.host.Leads()))
		time.Sleep(30 * time.Second) // virtual
		if led := len(drained.host.Leads()); led != 0 || len(stays.host.Leads()) != chaosActors {
			t.Errorf("of %d actors %d are led by the node that is drained", chaosActors, led)
		}
		c.start(dies)
	})
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
