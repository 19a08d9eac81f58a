package group

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/godwit-run/godwit/actors/wire"
)

// quietly makes one replica of three that has heard of nobody.
func quietly(t testing.TB, n int) *Group {
	t.Helper()
	saved, err := First(testBase(3))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Self: testNode(byte(n))}, testActor, uint64(n), saved)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func raftMessage(m *raftpb.Message) wire.Raft { return wire.Raft{Actor: testActor, Data: marshal(m)} }

func voteFor(from, to, term uint64) wire.Raft {
	return raftMessage(&raftpb.Message{Type: raftpb.MsgVote.Enum(), From: &from, To: &to, Term: &term, LogTerm: new(uint64(1)), Index: new(uint64(1))})
}

var begin = time.Unix(1000, 0)

// A vote leaves only when it is on disk, and a replica that forgot it is not asked.
func TestVoteIsWrittenFirst(t *testing.T) {
	g := quietly(t, 2)
	r, err := g.Step(begin, Received{testNode(1), voteFor(1, 2, 5)})
	if err != nil || r.Write == nil || !r.Write.Sync || len(r.Messages) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	again, err := New(Config{Self: testNode(2)}, testActor, 2, Saved{State: r.Write.State, Base: mustFirst(t).Base})
	if err != nil {
		t.Fatal(err)
	}
	if epoch, _ := again.Leads(); epoch != 5 {
		t.Errorf("remembers term %d", epoch)
	}
	if other, err := again.Step(begin, Received{testNode(3), voteFor(3, 2, 5)}); err != nil || len(other.Messages) != 1 || !rejects(t, other.Messages[0]) {
		t.Errorf("%+v, %v", other, err)
	}
	r, err = g.Step(begin, Written{r.Write.Number})
	if err != nil || len(r.Messages) != 1 || rejects(t, r.Messages[0]) {
		t.Fatalf("%+v, %v", r, err)
	}
}

