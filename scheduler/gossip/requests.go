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
	// requestBurst how many of them at once. A large one counts as several: one for
	// each requestSize bytes that it has begun.
	requestRate, requestBurst, requestSize = 50, 100, 1 << 10
	// maxRequests is of how many requests it is remembered that they came.
	maxRequests = 1 << 16
)

// PublishRequest asks all nodes for offers, with a sealed request of this node.
func (m *Mesh) PublishRequest(ctx context.Context, envelope []byte) error {
	return m.publish(ctx, envelope, func(t *topics) *pubsub.Topic { return t.requests })
}

// validateRequest decides about a message that claims to be a request for offers.
// Each counts once, however often it is played again: gossipsub itself remembers
// messages for two minutes only, and clocks may be off by more.
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
	if now.Sub(time.UnixMilli(r.Made)).Abs() > m.cfg.MaxSkew || !m.rates.allow(now, &r, len(msg.Data)) {
		return pubsub.ValidationIgnore
	}
	m.cfg.Request(r)
	return pubsub.ValidationAccept
}

// rates bounds how much each node may ask, and sees to it that it asks it once.
type rates struct {
	most int

	mu    sync.Mutex
	nodes map[wire.NodeID]*rate.Limiter
	came  map[asked]bool
	order []asked // in which they came, around from next
	next  int
}

// asked names a request: there is one for each attempt.
type asked struct {
	submitter wire.NodeID
	ref       wire.Ref
}

func newRates(most int) *rates {
	return &rates{most: most, nodes: make(map[wire.NodeID]*rate.Limiter), came: make(map[asked]bool)}
}

// allow tells whether a request of so many bytes is new, and its node may ask now.
// One that is not new costs its node nothing: anybody may have sent it again.
func (r *rates) allow(now time.Time, q *wire.Request, size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	it := asked{q.Submitter, q.Ref}
	if r.came[it] {
		return false
	}
	l := r.nodes[q.Submitter]
	if l == nil {
		if len(r.nodes) >= r.most && !r.makeRoom(now) {
			return false
		}
		l = rate.NewLimiter(requestRate, requestBurst)
		r.nodes[q.Submitter] = l
	}
	if !l.AllowN(now, 1+size/requestSize) {
		return false
	}
	r.note(it)
	return true
}

// note remembers that a request came, and forgets the oldest if there are too many.
func (r *rates) note(it asked) {
	r.came[it] = true
	if len(r.order) < maxRequests {
		r.order = append(r.order, it)
		return
	}
	delete(r.came, r.order[r.next])
	r.order[r.next] = it
	r.next = (r.next + 1) % maxRequests
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
