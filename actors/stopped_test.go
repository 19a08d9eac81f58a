package actors_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/wire"
)

// The list knows why an actor has stopped that is on disk only, and what it has done.
func TestListOfParked(t *testing.T) {
	c := newCluster(t, 2, func(cfg *actors.Config) { cfg.ParkAfter = 50 * time.Millisecond })
	a := c.nodes[0]
	module := c.probe()
	for _, name := range []string{"goes-on", "stops"} {
		a.create(name, actors.CreateOptions{Module: module})
		a.ask(name, "inc", "1")
	}
	if _, err := a.Send(t.Context(), "stops", []byte("stop it wants to"), actors.MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	c.rest()
	for _, n := range c.nodes {
		list, err := n.List(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v: %v", list, err)
		}
		if s := list[0]; s.State != actors.StateIdle || s.Sequence < 2 {
			t.Errorf("%s is %s at %d", s.Name, s.State, s.Sequence)
		}
		if s := list[1]; s.State != actors.StateStopped || !strings.Contains(s.Why, "it wants to") {
			t.Errorf("%s is %s: %q", s.Name, s.State, s.Why)
		}
	}
}

// A node that ended while an actor was at work has failed, whatever it is started for.
func TestReasonAfterRestart(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	n.create("counter", actors.CreateOptions{Module: c.module("counter")})
	n.kill()
	n.start()
	n.ask("counter", "inc", "1")
	s, err := n.Show(t.Context(), "counter")
	if err != nil || s.History[len(s.History)-1].Reason != actors.ReasonFailure {
		t.Errorf("history %+v: %v", s.History, err)
	}
}

// What another node says against a request arrives in its words.
func TestErrorsSayWhy(t *testing.T) {
	c := newCluster(t, 2, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	for _, n := range c.nodes {
		_, err := n.Migrate(t.Context(), "counter", actors.MigrateOptions{To: s.Node})
		if !errors.Is(err, actors.ErrInvalid) || !strings.Contains(err.Error(), "is on that node") {
			t.Errorf("moved to where it is: %v", err)
		}
	}
}

// The same message twice at once has one effect, and both have its reply.
func TestSameMessageAtOnce(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	n.create("counter", actors.CreateOptions{Module: c.module("counter")})
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			got, err := n.Ask(t.Context(), "counter", []byte("inc"), actors.MessageOptions{ID: wire.MessageID{7}})
			if err != nil || string(got) != "1" {
				t.Errorf("inc is %q: %v", got, err)
			}
		})
	}
	work.Wait()
}