func mustFirst(t *testing.T) Saved {
	saved, err := First(testBase(3))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func rejects(t *testing.T, o Outgoing) bool {
	m := &raftpb.Message{}
	if err := proto.Unmarshal(o.Message.(wire.Raft).Data, m); err != nil {
		t.Fatal(err)
	}
	return m.GetReject()
}

// Who stands by a leader that it hears of votes for nobody else.
func TestStandsByItsLeader(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	for n, g := range m.groups {
		if n == l {
			continue
		}
		m.must(n, Campaign{})
		if !g.Deadline().IsZero() {
			t.Errorf("%s campaigns against its leader", n.Short())
		}
	}
	epoch, _ := m.groups[l].Leads()
	m.down[l] = true
	for n := range m.groups {
		if n != l {
			m.must(n, Suspect{l})
			m.must(n, Campaign{})
		}
	}
	m.pass(time.Second)
	next := m.leader()
	if e, _ := m.groups[next].Leads(); e <= epoch || next == l {
		t.Errorf("epoch %d after %d", e, epoch)
	}
	m.down[l] = false
	m.must(l, Propose{entry(1)})
	m.pass(time.Second)
	if m.leader() != next {
		t.Error("the old leader leads")
	}
}

// Without a majority nobody campaigns, until a node is trusted again.
func TestWaitsForAMajority(t *testing.T) {
	g := quietly(t, 1)
	for _, n := range []byte{2, 3} {
		if _, err := g.Step(begin, Suspect{testNode(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := g.Step(begin, Campaign{}); err != nil || len(r.Messages) > 0 || !g.Deadline().IsZero() {
		t.Fatalf("%+v, %v, %v", r, err, g.Deadline())
	}
	if _, err := g.Step(begin, Trust{testNode(3)}); err != nil || g.Deadline().IsZero() {
		t.Fatalf("%v, %v", err, g.Deadline())
	}
}

// A leader that stood still for long knows that it does not know.
func TestStaleLeader(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	m.must(l, Propose{entry(1)})
	if !m.groups[l].Fresh(m.now) || m.groups[l].Fresh(m.now.Add(10*time.Second)) {
		t.Error("what it knows does not age")
	}
	m.now = m.now.Add(10 * time.Second)
	m.told[l] = nil
	m.must(l, Confirm{})
	if got := fmt.Sprintf("%T", m.told[l]); len(m.told[l]) != 1 || m.told[l][0] != (Confirmed{}) || !m.groups[l].Fresh(m.now) {
		t.Errorf("%s %v", got, m.told[l])
	}
	// Others have another leader meanwhile.
	m.down[l] = true
	for n := range m.groups {
		if n != l {
			m.must(n, Suspect{l})
			m.must(n, Campaign{})
		}
	}
	m.pass(time.Second)
	m.down[l] = false
	m.told[l] = nil
	m.must(l, Confirm{})
	m.pass(time.Second)
	for _, e := range m.told[l] {
		if _, ok := e.(Confirmed); ok {
			t.Error("confirmed what is not so")
		}
	}
	if _, leads := m.groups[l].Leads(); leads {
		t.Error("still leads")
	}
}

// What a majority said before a leader stood still is no news when it goes on.
func TestOldWord(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	m.now = m.now.Add(time.Second)
	r, err := m.groups[l].Step(m.now, Confirm{})
	if err != nil || len(r.Messages) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	var answers []delivery
	for _, out := range r.Messages {
		reply, err := m.groups[out.To].Step(m.now, Received{l, out.Message})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range reply.Messages {
			answers = append(answers, delivery{out.To, a.To, a.Message})
		}
	}
	m.now = m.now.Add(10 * time.Second)
	for _, a := range answers {
		r, err := m.groups[l].Step(m.now, Received{a.from, a.message})
		if err != nil || len(r.Effects) > 0 {
			t.Errorf("%+v, %v", r.Effects, err)
		}
	}
	m.told[l] = nil
	m.pass(time.Second) // it has asked again, and its followers follow still
	if len(m.told[l]) != 1 || m.told[l][0] != (Confirmed{}) {
		t.Errorf("%v", m.told[l])
	}
}

// A leader that hears of nobody gives up, and says so.
func TestLosesItsMajority(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	for n := range m.groups {
		m.down[n] = n != l
	}
	m.must(l, Propose{entry(1)})
	m.told[l] = nil
	m.pass(3 * time.Second)
	if len(m.told[l]) != 1 || fmt.Sprintf("%T", m.told[l][0]) != "group.Deposed" {
		t.Errorf("%v", m.told[l])
	}
	if err := m.step(l, Propose{entry(2)}); !errors.Is(err, ErrNotLeader) {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	other := testNode(1)
	if other == l {
		other = testNode(2)
	}
	for name, c := range map[string]struct {
		node wire.NodeID
		ev   Event
		want error
	}{
		"propose":         {other, Propose{entry(1)}, ErrNotLeader},
		"confirm":         {other, Confirm{}, ErrNotLeader},
		"transfer":        {other, Transfer{l}, ErrNotLeader},
		"change":          {other, Change{Add: testNode(9)}, ErrNotLeader},
		"to itself":       {l, Transfer{l}, ErrInvalid},
		"to nobody":       {l, Transfer{testNode(9)}, ErrInvalid},
		"no change":       {l, Change{}, ErrInvalid},
		"remove itself":   {l, Change{Remove: l}, ErrInvalid},
		"remove nobody":   {l, Change{Remove: testNode(9)}, ErrInvalid},
		"add a member":    {l, Change{Add: other}, ErrInvalid},
		"add no node":     {l, Change{Add: "x"}, ErrInvalid},
		"promote a voter": {l, Change{Promote: other}, ErrInvalid},
		"hold nothing":    {l, Hold{Node: l}, ErrInvalid},
		"large entry":     {l, Propose{largeEntry()}, ErrInvalid},
		"bad entry":       {l, Propose{wire.Entry{Time: -1}}, ErrInvalid},
	} {
		if err := m.step(c.node, c.ev); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func largeEntry() wire.Entry {
	e := entry(1)
	for i := range 4 {
		e.Items = append(e.Items, wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{1}, uint64(i)), Payload: make([]byte, wire.MaxPayload)}})
	}
	return e
}

// Who was removed and has not heard of it is told when it speaks.
func TestEvicted(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	gone := testNode(3)
	if gone == l {
		gone = testNode(2)
	}
	m.down[gone] = true
	m.must(l, Change{Remove: gone})
	m.down[gone] = false
	m.must(gone, Suspect{l})
	m.must(gone, Campaign{})
	m.pass(time.Second)
	last := m.told[gone][len(m.told[gone])-1]
	if last != (Gone{}) {
		t.Errorf("%v", m.told[gone])
	}
	if r := m.groups[l].Roster(); len(r.Voters) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestRemoved(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	e := entry(1)
	e.Items = []wire.Item{{Control: &wire.Control{Verb: wire.VerbRemove, ID: wire.MessageID{1}}}}
	m.must(l, Propose{e})
	for n := range m.groups {
		if told := m.told[n]; told[len(told)-1] != (Gone{Removed: true}) {
			t.Errorf("%s was told %v", n.Short(), told)
		}
	}
	if err := m.step(l, Propose{entry(2)}); !errors.Is(err, ErrNotLeader) {
		t.Error(err)
	}
}

// A damaged disk is an error, not a panic.
func TestDamaged(t *testing.T) {
	good := mustFirst(t)
	for name, s := range map[string]Saved{
		"base":    {State: good.State, Base: good.Base[1:]},
		"state":   {State: []byte{0xff}, Base: good.Base},
		"entries": {State: good.State, Base: good.Base, Entries: [][]byte{marshal(&raftpb.Entry{Index: new(uint64(7))})}},
		"garbage": {State: good.State, Base: good.Base, Entries: [][]byte{{0xff}}},
	} {
		if _, err := New(Config{Self: testNode(1)}, testActor, 1, s); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{Self: testNode(1)}, wire.ActorID{9}, 1, good); !errors.Is(err, ErrBroken) {
		t.Errorf("another actor's: %v", err)
	}
}

// Whatever another node sends, nothing panics; a group that is broken says so.
func FuzzReceive(f *testing.F) {
	for _, m := range []*raftpb.Message{
		{Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(1)), LogTerm: new(uint64(1)),
			Commit: new(uint64(2)), Entries: []*raftpb.Entry{{Term: new(uint64(3)), Index: new(uint64(2)), Data: []byte("x")}}},
		{Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Index: new(uint64(1)), LogTerm: new(uint64(1)),
			Commit: new(uint64(2)), Entries: []*raftpb.Entry{{Type: raftpb.EntryConfChangeV2.Enum(), Term: new(uint64(3)), Index: new(uint64(2))}}},
		{Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Commit: new(uint64(9))},
		{Type: raftpb.MsgHeartbeatResp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Context: []byte("x")},
		{Type: raftpb.MsgSnap.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3)), Snapshot: &raftpb.Snapshot{}},
		{Type: raftpb.MsgTimeoutNow.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))},
		{Type: raftpb.MsgHup.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))},
	} {
		f.Add(marshal(m), marshal(m))
	}
	f.Add([]byte{}, []byte{0xff})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		g := quietly(t, 2)
		for _, data := range [][]byte{a, b} {
			r, err := g.Step(begin, Received{testNode(1), wire.Raft{Actor: testActor, Data: data}})
			if errors.Is(err, ErrBroken) {
				return
			}
			if r.Write != nil {
				if _, err := g.Step(begin, Written{r.Write.Number}); err != nil && !errors.Is(err, ErrBroken) {
					t.Fatal(err)
				}
			}
		}
	})
}

