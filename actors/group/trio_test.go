package group

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

func testNode(n byte) wire.NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return swire.NodeIDOf(key.Public().(ed25519.PublicKey))
}

func testLink() wire.Link {
	l, err := swire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe")
	if err != nil {
		panic(err)
	}
	return l
}

var testActor = wire.ActorID{7}

// testBase is a new actor on nodes 1 to n.
func testBase(n int) wire.Base {
	base := wire.Base{Actor: testActor, NextReplica: uint64(n) + 1, Spec: wire.Spec{
		Name: "counter", Module: testLink(), Replicas: n, Fuel: 1e9, Memory: 1 << 20, OnFailure: wire.Restart,
		Restarts: 3, Within: time.Minute, Creator: testNode(1), Created: 1}}
	for i := range n {
		base.Members = append(base.Members, wire.Member{Replica: uint64(i) + 1, Node: testNode(byte(i + 1))})
	}
	return base
}

// mesh runs groups with a network and disks that work at once.
type mesh struct {
	t      *testing.T
	now    time.Time
	groups map[wire.NodeID]*Group
	disks  map[wire.NodeID]*disk
	down   map[wire.NodeID]bool
	queue  []delivery
	log    map[wire.NodeID][]wire.Committed
	told   map[wire.NodeID][]Effect
}

type delivery struct {
	from, to wire.NodeID
	message  wire.NodeMessage
}

// disk is what a shell keeps of Writes.
type disk struct {
	saved Saved
	first uint64
}

func (d *disk) write(w *Write) {
	if w.State != nil {
		d.saved.State = w.State
	}
	if w.Reset {
		d.saved.Entries, d.first = nil, 0
	}
	if w.Base != nil {
		d.saved.Base = w.Base
	}
	if len(w.Entries) > 0 {
		if len(d.saved.Entries) == 0 {
			d.first = w.First
		}
		d.saved.Entries = append(d.saved.Entries[:w.First-d.first:w.First-d.first], w.Entries...)
	}
	if w.Cut >= d.first && len(d.saved.Entries) > 0 {
		n := min(w.Cut-d.first+1, uint64(len(d.saved.Entries)))
		d.saved.Entries, d.first = d.saved.Entries[n:], d.first+n
	}
}

