package godwit

import (
	"slices"
	"testing"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// rankedFor judges three nodes: a in region eu, b and c in us; c drains.
func rankedFor(t *testing.T, hints wire.Hints) []placement.Candidate {
	t.Helper()
	policy, err := placement.New(placement.Options{})
	if err != nil {
		t.Fatal(err)
	}
	capacity := wire.Capacity{CPU: 4000, Memory: 1 << 30}
	nodes := []placement.Node{
		{ID: "a", Vector: &wire.Vector{Node: "a", Total: capacity, Region: "eu"}, Free: capacity, Trust: 1, Health: placement.Health{SuccessRate: 1}},
		{ID: "b", Vector: &wire.Vector{Node: "b", Total: capacity, Region: "us"}, Free: capacity, Trust: 1, Health: placement.Health{SuccessRate: 1}},
		{ID: "c", Vector: &wire.Vector{Node: "c", Total: capacity, Region: "us"}, Free: capacity, Trust: 1, Health: placement.Health{SuccessRate: 1}, Out: wire.RefusedDraining},
		{ID: "d", Vector: &wire.Vector{Node: "d", Region: "us"}, Trust: 1, Health: placement.Health{SuccessRate: 1}}, // runs nothing
	}
	request := actorRequirements(actors.Placement{}, &hints, "")
	return placement.NewRanker(policy).Rank(&request, nodes)
}

func inRegion(region string) wire.Hints { return wire.Hints{Wishes: wire.Wishes{Region: region}} }

func TestPlaceActors(t *testing.T) {
	for _, c := range []struct {
		name    string
		hints   wire.Hints
		without []wire.NodeID
		want    []wire.NodeID
	}{
		{"the region first", inRegion("us"), nil, []wire.NodeID{"b", "a"}},
		{"the other region first", inRegion("eu"), nil, []wire.NodeID{"a", "b"}},
		{"not those it has", inRegion("us"), []wire.NodeID{"b"}, []wire.NodeID{"a"}},
		{"the region only", wire.Hints{Require: wire.Wishes{Region: "us"}}, nil, []wire.NodeID{"b"}},
		{"none is left", inRegion("us"), []wire.NodeID{"a", "b"}, nil},
	} {
		if got := place(rankedFor(t, c.hints), c.without, 3); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := place(rankedFor(t, inRegion("us")), nil, 1); !slices.Equal(got, []wire.NodeID{"b"}) {
		t.Errorf("one: %v", got)
	}
}

// A node that has no room for a task may keep an actor.
func TestFullNodesKeepActors(t *testing.T) {
	policy, err := placement.New(placement.Options{})
	if err != nil {
		t.Fatal(err)
	}
	capacity := wire.Capacity{CPU: 4000, Memory: 1 << 30}
	full := []placement.Node{{ID: "a", Vector: &wire.Vector{Node: "a", Total: capacity}, Trust: 1, Health: placement.Health{SuccessRate: 1}}}
	request := actorRequirements(actors.Placement{}, nil, "")
	if got := place(placement.NewRanker(policy).Rank(&request, full), nil, 1); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestBetterPlaceForActor(t *testing.T) {
	all := []wire.NodeID{"a", "b", "c"}
	for _, c := range []struct {
		name     string
		hints    wire.Hints
		leader   wire.NodeID
		members  []wire.NodeID // all if none are named
		without  []wire.NodeID
		messages map[wire.NodeID]uint64
		want     wire.NodeID
	}{
		{"it is where it wishes to be", inRegion("eu"), "a", nil, nil, nil, ""},
		{"it wishes to be elsewhere", inRegion("us"), "a", nil, nil, nil, "b"},
		{"it wishes for nothing", wire.Hints{}, "a", nil, nil, nil, ""},
		{"its messages come from elsewhere", wire.Hints{}, "a", nil, nil, map[wire.NodeID]uint64{"a": 100, "b": 900}, "b"},
		{"its messages come from where nothing may go", wire.Hints{}, "a", nil, nil, map[wire.NodeID]uint64{"c": 1000}, ""},
		{"its messages are few", wire.Hints{}, "a", nil, nil, map[wire.NodeID]uint64{"b": 10}, ""},
		{"its messages come from everywhere", wire.Hints{}, "a", nil, nil, map[wire.NodeID]uint64{"a": 600, "b": 600}, ""},
		{"its wish counts more than its messages", inRegion("eu"), "a", nil, nil, map[wire.NodeID]uint64{"b": 1000}, ""},
		{"it wishes to be where it has no replica", inRegion("us"), "a", []wire.NodeID{"a"}, nil, nil, "b"},
		{"where it wishes to be it was refused", inRegion("us"), "a", []wire.NodeID{"a"}, []wire.NodeID{"a", "b"}, nil, ""},
		{"messages do not make a replica", wire.Hints{}, "a", []wire.NodeID{"a"}, nil, map[wire.NodeID]uint64{"b": 1000}, ""},
		{"who is drained is moved by that", inRegion("eu"), "c", nil, nil, nil, ""},
	} {
		members := all
		if c.members != nil {
			members = c.members
		}
		r := actors.Placement{Leader: c.leader, Members: members, Without: c.without, Messages: c.messages}
		if got, _ := better(rankedFor(t, c.hints), &r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
