package godwit

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
)

// counterOn makes a counter by way of a node in this process.
func counterOn(t *testing.T, n *Node, name string, hints api.Hints, key string) api.Actor {
	t.Helper()
	code := put(t, n, "examples/counter/counter.wasm")
	a, err := n.CreateActor(t.Context(), api.ActorCreation{Request: api.ActorRequest{Name: name, Module: code, Hints: hints}, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func askNode(t *testing.T, n *Node, name, what, key string) string {
	t.Helper()
	_, reply, err := n.AskActor(t.Context(), api.ActorMessage{Name: name, Payload: []byte(what), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

// An actor is made by way of one node, lives on another, and answers through all.
func TestActorThroughAllNodes(t *testing.T) {
	nodes := mesh(t, 3)
	made := counterOn(t, nodes[0], "counter", api.Hints{Prefer: []string{nodes[2].ID()}}, "k")
	if made.Node != nodes[2].ID() || len(made.Replicas) != 3 {
		t.Errorf("it lives on %s, kept by %v", made.Node, made.Replicas)
	}
	for i, n := range nodes {
		if got := askNode(t, n, "counter", "inc", ""); got != string(rune('1'+i)) {
			t.Errorf("through node %d: %s", i, got)
		}
	}
	for _, n := range nodes {
		if got := askNode(t, n, made.ID, "inc", "once"); got != "4" {
			t.Errorf("a message that comes three times: %s", got)
		}
	}
	if again := counterOn(t, nodes[0], "counter", api.Hints{}, "k"); again.ID != made.ID {
		t.Errorf("a creation that comes twice made %s and %s", made.ID, again.ID)
	}
	_, err := nodes[1].CreateActor(t.Context(), api.ActorCreation{Request: made.Request, Key: "another"})
	if !errors.Is(err, api.ErrConflict) {
		t.Errorf("another of that name: %v", err)
	}
	if err := nodes[1].RemoveActor(t.Context(), "counter"); err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		if _, err := n.Actor(t.Context(), "counter"); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("removed; node %d: %v", i, err)
		}
	}
}

// An actor that wishes to live beside another does.
func TestActorBesideAnother(t *testing.T) {
	nodes := mesh(t, 3)
	for i, n := range nodes {
		name := "first" + string(rune('0'+i))
		counterOn(t, nodes[0], name, api.Hints{Prefer: []string{n.ID()}}, "")
		if a := counterOn(t, nodes[0], name+"-too", api.Hints{Colocate: name}, ""); a.Node != n.ID() {
			t.Errorf("beside %s, which lives on %s: on %s", name, n.ID(), a.Node)
		}
	}
}

// A node that drains hands its actors over, and they are told of as events.
func TestDrainMovesActors(t *testing.T) {
	nodes := mesh(t, 3)
	made := counterOn(t, nodes[0], "counter", api.Hints{Prefer: []string{nodes[1].ID()}}, "")
	askNode(t, nodes[0], "counter", "add 7", "")
	if _, err := nodes[1].SetDraining(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	a, err := nodes[0].Actor(t.Context(), "counter")
	if err != nil || a.Node == nodes[1].ID() || a.Epoch <= made.Epoch {
		t.Fatalf("drained: %+v, %v", a, err)
	}
	if last := a.History[len(a.History)-1]; last.Reason != "drain" || last.Node != a.Node {
		t.Errorf("history %+v", a.History)
	}
	if got := askNode(t, nodes[1], "counter", "get", ""); got != "7" {
		t.Errorf("drained: %s", got)
	}
	var changes []string
	for e := range nodes[1].Events(t.Context(), 0) {
		if e.Type == api.EventActor && e.Actor.Name == "counter" {
			changes = append(changes, e.Change)
		}
		if e.Change == "migrated" {
			break
		}
	}
	if !slices.Contains(changes, "activated") && !slices.Contains(changes, "created") {
		t.Errorf("changes %v", changes)
	}
}

// What actors do is counted, and after a while this one is idle.
func TestActorMetrics(t *testing.T) {
	nodes := mesh(t, 1)
	counterOn(t, nodes[0], "counter", api.Hints{}, "")
	askNode(t, nodes[0], "counter", "inc", "")
	waitFor(t, func() bool {
		now := scrape(t, nodes[0])
		return now["godwit_actor_replicas"] == "1" && now["godwit_actor_message_seconds_count"] != "0" &&
			now["godwit_actor_checkpoints_total"] != "0" && now["godwit_actors_running"] == "0" && now["godwit_actors_idle"] == "1"
	})
}

// Whoever drains a node is told of the actors that cannot do without it.
func TestDrainTellsWhatStays(t *testing.T) {
	nodes := mesh(t, 1)
	counterOn(t, nodes[0], "counter", api.Hints{}, "")
	w, err := nodes[0].SetDraining(t.Context(), true)
	if err != nil || len(w.Stay) != 1 || !strings.HasPrefix(w.Stay[0], "counter: ") {
		t.Errorf("drained: stay %q, %v", w.Stay, err)
	}
	if w, err = nodes[0].SetDraining(t.Context(), false); err != nil || len(w.Stay) != 0 {
		t.Errorf("no longer: stay %q, %v", w.Stay, err)
	}
}
