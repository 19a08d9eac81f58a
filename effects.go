package godwit

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// send carries out a message of a core. One to this node itself goes to its other
// core. What cannot be sent is dropped: the cores send again what matters.
func (n *Node) send(m scheduler.Outgoing) {
	if m.To == n.self {
		n.tell(scheduler.Received{From: n.self, Message: m.Message})
		return
	}
	n.offers.sent(m.To, m.Message, n.metrics)
	if err := n.links.send(peer.ID(m.To), m.Message); err != nil {
		n.log.Debug("send", "to", m.To, "err", err)
	}
}

// tell has the loop step an event of the node's own.
func (n *Node) tell(ev scheduler.Event) {
	in := input{event: ev}
	if r, ok := ev.(scheduler.Received); ok {
		in.done = n.afterwards(r)
	}
	select {
	case n.loop.own <- in:
	case <-n.stopped:
	}
}

// afterwards is what this shell does once a message has been stepped, nil if
// nothing.
func (n *Node) afterwards(r scheduler.Received) func(error) {
	if ack, ok := r.Message.(wire.Ack); ok {
		return func(error) { n.runs.acknowledged(scheduler.Run{Submitter: r.From, Ref: ack.Ref}) }
	}
	return nil
}

// receive takes a message from a peer. It waits while the node is busy: so the
// peer feels it.
func (n *Node) receive(ctx context.Context, from peer.ID, body wire.Body) error {
	m, ok := body.(wire.Message)
	if !ok {
		return errors.New("a record where a message must be")
	}
	r := scheduler.Received{From: wire.NodeID(from), Message: m}
	n.offers.received(r.From, m, n.metrics)
	n.watcher.hears(r.From)
	select {
	case n.loop.events <- input{event: r, done: n.afterwards(r)}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.stopped:
		return api.ErrUnavailable
	}
}

// connection is told when the first connection with a peer comes and when the last
// one goes.
func (n *Node) connection(p peer.ID, connected bool) {
	if wire.NodeID(p).Validate() != nil {
		return // not one of ours: nodes have Ed25519 keys
	}
	if connected {
		n.tell(scheduler.Connected{Node: wire.NodeID(p)})
		n.runs.background(func(ctx context.Context) {
			if err := n.askModels(ctx, p); err != nil {
				n.log.Debug("ask for models", "peer", p, "err", err)
			}
		})
		return
	}
	n.tell(scheduler.Disconnected{Node: wire.NodeID(p)})
	n.watcher.disconnected(p)
}

// recognized is told of each connected peer that is a node, maybe more than once.
func (n *Node) recognized(p peer.ID) {
	if wire.NodeID(p).Validate() != nil {
		return
	}
	if spoken, err := n.host.Peerstore().SupportsProtocols(p, protocolWatch); err == nil && len(spoken) > 0 {
		n.watcher.knocker.remember(p)
		n.watcher.connected(p)
	}
}

// effect carries out an effect of a core, on the committer's goroutine: whatever
// takes long gets a goroutine.
func (n *Node) effect(e scheduler.Effect) {
	switch e := e.(type) {
	case scheduler.Changed:
		n.changed(&e.Task)
	case scheduler.Write:
		if err := n.logbook.append(e); err != nil {
			n.log.Error("keep output", "task", e.Task, "err", err)
		}
	case scheduler.Used: // nobody asks yet
	case scheduler.Start:
		n.runs.start(e)
	case scheduler.Stop:
		n.runs.stop(e.Run)
	case scheduler.Granted:
		if c := n.runs.control(e.Run); c != nil {
			c.grant(e.Grant)
		}
	case scheduler.Yield:
		if c := n.runs.control(e.Run); c != nil {
			c.yield()
		}
	case scheduler.Resumed:
		n.resumed(e)
	case scheduler.Drop:
		n.runs.drop(e)
	case scheduler.Collect:
		n.runs.collect(e)
	case scheduler.Ask:
		n.bidder.ask(e.Request)
	case scheduler.Auctioned:
		n.metrics.Selected(e.Took, e.Score)
	}
}

// changed tells those who want to know that a task has changed its state.
func (n *Node) changed(t *scheduler.Task) {
	if t.State.Ended() {
		n.logbook.end(t.ID)
		n.holds.remove(t.ID)
		n.waiters.end(t)
	}
	n.count(t)
	n.publish(t)
}

// resumed tells that a task has gone on from a checkpoint.
func (n *Node) resumed(e scheduler.Resumed) {
	n.metrics.TaskResumed()
	n.publish(&e.Task)
}

// publish puts a change of a task into the feed of events.
func (n *Node) publish(t *scheduler.Task) {
	task := n.apiTask(t)
	task.History = nil
	n.feed.Publish(api.Event{Type: api.EventTask, Time: time.Now().UTC(), Task: &task})
}

// Events implements the API's backend.
func (n *Node) Events(ctx context.Context, after uint64) iter.Seq[api.Event] {
	return n.feed.Events(ctx, after)
}
