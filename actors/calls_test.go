package actors

import (
	"errors"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// desk is the calls of a node on a bench: what they send, and whom they are told to ask.
type desk struct {
	t      *testing.T
	calls  *calls
	start  time.Time
	leader wire.NodeID
	other  wire.NodeID
	sent   []wire.NodeID
	sought int
	ended  bool
	err    error
}

var (
	deskActor = wire.ActorID{1}
	deskID    = wire.MessageID{2}
)

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, start: time.Unix(1000, 0), leader: "a", other: "b"}
	route := func(_ wire.ActorID, avoid wire.NodeID) wire.NodeID {
		if d.leader == avoid {
			return d.other
		}
		return d.leader
	}
	d.calls = newCalls("me", route, func(to wire.NodeID, _ wire.Request) { d.sent = append(d.sent, to) })
	d.calls.seek = func(time.Time, wire.ActorID) { d.sought++ }
	return d
}

func (d *desk) at(ms int) time.Time { return d.start.Add(time.Duration(ms) * time.Millisecond) }

func (d *desk) ask(ms, deadline int) {
	d.calls.begin(d.at(ms), &call{
		request: wire.Request{Actor: deskActor}, id: deskID, ask: true, deadline: d.at(deadline),
		done: func(_ *wire.Result, err error) { d.ended, d.err = true, err },
	})
}

func (d *desk) says(ms int, from wire.NodeID, phase wire.Phase) {
	r := wire.Response{Actor: deskActor, ID: deskID, Phase: phase}
	if phase == wire.Answered {
		r.Result = &wire.Result{Outcome: wire.OK}
	}
	d.calls.response(d.at(ms), from, r)
}

// sends checks what was sent since it was looked last.
func (d *desk) sends(what string, want ...wire.NodeID) {
	d.t.Helper()
	same := len(d.sent) == len(want)
	for i := range want {
		same = same && d.sent[i] == want[i]
	}
	if !same {
		d.t.Errorf("%s: sent to %v, want %v", what, d.sent, want)
	}
	d.sent = nil
}

func TestACallIsAnswered(t *testing.T) {
	d := newDesk(t)
	d.ask(0, 10_000)
	d.sends("at first", "a")
	d.says(3, "a", wire.Acknowledged)
	d.calls.tick(d.at(1000))
	d.sends("acknowledged, it waits")
	d.says(1001, "a", wire.Answered)
	if !d.ended || d.err != nil || len(d.calls.open) != 0 || !d.calls.due.next().IsZero() {
		t.Errorf("it ended %v with %v", d.ended, d.err)
	}
}

func TestACallGoesOnElsewhere(t *testing.T) {
	d := newDesk(t)
	d.ask(0, 10_000)
	d.sends("at first", "a")
	d.calls.tick(d.at(400))
	d.sends("after a silence, to another", "b")
	d.leader = "c"
	d.says(410, "b", wire.Redirected)
	d.sends("at once where it is redirected", "c")
	d.says(411, "b", wire.Redirected)
	d.sends("not by who was not asked last")
	d.says(415, "c", wire.Acknowledged)
	d.leader = "d"
	d.calls.lost(d.at(420), "c")
	d.sends("at once when its node dies, acknowledged or not", "d")
	d.says(425, "d", wire.Busy)
	d.calls.tick(d.at(430))
	d.sends("busy: not at once")
	d.calls.tick(d.at(450))
	d.sends("busy: a moment later", "d")
	d.says(451, "d", wire.Answered)
	if !d.ended || d.err != nil {
		t.Errorf("it ended %v with %v", d.ended, d.err)
	}
}

func TestACallEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		phase wire.Phase
		want  error
	}{
		{"nothing is heard", 0, ErrTimeout},
		{"no majority", wire.Unavailable, ErrUnavailable},
		{"too much waits", wire.Busy, ErrBusy},
	} {
		d := newDesk(t)
		d.ask(0, 30)
		if c.phase != 0 {
			d.says(5, "a", c.phase)
		}
		for ms := 10; ms <= 30; ms += 10 {
			d.calls.tick(d.at(ms))
		}
		if !d.ended || !errors.Is(d.err, c.want) {
			t.Errorf("%s: it ended %v with %v, want %v", c.name, d.ended, d.err, c.want)
		}
	}
	d := newDesk(t)
	d.ask(0, 30)
	d.says(1, "a", wire.Gone)
	if !errors.Is(d.err, ErrNotFound) {
		t.Errorf("a removed actor: %v", d.err)
	}
}

// Who hears for too long that there is no majority, or has nobody to ask, waits no
// longer, whatever the deadline; a silence on the way says nothing.
func TestACallIsUnavailable(t *testing.T) {
	for _, c := range []struct {
		name string
		// says is what the node that is asked says to the n-th question; 0: nothing.
		says func(n int) wire.Phase
		// nodes are there to be asked.
		nodes  bool
		within [2]int // ms; none: it goes on
		want   error
	}{
		{"no majority", func(int) wire.Phase { return wire.Unavailable }, true, [2]int{1400, 1700}, errFew},
		{"nobody to ask", nil, false, [2]int{1400, 1700}, errNobody},
		{"nobody has it", func(int) wire.Phase { return wire.Redirected }, true, [2]int{1400, 2000}, errFew},
		{"it is being elected now and then", func(n int) wire.Phase { return []wire.Phase{wire.Unavailable, 0}[n/10%2] }, true, [2]int{}, nil},
		{"it is busy now and then", func(n int) wire.Phase { return []wire.Phase{wire.Unavailable, wire.Busy}[n/20%2] }, true, [2]int{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			if !c.nodes {
				d.leader, d.other = "", ""
			}
			d.ask(0, 30_000)
			asked, ms := 0, 0
			for ; ms < 8000 && !d.ended; ms++ {
				for ; asked < len(d.sent) && !d.ended; asked++ {
					if phase := c.says(asked); phase != 0 {
						d.says(ms, d.sent[asked], phase)
					}
				}
				d.calls.tick(d.at(ms))
			}
			if d.err != c.want || d.ended && (ms < c.within[0] || ms > c.within[1]) {
				t.Errorf("it ended %v after %d ms with %v, want %v", d.ended, ms, d.err, c.want)
			}
			if c.want != nil && d.sought == 0 {
				t.Error("it was not looked for anew")
			}
		})
	}
}

// Who redirects in circles is not followed for ever without a pause.
func TestACallIsNotSentInCircles(t *testing.T) {
	d := newDesk(t)
	d.ask(0, 10_000)
	for range 100 {
		d.says(1, d.sent[len(d.sent)-1], wire.Redirected)
	}
	if len(d.sent) > maxHops+2 {
		t.Errorf("sent %d times at one moment", len(d.sent))
	}
}