// A member speaks only from its own node.
func TestImpostor(t *testing.T) {
	g := quietly(t, 2)
	if _, err := g.Step(begin, Received{testNode(3), voteFor(1, 2, 5)}); !errors.Is(err, ErrMessage) {
		t.Error(err)
	}
	if r, err := g.Step(begin, Received{testNode(9), wire.Evicted{Actor: testActor, Replica: 2}}); err != nil || len(r.Effects) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Nobody becomes a member by saying so: a member must vouch for it.
func TestVouch(t *testing.T) {
	g := quietly(t, 2)
	stranger := func() *raftpb.Message {
		return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(9)), To: new(uint64(2)), Term: new(uint64(99)), Commit: new(uint64(1))}
	}
	r, err := g.Step(begin, Received{testNode(9), raftMessage(stranger())})
	if err != nil || len(r.Messages) != 2 || r.Messages[0].Message != (wire.Vouch{Actor: testActor, Replica: 9, Node: testNode(9)}) {
		t.Fatalf("%+v, %v", r, err)
	}
	yes := wire.Vouch{Actor: testActor, Replica: 9, Node: testNode(9), Yes: true}
	for from, want := range map[byte]uint64{8: 1, 9: 1, 3: 99} { // 3 is the only member
		g := quietly(t, 2)
		if _, err := g.Step(begin, Received{testNode(from), yes}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Step(begin, Received{testNode(9), raftMessage(stranger())}); err != nil {
			t.Fatal(err)
		}
		if epoch, _ := g.Leads(); epoch != want {
			t.Errorf("vouched for by %d: epoch %d, not %d", from, epoch, want)
		}
	}
	if r, err := g.Step(begin, Received{testNode(9), wire.Vouch{Actor: testActor, Replica: 3, Node: testNode(3)}}); err != nil || len(r.Messages) != 1 {
		t.Errorf("does not vouch for a member: %+v, %v", r, err)
	}
	if r, err := g.Step(begin, Received{testNode(1), wire.Vouch{Actor: testActor, Replica: 9, Node: testNode(9)}}); err != nil || len(r.Messages) != 0 {
		t.Errorf("vouches for a stranger: %+v, %v", r, err)
	}
}

