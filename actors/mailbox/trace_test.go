package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// describe is outputs in words.
func describe(out []Output) string {
	var words []string
	for _, o := range out {
		switch o := o.(type) {
		case Answer:
			words = append(words, fmt.Sprintf("answer %d: %s %q", o.ID.Seq(), o.Result.Outcome, o.Result.Payload))
		case Taken:
			words = append(words, fmt.Sprintf("taken %d", o.Seq))
		case Sent:
			words = append(words, fmt.Sprintf("to %s %d (floor %d, ask %d) %q", o.To, o.Message.Seq, o.Message.Floor, o.Ask, o.Message.Payload))
		case Spawn:
			words = append(words, fmt.Sprintf("spawn %s, ask %d", o.Name, o.Ask))
		case Controlled:
			words = append(words, fmt.Sprintf("controlled: %s", o.Result.Outcome))
		case Halted:
			words = append(words, "halted: "+o.Reason)
		case Removed:
			words = append(words, "removed")
		}
	}
	return strings.Join(words, "; ")
}

func (l *log) expect(out []Output, want string) {
	l.t.Helper()
	if got := describe(out); got != want {
		l.t.Errorf("entry %d: puts out %q, not %q", len(l.entries), got, want)
	}
}

// next begins a delivery that must be there.
func (l *log) next(kind Kind) Delivery {
	l.t.Helper()
	d, ok := l.Next()
	if !ok || d.Kind != kind {
		l.t.Fatalf("entry %d: delivers %+v, %v, not kind %d", len(l.entries), d, ok, kind)
	}
	return d
}

func (l *log) nothing() {
	l.t.Helper()
	if d, ok := l.Next(); ok {
		l.t.Fatalf("entry %d: delivers %+v", len(l.entries), d)
	}
}

func (l *log) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// started is an actor that has begun.
func started(t *testing.T) *log {
	l := newLog(t)
	l.add(activated())
	l.next(Init)
	l.expect(l.Finish(), "")
	return l
}

func fromActor(sender byte, seq, floor uint64, ask bool, payload string) wire.Item {
	from := wire.ActorID{sender}
	return wire.Item{Message: &wire.Message{ID: wire.ChannelID(from, "counter", seq), From: from, Sender: "bank", To: "counter",
		Seq: seq, Floor: floor, Ask: ask, Payload: []byte(payload)}}
}

func ok(payload string) wire.Result {
	return wire.Result{Outcome: wire.OK, Payload: []byte(payload)}
}

func TestAskTwice(t *testing.T) {
	l := started(t)
	l.expect(l.add(clientAsk(1, 1, "a"), clientAsk(1, 1, "a")), "")
	d := l.next(Ask)
	l.expect(l.add(clientAsk(1, 1, "a")), "") // it is being worked on
	l.must(l.Reply(d.ID, ok("A")))
	if err := l.Reply(d.ID, ok("B")); !errors.Is(err, ErrNoMessage) {
		t.Error(err)
	}
	l.expect(l.Finish(), `answer 1: ok "A"`)
	l.nothing()
	l.expect(l.add(clientAsk(1, 1, "a")), `answer 1: ok "A"`)

	// The client has its answer: the floor moves, the reply goes.
	next := clientAsk(1, 2, "b")
	next.Message.Floor = 2
	l.expect(l.add(next), "")
	l.expect(l.add(clientAsk(1, 1, "a")), `answer 1: forgotten ""`)
	if l.sources.bytes != 0 {
		t.Errorf("%d bytes of replies are kept", l.sources.bytes)
	}
}

// A channel is taken in order, without gaps.
func TestChannel(t *testing.T) {
	l := started(t)
	l.expect(l.add(fromActor(5, 2, 1, false, "b")), "")
	l.nothing()
	l.expect(l.add(fromActor(5, 1, 1, false, "a"), fromActor(5, 2, 1, false, "b"), fromActor(5, 2, 1, false, "b")), "taken 1; taken 2; taken 2")
	for _, want := range []string{"a", "b"} {
		if d := l.next(Send); string(d.Result.Payload) != want || d.Sender != "bank" {
			t.Errorf("%+v", d)
		}
		l.Finish()
	}
	// 3 was given up by its sender, before it came here.
	l.expect(l.add(fromActor(5, 4, 4, true, "d")), "taken 4")
	l.next(Ask)
	l.nothing()
}

