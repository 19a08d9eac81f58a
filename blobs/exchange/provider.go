package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	// maxAnnouncing bounds the CIDs that wait to be announced. What does not fit
	// is announced at the next round.
	maxAnnouncing = 1 << 16
	// provideTimeout is how long one announcement may take.
	provideTimeout = time.Minute
	// retryMin and retryMax bound the wait after an announcement failed, as it
	// does while the router knows no peers.
	retryMin = time.Second
	retryMax = 5 * time.Minute
	// announcers is how many announcements go on at a time.
	announcers = 4
)

// provider tells the router what is here: what was added, and the roots at the
// start and every so often.
type provider struct {
	cfg   Config
	queue *queue
}

func newProvider(cfg Config) provider { return provider{cfg: cfg, queue: newQueue()} }

func (p provider) add(id cid.Cid) {
	if p.cfg.Router != nil {
		p.queue.push(id)
	}
}

// run announces until ctx ends.
func (p provider) run(ctx context.Context) {
	if p.cfg.Router == nil {
		<-ctx.Done()
		return
	}
	var all sync.WaitGroup
	for range announcers {
		all.Go(func() { p.announce(ctx) })
	}
	p.rounds(ctx)
	all.Wait()
}

// rounds queues the roots again and again.
func (p provider) rounds(ctx context.Context) {
	tick := time.NewTicker(p.cfg.ReprovideEvery)
	defer tick.Stop()
	for {
		p.round()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p provider) round() {
	p.queue.forget()
	if p.cfg.Roots == nil {
		return
	}
	for id, err := range p.cfg.Roots() {
		if err != nil {
			return // the store is closing or broken, and says so itself
		}
		p.queue.push(id)
	}
}

// announce takes CIDs from the queue. After a failure it waits, longer each
// time, and tries the same one again.
func (p provider) announce(ctx context.Context) {
	wait := retryMin
	for {
		id, ok := p.queue.pop(ctx)
		if !ok {
			return
		}
		if p.provide(ctx, id) == nil {
			p.queue.settle(id)
			wait = retryMin
			continue
		}
		p.queue.push(id)
		select {
		case <-time.After(wait):
			wait = min(2*wait, retryMax)
		case <-ctx.Done():
			return
		}
	}
}

func (p provider) provide(ctx context.Context, id cid.Cid) error {
	ctx, cancel := context.WithTimeout(ctx, provideTimeout)
	defer cancel()
	return p.cfg.Router.Provide(ctx, id, true)
}

// queue is CIDs in the order they came, each once, by multihash.
type queue struct {
	mu      sync.Mutex
	ids     []cid.Cid
	queued  map[string]bool
	settled map[string]bool // announced in this round, up to maxAnnouncing
	wake    chan struct{}   // has room for one: somebody is to look
}

func newQueue() *queue {
	return &queue{queued: map[string]bool{}, settled: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// settle has further pushes of a CID ignored, until forget.
func (q *queue) settle(id cid.Cid) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.settled) < maxAnnouncing {
		q.settled[string(id.Hash())] = true
	}
}

func (q *queue) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.settled)
}

// push adds a CID unless it is there already, settled, or the queue is full.
func (q *queue) push(id cid.Cid) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if key := string(id.Hash()); q.queued[key] || q.settled[key] || len(q.ids) >= maxAnnouncing {
		return
	}
	q.queued[string(id.Hash())] = true
	q.ids = append(q.ids, id)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for a CID; ok is false when ctx ends.
func (q *queue) pop(ctx context.Context) (id cid.Cid, ok bool) {
	for {
		if id, ok := q.take(); ok {
			return id, true
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return cid.Undef, false
		}
	}
}

func (q *queue) take() (cid.Cid, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ids) == 0 {
		return cid.Undef, false
	}
	id := q.ids[0]
	q.ids = q.ids[1:]
	delete(q.queued, string(id.Hash()))
	if len(q.ids) > 0 {
		q.signal() // for the next one who waits
	}
	return id, true
}
