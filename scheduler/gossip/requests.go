package gossip

import (
	"context"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// requestRate is how many requests of one node a second are passed on, and
	// requestBurst how many of them at once.
	requestRate, requestBurst = 50, 100
)

// PublishRequest asks all nodes for offers, with a sealed request of this node.
func (m *Mesh) PublishRequest(ctx context.Context, envelope []byte) error {
	return m.publish(ctx, envelope, func(t *topics) *pubsub.Topic { return t.requests })
}

// validateRequest decides about a message that claims to be a request for offers.
// Requests have no order, as each is for another attempt: that a message comes once
// is gossipsub's own doing, and that nobody drowns the others the rates'.
func (m *Mesh) validateRequest(_ context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	if len(msg.Data) > wire.MaxRequest {
		return pubsub.ValidationReject
	}
	r, err := open[wire.Request](msg.Data)
	if err != nil {
		m.cfg.Log.Debug("bad request", "from", from, "err", err)
		return pubsub.ValidationReject
	}
	now := time.Now()
	if r.Submitter == m.cfg.Self {
		return pubsub.ValidationAccept
	}
	if now.Sub(time.UnixMilli(r.Made)).Abs() > m.cfg.MaxSkew || !m.rates.allow(now, r.Submitter) {
		return pubsub.ValidationIgnore
	}
	m.cfg.Request(r)
	return pubsub.ValidationAccept
}

// rates bounds how much each node may say.
type rates struct {
	most int

	mu    sync.Mutex
	nodes map[wire.NodeID]*rate.Limiter
}

func newRates(most int) *rates { return &rates{most: most, nodes: make(map[wire.NodeID]*rate.Limiter)} }

// allow tells whether a node may say something now.
func (r *rates) allow(now time.Time, id wire.NodeID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.nodes[id]
	if l == nil {
		if len(r.nodes) >= r.most && !r.makeRoom(now) {
			return false
		}
		l = rate.NewLimiter(requestRate, requestBurst)
		r.nodes[id] = l
	}
	return l.AllowN(now, 1)
}

// makeRoom drops those who have been quiet: they may say all that a new one may.
func (r *rates) makeRoom(now time.Time) bool {
	for id, l := range r.nodes {
		if l.TokensAt(now) >= requestBurst {
			delete(r.nodes, id)
		}
	}
	return len(r.nodes) < r.most
}