// What a delivery does takes effect when it blocks or is over.
func TestReleases(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	d := l.next(Ask)
	l.must(l.Send("other", []byte("1")))
	n, err := l.Ask("other", []byte("2"), 0, false)
	l.must(err)
	if len(l.Outbox()) != 0 {
		t.Error("sent before the release")
	}
	l.expect(l.Release(), `to other 1 (floor 1, ask 0) "1"; to other 2 (floor 1, ask 1) "2"`)
	if _, done, err := l.Result(n); done || err != nil {
		t.Error(done, err)
	}
	l.expect(l.add(wire.Item{Ack: &wire.Settled{To: "other", Seq: 2}}), "")
	l.expect(l.Outbox(), `to other 2 (floor 2, ask 1) "2"`) // asks wait for their reply
	l.expect(l.add(wire.Item{Reply: &wire.Reply{Ask: n, Result: ok("3")}}, wire.Item{Reply: &wire.Reply{Ask: n, Result: ok("4")}}), "")
	r, err := l.Take(n)
	l.must(err)
	l.must(l.Reply(d.ID, r))
	l.expect(l.Finish(), `answer 1: ok "3"`)
	if _, err := l.Take(n); !errors.Is(err, ErrNoMessage) || !l.Settled() {
		t.Error(err)
	}
}

func TestAsyncAsk(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	n, err := l.Ask("other", nil, 5*time.Millisecond, true)
	l.must(err)
	_, err = l.Ask("other", nil, time.Hour, true)
	l.must(err)
	l.Finish()
	l.add(wire.Item{Reply: &wire.Reply{Ask: n + 1, Result: ok("r")}})
	if d := l.next(Reply); d.Token != n+1 || string(d.Result.Payload) != "r" {
		t.Errorf("%+v", d)
	}
	l.Finish()
	if due := l.NextDue(); due.IsZero() || due.After(time.Unix(0, l.Now()).Add(5*time.Millisecond)) {
		t.Errorf("due at %v", due)
	}
	for range 5 {
		l.add()
	}
	if d := l.next(Reply); d.Token != n || d.Result.Outcome != wire.TimedOut {
		t.Errorf("%+v", d)
	}
}

func TestTimers(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	var ids []uint64
	for i, delay := range []time.Duration{3, 1, 2, 2} {
		id, err := l.SetTimer(delay*time.Millisecond, uint64(i))
		l.must(err)
		ids = append(ids, id)
	}
	l.must(l.CancelTimer(ids[2]))
	if err := l.CancelTimer(ids[2]); !errors.Is(err, ErrNoMessage) {
		t.Error(err)
	}
	l.Finish()
	var tokens []uint64
	for range 4 {
		l.add()
		for d, ok := l.Next(); ok; d, ok = l.Next() {
			tokens = append(tokens, d.Token)
			l.Finish()
		}
	}
	if !slices.Equal(tokens, []uint64{1, 3, 0}) || !l.NextDue().IsZero() {
		t.Errorf("timers %v fired", tokens)
	}
}

func TestTimeout(t *testing.T) {
	l := started(t)
	if d, ok := l.TimeOut(); !ok || d.Kind != Timeout {
		t.Error(d, ok)
	}
	l.Finish()
	l.SetWake(2 * time.Millisecond)
	l.add()
	l.nothing()
	l.add()
	l.next(Timeout)
	l.Finish()
	l.SetWake(2 * time.Millisecond)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask) // in time: nothing times out
	l.Finish()
	l.add()
	l.add()
	l.nothing()
}

// A failed delivery has no effect but what was released; a replay that skips it comes
// to the same state.
func TestFail(t *testing.T) {
	l := started(t)
	base, from := l.Encode(), len(l.entries)
	l.add(clientAsk(1, 1, "x"), clientAsk(1, 2, "y"))
	l.next(Ask)
	l.must(l.Send("other", []byte("stays")))
	n, err := l.Ask("other", nil, 0, false)
	l.must(err)
	l.Release()
	l.add(wire.Item{Reply: &wire.Reply{Ask: n, Result: ok("r")}})
	_, err = l.Take(n)
	l.must(err)
	l.must(l.Send("other", []byte("goes")))
	_, err = l.SetTimer(time.Second, 1)
	l.must(err)
	failed, out := l.Fail("trap")
	l.expect(out, `answer 1: failed "trap"`)
	l.expect(l.Outbox(), `to other 1 (floor 1, ask 0) "stays"`)
	d := l.next(Ask)
	l.must(l.Reply(d.ID, ok("Y")))
	l.expect(l.Finish(), `answer 2: ok "Y"`)

	r := &log{t: t}
	r.State, err = Decode(base)
	l.must(err)
	for _, e := range l.entries[from:] {
		r.Apply(e)
		for d, ok := r.Next(); ok; d, ok = r.Next() {
			if d.Number == failed.Number {
				r.Skip(failed)
				continue
			}
			l.must(r.Reply(d.ID, wire.Result{Outcome: wire.OK, Payload: []byte("Y")}))
			r.Finish()
		}
	}
	if string(r.Encode()) != string(l.Encode()) {
		t.Error("the replay comes to another state")
	}
}