// The proposal of an entry, its way to two others and back, without disks and networks.
func BenchmarkPropose(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprint("items=", size), func(b *testing.B) {
			m := newMesh(&testing.T{}, 3)
			l := m.elect(testNode(1))
			e := entry(1)
			for i := range size {
				e.Items = append(e.Items, wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{1}, uint64(i)), Ask: true, Payload: bytes.Repeat([]byte{1}, 100)}})
			}
			n := 0
			for b.Loop() {
				m.must(l, Propose{e})
				if n++; n%100 == 0 {
					c := checkpointAt(m.groups[l].Applied())
					for node := range m.groups {
						m.must(node, Hold{node, c})
						m.log[node], m.told[node] = nil, nil
					}
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// A replica that is always told to campaign, and always told that there is a leader,
// does not do so more often than it would without one.
func TestCampaignsNowAndThen(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	eager := testNode(1)
	if eager == l {
		eager = testNode(2)
	}
	m.must(eager, Suspect{l})
	campaigns := 0
	for range 300 {
		before := m.groups[eager].tried
		m.must(eager, Campaign{})
		m.pass(time.Millisecond)
		if m.groups[eager].tried != before {
			campaigns++
		}
	}
	if campaigns > 4 {
		t.Errorf("%d campaigns in 300 ms", campaigns)
	}
}

// A leader crashes and is back before anybody notices, and its disk lacks an entry that
// both others have. It cannot be elected, and only it is asked by clients: those who can
// be must do something about it.
func TestLeaderThatForgot(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	ready, err := m.groups[l].Step(m.now, Propose{entry(1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range ready.Messages { // its own write is lost
		m.queue = append(m.queue, delivery{l, out.To, out.Message})
	}
	old := m.groups[l]
	m.groups[l] = quietly(t, 1) // swallows the answers
	m.step(l, Tick{})
	m.boot(l, old.replica, m.disks[l])
	for range 20 {
		m.must(l, Campaign{}) // somebody asks it
		m.pass(100 * time.Millisecond)
	}
	if next := m.leader(); next == l {
		t.Error("elected without the entry")
	}
	for node, g := range m.groups {
		if hint, _ := g.Leader(); hint != m.leader() {
			t.Errorf("%s sends those who ask to %s", node.Short(), hint.Short())
		}
	}
}

// Nobody is sent to a leader that asks for votes.
func TestLeaderThatAsks(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	f := testNode(1)
	if f == l {
		f = testNode(2)
	}
	from, to := m.groups[l].replica, m.groups[f].replica
	m.must(f, Received{l, voteFor(from, to, 3)})
	if hint, _ := m.groups[f].Leader(); hint != "" {
		t.Errorf("%s is believed to lead", hint.Short())
	}
}

// The entries that a group proposes for its own sake are empty: who counts those that it
// has proposed itself can tell.
func TestOwnEntriesAreEmpty(t *testing.T) {
	m := newMesh(t, 3)
	l := m.elect(testNode(1))
	gone := testNode(1)
	if gone == l {
		gone = testNode(2)
	}
	m.log[l] = nil
	m.must(l, Change{Remove: gone})
	m.pass(time.Second)
	if len(m.log[l]) < 2 {
		t.Fatalf("%d entries", len(m.log[l]))
	}
	for _, c := range m.log[l] {
		if len(c.Entry.Items) > 0 || c.Entry.Time != 0 {
			t.Errorf("%+v", c)
		}
	}
}
