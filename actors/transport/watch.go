package transport

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// watcher tells the handler of connections as they come and go, at once: libp2p's
// event bus would do as well, but a moment later.
type watcher struct {
	handler actors.Handler

	mu        sync.Mutex
	connected map[peer.ID]bool
	ended     bool
	notifiee  network.NotifyBundle
}

func (w *watcher) begin(n network.Network) {
	look := func(n network.Network, c network.Conn) { w.look(n, c.RemotePeer()) }
	w.notifiee = network.NotifyBundle{ConnectedF: look, DisconnectedF: look}
	n.Notify(&w.notifiee)
	for _, p := range n.Peers() {
		w.look(n, p)
	}
}

// end has the handler called no more.
func (w *watcher) end(n network.Network) {
	n.StopNotify(&w.notifiee)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// look tells the handler if the connections with a peer are not as they were last
// told.
func (w *watcher) look(n network.Network, p peer.ID) {
	if wire.NodeID(p).Validate() != nil {
		return // not one of ours: nodes have Ed25519 keys
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	up := n.Connectedness(p) == network.Connected || n.Connectedness(p) == network.Limited
	if w.ended || w.connected[p] == up {
		return
	}
	if up {
		w.connected[p] = true
	} else {
		delete(w.connected, p)
	}
	w.handler.Connection(wire.NodeID(p), up)
}
