package godwit

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// rttEvery is the time between measurements of the round trip to one node.
	rttEvery = 15 * time.Second
	// rttCheck is how soon a new connection is measured.
	rttCheck = time.Second
	// rttTimeout bounds one measurement.
	rttTimeout = 5 * time.Second
	// maxPings is how many nodes are measured at the same time.
	maxPings = 8
	// pingRounds is how many round trips make a measurement, of which the shortest
	// counts: the first one also agrees on the protocol.
	pingRounds = 3
)

// measureRTT measures the round trips to the nodes that this one is connected
// with, until ctx is done.
func (n *Node) measureRTT(ctx context.Context) error {
	var pings sync.WaitGroup
	defer pings.Wait()
	tick := time.NewTicker(rttCheck)
	defer tick.Stop()
	free := make(chan struct{}, maxPings)
	measured := make(map[peer.ID]time.Time)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, p := range n.dueForRTT(measured) {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			pings.Go(func() {
				defer func() { <-free }()
				n.pingNode(ctx, p)
			})
		}
	}
}

// dueForRTT are the connected nodes that were not measured lately, noted as
// measured; those that have gone are forgotten.
func (n *Node) dueForRTT(measured map[peer.ID]time.Time) (due []peer.ID) {
	connected := make(map[peer.ID]bool)
	for _, p := range n.host.Network().Peers() {
		connected[p] = true
		if time.Since(measured[p]) > rttEvery && wire.NodeID(p).Validate() == nil {
			measured[p] = time.Now()
			due = append(due, p)
		}
	}
	for p := range measured {
		if !connected[p] {
			delete(measured, p)
		}
	}
	return due
}

func (n *Node) pingNode(ctx context.Context, p peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, rttTimeout)
	defer cancel()
	best := time.Duration(0)
	results := ping.Ping(ctx, n.host, p)
	for range pingRounds {
		r, ok := <-results
		if !ok || r.Error != nil {
			break
		}
		if best == 0 || r.RTT < best {
			best = r.RTT
		}
	}
	if best > 0 {
		n.tell(scheduler.Measured{Node: wire.NodeID(p), RTT: best})
		n.watcher.event(detect.Measured{Node: wire.NodeID(p), RTT: best})
	}
}
