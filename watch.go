package godwit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// protocolWatch is the protocol of pings between nodes, framed as task messages are.
const protocolWatch protocol.ID = "/godwit/watch/1"

const (
	// findPartners is how often the node looks with whom it shares work, and
	// keepPartner how long it watches one after that.
	findPartners = 200 * time.Millisecond
	keepPartner  = 15 * time.Second
	// hearAgain is the least time between two signs of life of one node, besides
	// pings, that the detector is told of.
	hearAgain = 100 * time.Millisecond
	// keepConnection is the name under which connections with those that are watched
	// are kept from being closed to make room.
	keepConnection = "watched"
)

// watcher is the shell of the failure detector: it watches the nodes that this one
// shares work with.
type watcher struct {
	host     host.Host
	log      *slog.Logger
	metrics  *metrics.Set
	core     *detect.Detector
	links    *links
	knocker  *knocker
	partners func(ctx context.Context) map[wire.NodeID]bool
	tell     func(scheduler.Event)

	events  chan detect.Event
	closed  chan wire.NodeID          // nodes whose last connection has closed
	members chan map[wire.NodeID]bool // who shares work
	over    chan struct{}             // closed when run is

	// shared is when each node that is watched last shared work; of the goroutine of
	// run.
	shared map[wire.NodeID]time.Time

	mu    sync.Mutex
	heard map[wire.NodeID]time.Time
}

func newWatcher(n *Node) (*watcher, error) {
	core, err := detect.New(n.cfg.detector(n.self, n.announcer.started))
	if err != nil {
		return nil, err
	}
	return &watcher{
		host: n.host, log: n.log, metrics: n.metrics, core: core, knocker: newKnocker(n.host), partners: n.partners, tell: n.tell,
		events: make(chan detect.Event, 1024), closed: make(chan wire.NodeID, 256),
		members: make(chan map[wire.NodeID]bool), over: make(chan struct{}),
		shared: make(map[wire.NodeID]time.Time), heard: make(map[wire.NodeID]time.Time),
	}, nil
}

// connected is told of a peer that speaks this protocol, and that there is a
// connection with it.
func (w *watcher) connected(p peer.ID) { w.event(detect.Connected{Node: wire.NodeID(p)}) }

// disconnected is told when the last connection with a peer has closed.
func (w *watcher) disconnected(p peer.ID) {
	select {
	case w.closed <- wire.NodeID(p):
	case <-w.over:
	}
}

// hears is told of any message of a node.
func (w *watcher) hears(node wire.NodeID) {
	now := time.Now()
	w.mu.Lock()
	last, watched := w.heard[node]
	news := watched && now.Sub(last) >= hearAgain
	if news {
		w.heard[node] = now
	}
	w.mu.Unlock()
	if news {
		select {
		case w.events <- detect.Heard{Node: node}:
		default: // pings say it too
		}
	}
}

func (w *watcher) event(ev detect.Event) {
	select {
	case w.events <- ev:
	case <-w.over:
	}
}

// receive takes a message of the protocol from a peer.
func (w *watcher) receive(ctx context.Context, from peer.ID, body wire.Body) error {
	switch m := body.(type) {
	case wire.Ping, wire.Pong:
		select {
		case w.events <- detect.Received{From: wire.NodeID(from), Message: m.(wire.Message)}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%T where a ping must be", body)
}

// run watches until ctx is done.
func (w *watcher) run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	defer close(w.over)
	w.links = newLinks(protocolWatch, w.host, w.log, w.receive)
	defer w.links.close()
	work.Go(func() { w.findPartners(ctx) })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-w.events:
			w.step(ctx, &work, ev)
		case members := <-w.members:
			w.share(ctx, &work, members)
		case <-timer.C:
			w.step(ctx, &work, detect.Tick{})
		}
		if at := w.core.Deadline(); !at.IsZero() {
			timer.Reset(max(0, time.Until(at)))
		}
	}
}

