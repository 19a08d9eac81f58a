package actors_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// Many messages count once each: those to an actor that is led here and those to one
// that is led elsewhere, and those that are under way when its node dies.
func TestSendAll(t *testing.T) {
	c := newCluster(t, 3, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	leader := c.node(s.Node)
	rest := c.but(leader)
	payloads := slices.Repeat([][]byte{[]byte("inc")}, 5000)
	ids, err := leader.SendAll(t.Context(), "counter", payloads)
	if err != nil || len(ids) != len(payloads) || len(slices.Compact(ids)) != len(payloads) {
		t.Fatalf("%d ids: %v", len(ids), err)
	}
	if _, err := rest.SendAll(t.Context(), "counter", payloads[:500]); err != nil {
		t.Fatal(err)
	}
	rest.ask("counter", "get", "5500")
	leader.kill()
	if _, err := rest.SendAll(t.Context(), "counter", payloads[:500]); err != nil {
		t.Fatal(err)
	}
	rest.ask("counter", "get", "6000")
}

// An actor that moves while its own node sends to it loses nothing and takes nothing
// twice.
func TestSendAllThroughMigration(t *testing.T) {
	c := newCluster(t, 3, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	leader := c.node(s.Node)
	const rounds, each = 40, 200
	sent := make(chan error, 1)
	go func() {
		for range rounds {
			if _, err := leader.SendAll(t.Context(), "counter", slices.Repeat([][]byte{[]byte("inc")}, each)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for range 3 {
		for _, n := range c.nodes {
			if _, err := leader.Migrate(t.Context(), "counter", actors.MigrateOptions{To: n.id}); err != nil {
				t.Log(err) // it is there already
			}
		}
	}
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("not sent in time")
	}
	leader.ask("counter", "get", fmt.Sprint(rounds*each))
}
