package actors_test

import (
	"context"
	"errors"
	"fmt"
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

// Whoever makes an actor may end before enough nodes are told of it. The one that has a
// replica gives the name back; one of an actor that was made stays, whoever is away, and
// however long it has not begun.
func TestMakerEnds(t *testing.T) {
	for _, replicas := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { makerEnds(t, replicas) })
		})
	}
}

func makerEnds(t *testing.T, replicas int) {
	c := newChaos(t, 1, replicas+1)
	defer c.end()
	maker, takes := c.nodes[replicas], c.nodes[0]
	var members []wire.NodeID
	for _, n := range c.nodes[:replicas] {
		members = append(members, n.id)
	}
	maker.placer = pinned{members}
	c.kill(maker)
	c.start(maker)
	time.Sleep(time.Second) // virtual
	create := func(name string) error {
		_, err := maker.host.Create(t.Context(), actors.CreateOptions{Name: name, Module: c.module, Replicas: replicas, Idle: true})
		return err
	}
	if err := create("made"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes[1:replicas] {
		n.life.pause(5 * time.Second)
	}
	made := make(chan error)
	go func() { made <- create("vain") }()
	time.Sleep(2 * time.Second) // virtual
	if s := takes.host.Stats(); s.Replicas != 2 {
		t.Fatalf("the first node has %+v", s)
	}
	c.kill(maker)
	if err := <-made; err == nil {
		t.Fatal("it was made with one replica")
	}
	time.Sleep(5 * time.Second) // virtual
	c.start(maker)
	time.Sleep(time.Second) // virtual
	if err := create("vain"); !errors.Is(err, actors.ErrExists) {
		t.Fatalf("the name is free at once: %v", err)
	}
	for _, n := range c.nodes[1:replicas] {
		c.kill(n)
	}
	time.Sleep(10 * time.Minute) // virtual
	if s := takes.host.Stats(); s.Replicas != 2 {
		t.Errorf("nobody can be asked, and the first node has %+v", s)
	}
	for _, n := range c.nodes[1:replicas] {
		c.start(n)
	}
	time.Sleep(time.Minute) // virtual
	for _, n := range c.nodes[:replicas] {
		if s := n.host.Stats(); s.Replicas != 1 {
			t.Errorf("%s has %+v", n.id.Short(), s)
		}
	}
	if err := create("vain"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"made", "vain"} {
		if got, err := maker.host.Ask(t.Context(), name, []byte("inc"), actors.MessageOptions{}); err != nil || string(got) != "1" {
			t.Errorf("inc of %s is %q: %v", name, got, err)
		}
	}
}

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