// findPartners looks with whom this node shares work, again and again and before a
// closed connection is judged.
func (w *watcher) findPartners(ctx context.Context) {
	tick := time.NewTicker(findPartners)
	defer tick.Stop()
	for {
		var gone []wire.NodeID
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case id := <-w.closed:
			gone = append(gone, id)
		}
		select {
		case w.members <- w.partners(ctx):
		case <-ctx.Done():
			return
		}
		for _, id := range gone {
			w.event(detect.Disconnected{Node: id})
		}
	}
}

// share notes who shares work now, and watches those who did so lately, and no others.
func (w *watcher) share(ctx context.Context, work *sync.WaitGroup, members map[wire.NodeID]bool) {
	now := time.Now()
	for id := range members {
		w.shared[id] = now
	}
	for id, at := range w.shared {
		if now.Sub(at) > keepPartner && !w.standsStill(id) {
			delete(w.shared, id)
			w.listen(id, false)
			w.host.ConnManager().Unprotect(peer.ID(id), keepConnection)
			w.step(ctx, work, detect.Unwatch{Node: id})
			continue
		}
		if w.listen(id, true) {
			w.host.ConnManager().Protect(peer.ID(id), keepConnection)
			w.step(ctx, work, detect.Watch{Node: id})
		}
	}
}

// standsStill tells whether a node is thought dead, or nearly so, that has not closed
// its connection: when it goes on, nobody else will say so.
func (w *watcher) standsStill(id wire.NodeID) bool {
	c, ok := w.core.State(id)
	return ok && c.State != detect.Alive && w.host.Network().Connectedness(peer.ID(id)) == network.Connected
}

// listen says whether signs of life of a node are wanted, and tells whether that is
// new.
func (w *watcher) listen(id wire.NodeID, on bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, was := w.heard[id]
	if !on {
		delete(w.heard, id)
	} else if !was {
		w.heard[id] = time.Time{}
	}
	return on && !was
}

// step steps the core and carries out what it wants.
func (w *watcher) step(ctx context.Context, work *sync.WaitGroup, ev detect.Event) {
	ready := w.core.Step(time.Now(), ev)
	for _, m := range ready.Messages {
		if err := w.links.send(peer.ID(m.To), m.Message); err != nil {
			w.log.Debug("ping", "peer", m.To, "err", err)
		}
	}
	for _, id := range ready.Knocks {
		work.Go(func() { w.event(detect.Knocked{Node: id, Outcome: w.knocker.knock(ctx, peer.ID(id))}) })
	}
	for _, c := range ready.Changes {
		w.changed(c)
	}
}

// changed tells the cores of a change.
func (w *watcher) changed(c detect.Change) {
	w.log.Debug("peer", "id", c.Node, "is", c.State, "heard", time.Since(c.Heard).Round(time.Millisecond))
	switch c.State {
	case detect.Suspect:
		w.metrics.PeerSuspected()
		w.tell(scheduler.Suspected{Node: c.Node})
	case detect.Dead:
		w.metrics.PeerDied()
		w.log.Info("a node that shares work is dead, or cannot be reached", "id", c.Node)
		w.tell(scheduler.Lost{Node: c.Node})
	case detect.Alive:
		w.tell(scheduler.Recovered{Node: c.Node})
	}
}

// partners are the nodes that this one shares work with. It does not wait for the
// disk.
func (n *Node) partners(ctx context.Context) map[wire.NodeID]bool {
	found := make(chan map[wire.NodeID]bool, 1)
	in := input{ask: func() {
		list := make(map[wire.NodeID]bool)
		for id := range n.loop.submitter.Partners() {
			list[id] = true
		}
		for id := range n.loop.executor.Partners() {
			list[id] = true
		}
		delete(list, n.self)
		found <- list
	}}
	select {
	case n.loop.own <- in:
	case <-ctx.Done():
		return nil
	case <-n.stopped:
		return nil
	}
	select {
	case list := <-found:
		return list
	case <-ctx.Done():
	case <-n.stopped:
	}
	return nil
}
