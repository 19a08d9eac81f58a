package actors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// wires is the channels of a node on a bench, and a trace of what they do.
type wires struct {
	*channels
	t     *testing.T
	start time.Time
	at    wire.NodeID // where the receiver is
	trace []string
}

var (
	sender   = wire.ActorID{1}
	receiver = wire.ActorID{2}
)

func newWires(t *testing.T) *wires {
	w := &wires{channels: newChannels(), t: t, start: time.Unix(1000, 0), at: "a"}
	w.route = func(wire.ActorID, wire.NodeID) wire.NodeID { return w.at }
	w.send = func(to wire.NodeID, r wire.Request) {
		w.note("%s<-%d/%d", string(to), r.Message.Seq, r.Message.Floor)
	}
	w.find = func(name string) { w.note("find %s", name) }
	w.settle = func(_ wire.ActorID, i wire.Item) {
		if i.Ack != nil {
			w.note("settled %d", i.Ack.Seq)
		} else {
			w.note("reply %d %s", i.Reply.Ask, i.Reply.Result.Outcome)
		}
	}
	return w
}

func (w *wires) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *wires) now(ms int) time.Time { return w.start.Add(time.Duration(ms) * time.Millisecond) }

func (w *wires) sends(ms int, seq, ask uint64, target wire.ActorID) {
	m := wire.Message{ID: wire.ChannelID(sender, "r", seq), From: sender, Sender: "s", Seq: seq, Ask: ask != 0}
	w.put(w.now(ms), sender, mailbox.Sent{To: "r", Ask: ask, Message: m}, target)
}

func (w *wires) says(ms int, from wire.NodeID, seq uint64, phase wire.Phase) {
	r := wire.Response{Actor: receiver, ID: wire.ChannelID(sender, "r", seq), Phase: phase}
	if phase == wire.Answered {
		r.Result = &wire.Result{Outcome: wire.OK}
	}
	w.response(w.now(ms), from, r)
}

func (w *wires) want(what string, trace ...string) {
	w.t.Helper()
	if !slices.Equal(w.trace, trace) {
		w.t.Errorf("%s: %s, want %s", what, strings.Join(w.trace, ", "), strings.Join(trace, ", "))
	}
	w.trace = nil
}

func TestAChannelIsInOrder(t *testing.T) {
	w := newWires(t)
	for seq := range uint64(3) {
		w.sends(0, seq+1, 0, receiver)
	}
	w.want("sent", "a<-1/1", "a<-2/1", "a<-3/1")
	w.sends(0, 2, 0, receiver)
	w.want("known already")
	w.acked(w.now(1), wire.Ack{Actor: sender, To: "r", Seq: 1})
	w.want("the first is taken", "settled 1")
	w.tick(w.now(500))
	w.want("after a silence from the first that is not", "a<-2/2", "a<-3/2")
	w.at = "b"
	w.lost(w.now(510), "a")
	w.want("at once when the receiver's node dies", "b<-2/2", "b<-3/2")
	w.sends(511, 4, 0, receiver)
	w.want("one more", "b<-4/2")
	w.acked(w.now(520), wire.Ack{Actor: sender, To: "r", Seq: 4})
	w.want("all are taken", "settled 4")
	if len(w.open)+len(w.parcels) != 0 || !w.due.next().IsZero() {
		t.Error("something is left")
	}
}

func TestAChannelsAsks(t *testing.T) {
	w := newWires(t)
	w.sends(0, 1, 7, receiver)
	w.sends(0, 2, 8, receiver)
	w.want("sent", "a<-1/1", "a<-2/1")
	w.acked(w.now(1), wire.Ack{Actor: sender, To: "r", Seq: 2})
	w.want("taken", "settled 2")
	w.tick(w.now(1000))
	w.want("the replies may take longer")
	w.says(1001, "a", 2, wire.Answered)
	w.want("in any order", "reply 8 ok")
	w.tick(w.now(5000))
	w.want("asked for again", "a<-1/1")
	w.says(5001, "a", 1, wire.Answered)
	w.want("the other", "reply 7 ok")
	if len(w.open)+len(w.parcels) != 0 {
		t.Error("something is left")
	}
}

func TestAChannelToNobody(t *testing.T) {
	w := newWires(t)
	w.sends(0, 1, 0, wire.ActorID{})
	w.sends(0, 2, 9, wire.ActorID{})
	w.want("looked for once", "find r")
	w.resolved(w.now(10), "r", wire.ActorID{}, false)
	w.want("nobody is sure")
	w.tick(w.now(600))
	w.want("looked for again", "find r")
	w.resolved(w.now(610), "r", wire.ActorID{}, true)
	w.want("all are sure", "reply 9 not found", "settled 2")
	w.sends(700, 3, 0, wire.ActorID{})
	w.resolved(w.now(710), "r", receiver, false)
	w.want("there is one now", "find r", "a<-3/3")
	w.says(711, "a", 3, wire.Gone)
	w.want("removed: looked for anew", "find r")
	w.forget(sender)
	if len(w.open)+len(w.parcels) != 0 {
		t.Error("something is left")
	}
}