func TestSupervision(t *testing.T) {
	l := started(t)
	for i := range uint64(2) {
		l.add(clientAsk(1, i+1, "x"))
		l.next(Ask)
		_, out := l.Fail("trap")
		l.expect(out, fmt.Sprintf(`answer %d: failed "trap"`, i+1))
	}
	l.add(clientAsk(1, 3, "x"), clientAsk(1, 4, "x"))
	l.next(Ask)
	_, out := l.Fail("trap")
	cause := "given up after 3 failures, the last: trap"
	l.expect(out, fmt.Sprintf(`answer 3: failed "trap"; answer 4: stopped %q; halted: %s`, cause, cause))
	if status, why := l.Status(); status != Stopped || why != cause {
		t.Error(status, why)
	}
	l.expect(l.add(clientAsk(1, 5, "x")), fmt.Sprintf("answer 5: stopped %q", cause))
	l.nothing()
	l.expect(l.add(control(wire.VerbStart, 1)), "controlled: ok")
	l.next(Start)
	l.Finish()
	l.add(clientAsk(1, 6, "x"))
	l.next(Ask)
}

// Failures count only together.
func TestFailuresFarApart(t *testing.T) {
	l := started(t)
	for i := range uint64(10) {
		l.add(clientAsk(1, i+1, "x"))
		l.next(Ask)
		l.Fail("trap")
		l.Advance(40 * time.Second) // of a minute
	}
	if status, _ := l.Status(); status != Running {
		t.Error("given up")
	}
}

func control(v wire.Verb, id byte) wire.Item {
	return wire.Item{Control: &wire.Control{Verb: v, ID: wire.MessageID{9, id}, Reason: "because"}}
}

func TestStopAndRemove(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	n, err := l.Ask("other", nil, 0, false)
	l.must(err)
	_, err = l.SetTimer(time.Millisecond, 7)
	l.must(err)
	l.Release()
	l.expect(l.add(control(wire.VerbStop, 2)), `answer 1: stopped "because"; halted: because; controlled: ok`)
	if l.Quiet() {
		t.Error("the delivery is over by itself")
	}
	_, out := l.Fail("stopped")
	l.expect(out, "") // nobody is told: that has been done
	l.add()
	l.expect(l.add(control(wire.VerbStart, 3)), "controlled: ok")
	l.next(Start)
	l.Finish()
	l.add(wire.Item{Reply: &wire.Reply{Ask: n, Result: ok("late")}})
	if d := l.next(Timer); d.Token != 7 { // it has waited
		t.Errorf("%+v", d)
	}
	l.Finish()
	l.nothing()
	l.expect(l.add(control(wire.VerbRemove, 4)), "halted: because; controlled: ok; removed")
	l.expect(l.add(clientAsk(1, 9, "x")), "")
}

// A control that comes again, since its answer was lost, has its effect once: what came
// after it stays, and whoever rolls back is not rolled forward again.
func TestControlsTakeEffectOnce(t *testing.T) {
	l := started(t)
	stop, start := control(wire.VerbStop, 20), control(wire.VerbStart, 21)
	l.expect(l.add(stop), "halted: because; controlled: ok")
	l.expect(l.add(start), "controlled: ok")
	l.next(Start)
	l.Finish()
	l.expect(l.add(stop, start), "controlled: ok; controlled: ok")
	if status, _ := l.Status(); status != Running {
		t.Error("stopped again")
	}
	l.nothing()

	up, down := control(wire.VerbUpgrade, 22), control(wire.VerbRollback, 23)
	up.Control.Module = testLink2()
	old := l.Module()
	l.add(up)
	l.expect(l.add(up), "") // its answer is still to come
	for _, c := range []wire.Item{up, down} {
		l.next(Upgrade)
		l.must(l.Upgraded())
		l.expect(l.Finish(), "controlled: ok")
		l.expect(l.add(c, down), map[bool]string{true: "controlled: ok", false: "controlled: ok; controlled: ok"}[c.Control == up.Control])
	}
	l.nothing()
	if l.Module() != old || l.Previous() != testLink2() {
		t.Error("rolled forward again")
	}
	for i := range MaxControls + 10 {
		l.add(control(wire.VerbStart, byte(100+i)))
	}
	if len(l.controls) != MaxControls {
		t.Errorf("%d controls are remembered", len(l.controls))
	}
}

func TestUpgrade(t *testing.T) {
	l := started(t)
	old := l.Module()
	up := control(wire.VerbUpgrade, 5)
	up.Control.Module = testLink2()
	l.expect(l.add(control(wire.VerbRollback, 6)), "controlled: refused")
	l.add(up)
	l.next(Upgrade)
	_, out := l.Fail("does not load")
	l.expect(out, "controlled: failed")
	if len(l.failures) != 0 || l.Module() != old {
		t.Error("the failed upgrade has had an effect")
	}
	again := control(wire.VerbUpgrade, 90)
	again.Control.Module = testLink2()
	l.add(again)
	l.next(Upgrade)
	l.must(l.Upgraded())
	l.expect(l.Finish(), "controlled: ok")
	if l.Module() != testLink2() || l.Previous() != old {
		t.Error("not upgraded")
	}
	l.add(control(wire.VerbRollback, 7))
	if d := l.next(Upgrade); d.Module != old {
		t.Errorf("%+v", d)
	}
}