func newMesh(t *testing.T, n int) *mesh {
	m := &mesh{t: t, now: time.Unix(1000, 0), groups: map[wire.NodeID]*Group{}, disks: map[wire.NodeID]*disk{},
		down: map[wire.NodeID]bool{}, log: map[wire.NodeID][]wire.Committed{}, told: map[wire.NodeID][]Effect{}}
	base := testBase(n)
	saved, err := First(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range base.Members {
		m.boot(member.Node, member.Replica, &disk{saved: saved})
	}
	return m
}

func (m *mesh) boot(node wire.NodeID, replica uint64, d *disk) {
	g, err := New(Config{Self: node}, testActor, replica, d.saved)
	if err != nil {
		m.t.Fatal(err)
	}
	m.groups[node], m.disks[node], m.log[node] = g, d, nil
	m.step(node, Tick{})
}

// step steps one group, and then all until nobody has anything to say.
func (m *mesh) step(node wire.NodeID, ev Event) error {
	err := m.one(node, ev)
	for len(m.queue) > 0 {
		d := m.queue[0]
		m.queue = m.queue[1:]
		if m.groups[d.to] == nil || m.down[d.to] || m.down[d.from] {
			continue
		}
		if err := m.one(d.to, Received{d.from, d.message}); err != nil {
			m.t.Fatalf("%s: %v", d.to.Short(), err)
		}
	}
	return err
}

func (m *mesh) one(node wire.NodeID, ev Event) error {
	r, err := m.groups[node].Step(m.now, ev)
	for _, out := range r.Messages {
		m.queue = append(m.queue, delivery{node, out.To, out.Message})
	}
	m.log[node] = append(m.log[node], r.Committed...)
	m.told[node] = append(m.told[node], r.Effects...)
	if r.Write != nil {
		m.disks[node].write(r.Write)
		if err := m.one(node, Written{r.Write.Number}); err != nil {
			m.t.Fatal(err)
		}
	}
	return err
}

// pass lets time pass, a millisecond at a time.
func (m *mesh) pass(d time.Duration) {
	for end := m.now.Add(d); m.now.Before(end); m.now = m.now.Add(time.Millisecond) {
		for _, node := range slices.Sorted(maps.Keys(m.groups)) {
			if g := m.groups[node]; !m.down[node] && !g.Deadline().IsZero() && !g.Deadline().After(m.now) {
				m.step(node, Tick{})
			}
		}
	}
}

func (m *mesh) leader() wire.NodeID {
	m.t.Helper()
	var leader wire.NodeID
	for node, g := range m.groups {
		if _, ok := g.Leads(); ok && !m.down[node] {
			if leader != "" {
				m.t.Fatal("two leaders")
			}
			leader = node
		}
	}
	if leader == "" {
		m.t.Fatal("no leader")
	}
	return leader
}

func (m *mesh) elect(by wire.NodeID) wire.NodeID {
	m.step(by, Campaign{})
	m.pass(500 * time.Millisecond)
	return m.leader()
}

func (m *mesh) must(node wire.NodeID, ev Event) {
	m.t.Helper()
	if err := m.step(node, ev); err != nil {
		m.t.Fatalf("%T: %v", ev, err)
	}
}

func entry(n int) wire.Entry { return wire.Entry{Time: int64(n), Seed: wire.Seed{byte(n)}} }

func checkpointAt(index uint64) wire.Checkpoint {
	return wire.Checkpoint{Index: index, Epoch: 1, Sequence: index, Manifest: testLink()}
}

func TestThree(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	for i := range 10 {
		m.must(l, Propose{entry(i + 1)})
	}
	for n := range 3 {
		node := testNode(byte(n + 1))
		if got := len(m.log[node]); got != 11 { // and raft's own at the start of the term
			t.Errorf("node %d has %d entries", n+1, got)
		}
		if fmt.Sprint(m.log[node]) != fmt.Sprint(m.log[l]) {
			t.Errorf("node %d has another history", n+1)
		}
		if !m.groups[node].Idle() {
			t.Errorf("node %d is not idle", n+1)
		}
	}
	c := checkpointAt(m.groups[l].Applied())
	for n := range 3 {
		m.must(testNode(byte(n+1)), Hold{testNode(byte(n + 1)), c})
	}
	for n := range 3 {
		if base := m.groups[testNode(byte(n+1))].Base(); base.Checkpoint == nil || *base.Checkpoint != c {
			t.Errorf("node %d has base %+v", n+1, base.Checkpoint)
		}
	}
	// A fourth comes, in place of a dead one.
	dead := testNode(byte(1))
	if dead == l {
		dead = testNode(2)
	}
	m.down[dead] = true
	m.must(l, Suspect{dead})
	m.must(l, Change{Add: testNode(4)})
	id := m.groups[l].Roster().Members.Replica(testNode(4))
	m.boot(testNode(4), id, &disk{})
	c = checkpointAt(m.groups[l].Applied())
	for node := range m.groups {
		if node != dead && node != testNode(4) {
			m.must(node, Hold{node, c})
		}
	}
	if err := m.step(l, Change{Promote: testNode(4), Remove: dead}); err == nil {
		t.Error("promoted what holds nothing")
	}
	m.pass(time.Second)
	if base := m.groups[testNode(4)].Base(); base.Checkpoint == nil || *base.Checkpoint != c {
		t.Fatalf("the new one has base %+v", base.Checkpoint)
	}
	m.must(testNode(4), Hold{testNode(4), c})
	m.must(l, Change{Promote: testNode(4), Remove: dead})
	m.pass(time.Second)
	r := m.groups[testNode(4)].Roster()
	if len(r.Voters) != 3 || r.Joint || r.Members.Replica(dead) != 0 {
		t.Fatalf("%+v", r)
	}
	m.must(l, Transfer{testNode(4)})
	if m.leader() != testNode(4) {
		t.Error("not handed over")
	}
	// From disk, all of them.
	for node, g := range m.groups {
		if node != dead {
			m.boot(node, g.replica, m.disks[node])
		}
	}
	l = m.elect(testNode(4))
	m.must(l, Propose{entry(99)})
	if got := m.log[l][len(m.log[l])-1].Entry.Time; got != 99 {
		t.Error(got)
	}
}
