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
	// doubt is called when one of several connections with a peer was closed.
	doubt func(peer.ID)

	mu        sync.Mutex
	connected map[peer.ID]bool
	ended     bool
	notifiee  network.NotifyBundle
}

func (w *watcher) begin(n network.Network) {
	w.notifiee = network.NotifyBundle{
		ConnectedF: func(n network.Network, c network.Conn) { w.look(n, c.RemotePeer()) },
		DisconnectedF: func(n network.Network, c network.Conn) {
			if w.look(n, c.RemotePeer()) {
				w.doubt(c.RemotePeer())
			}
		},
	}
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
// told, and returns whether there are any.
func (w *watcher) look(n network.Network, p peer.ID) (up bool) {
	if wire.NodeID(p).Validate() != nil {
		return false // not one of ours: nodes have Ed25519 keys
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	up = n.Connectedness(p) == network.Connected || n.Connectedness(p) == network.Limited
	if w.ended || w.connected[p] == up {
		return up && !w.ended
	}
	if up {
		w.connected[p] = true
	} else {
		delete(w.connected, p)
	}
	w.handler.Connection(wire.NodeID(p), up)
	return up
}
