package transport

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	// leastPatience and mostPatience bound how long a peer has to answer that is
	// doubted.
	leastPatience = 60 * time.Millisecond
	mostPatience  = 2 * time.Second
	// patienceRTTs is the same in round trips, as last measured.
	patienceRTTs = 4
)

// doubt asks a peer, of which a connection was closed while others stay, whether it
// still answers, and else closes those too. When a process is killed the kernel closes
// its TCP connections at once; of a QUIC connection nobody would learn for seconds.
func (t *Transport) doubt(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running || t.doubted[p] {
		return
	}
	t.doubted[p] = true
	t.workers.Go(func() {
		gone := !t.answers(p)
		t.mu.Lock()
		delete(t.doubted, p)
		t.mu.Unlock()
		if !gone || t.ctx.Err() != nil {
			return
		}
		if err := t.cfg.Host.Network().ClosePeer(p); err != nil {
			t.cfg.Log.Debug("close what is left of a connection", "node", p, "err", err)
		}
	})
}

func (t *Transport) answers(p peer.ID) bool {
	patience := patienceRTTs * t.cfg.Host.Peerstore().LatencyEWMA(p)
	ctx, cancel := context.WithTimeout(t.ctx, min(max(patience, leastPatience), mostPatience))
	defer cancel()
	r, ok := <-ping.Ping(network.WithNoDial(ctx, "doubt"), t.cfg.Host, p)
	return ok && r.Error == nil
}