func TestSpawn(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	l.must(l.Spawn("child", wire.Link{}))
	out := l.Finish()
	l.expect(out, "spawn child, ask 1")
	if s := out[0].(Spawn); s.Actor != wire.SpawnedID(l.Actor(), 1) {
		t.Error(s.Actor)
	}
	l.expect(l.Outbox(), "spawn child, ask 1")
	l.add(wire.Item{Reply: &wire.Reply{Ask: 1, Result: ok("")}})
	if !l.Settled() || len(l.Outbox()) != 0 {
		t.Error("not settled")
	}
}

// Each new actor makes work on several nodes: few are made at a time.
func TestSpawnsAreBounded(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	for i := range MaxSpawning {
		l.must(l.Spawn(fmt.Sprint("child", i), wire.Link{}))
	}
	if err := l.Spawn("one more", wire.Link{}); !errors.Is(err, ErrFull) {
		t.Errorf("in the same message: %v", err)
	}
	l.Finish()
	l.add(clientAsk(1, 2, "x"))
	l.next(Ask)
	if err := l.Spawn("one more", wire.Link{}); !errors.Is(err, ErrFull) {
		t.Errorf("in the next message: %v", err)
	}
	l.Finish()
	l.add(wire.Item{Reply: &wire.Reply{Ask: 1, Result: ok("")}})
	l.add(clientAsk(1, 3, "x"))
	l.next(Ask)
	l.must(l.Spawn("one more", wire.Link{}))
}

// What a guest can make the state keep is bounded.
func TestFull(t *testing.T) {
	l := started(t)
	l.add(clientAsk(1, 1, "x"))
	l.next(Ask)
	big := make([]byte, wire.MaxPayload)
	sends := 0
	for l.Send("other", big) == nil {
		sends++
	}
	if sends != MaxCallBytes/wire.MaxPayload {
		t.Errorf("%d sends at once", sends)
	}
	l.Finish()
	l.add(clientAsk(1, 2, "x"))
	l.next(Ask)
	if err := l.Send("other", big); !errors.Is(err, ErrFull) {
		t.Errorf("the outbox takes more: %v", err)
	}
	timers := 0
	for timers < MaxTimers+1 {
		if _, err := l.SetTimer(time.Hour, 0); err != nil {
			break
		}
		timers++
	}
	if timers > MaxTimers {
		t.Error("any number of timers")
	}
}

// Clients that never move a floor are forgotten in time.
func TestForgetful(t *testing.T) {
	l := started(t)
	for i := range uint64(MaxTaken + 10) {
		l.add(wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{1}, i)}})
	}
	src := l.sources.all[sourceKey{session: [8]byte{1}}]
	if len(src.taken) != MaxTaken {
		t.Errorf("%d numbers are kept", len(src.taken))
	}
	for i := range MaxSessions + 10 {
		l.add(wire.Item{Message: &wire.Message{ID: wire.NewMessageID([8]byte{2, byte(i), byte(i >> 8)}, 1)}})
	}
	if n := len(l.sources.all); n > MaxSessions {
		t.Errorf("%d sessions are kept", n)
	}
	if _, there := l.sources.all[sourceKey{session: [8]byte{1}}]; there {
		t.Error("the oldest session is kept")
	}
}

// An upgrade brings an actor back that has failed too often, before anything else, but
// not one that stopped because it wanted to.
func TestUpgradeOfGivenUp(t *testing.T) {
	l := started(t)
	for i := range uint64(3) {
		l.add(clientAsk(1, i+1, "x"))
		l.next(Ask)
		l.Fail("trap")
	}
	l.nothing()
	if again, err := Decode(l.Encode()); err != nil || !again.givenUp {
		t.Fatalf("it is forgotten why it stopped: %v", err)
	}
	to := control(wire.VerbUpgrade, 1)
	to.Control.Module = l.Module()
	l.add(to)
	l.next(Upgrade)
	if err := l.Upgraded(); err != nil {
		t.Fatal(err)
	}
	l.Finish()
	l.add(clientAsk(1, 6, "x"))
	l.next(Ask)
	l.Finish()
	l.add(control(wire.VerbStop, 2))
	to = control(wire.VerbUpgrade, 3)
	to.Control.Module = l.Module()
	l.expect(l.add(to), "controlled: refused")
	l.nothing()
}
