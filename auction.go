package godwit

import (
	"context"
	"crypto/ed25519"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// answering is how many requests for offers are looked into at the same time, and
	// maxUnanswered how many wait for that; others are not answered.
	answering, maxUnanswered = 4, 256
	// strangers is how many requests a second are answered of nodes that this one is
	// not connected with, and maxStrangers how many of them at once. An answer has to
	// look for such a node, and dial it wherever it is said to be: nobody is to have
	// all nodes do so by one small message, again and again.
	strangers, maxStrangers = 10, 40
	// answerWithin bounds how long this node looks for what it has of a request's
	// data. What it has not found by then does not count.
	answerWithin = 50 * time.Millisecond
	// fetchAtLeast is how long it takes, as a guess, to fetch something of which
	// nothing is here, beyond two round trips.
	fetchAtLeast = 10 * time.Millisecond
	// heldFor is how long the answer to how much of something is here is good, and
	// maxHeld how many of them are kept.
	heldFor, maxHeld = 30 * time.Second, 4096
)

// bidder answers requests for offers.
type bidder struct {
	node      *Node
	requests  chan wire.Request
	strangers *rate.Limiter

	mu   sync.Mutex
	held map[cid.Cid]heldBytes
}

// heldBytes is how much of some content was here at a time.
type heldBytes struct {
	bytes uint64
	whole bool
	at    time.Time
}

func newBidder(n *Node) *bidder {
	return &bidder{
		node: n, requests: make(chan wire.Request, maxUnanswered), strangers: rate.NewLimiter(strangers, maxStrangers),
		held: make(map[cid.Cid]heldBytes),
	}
}

// run answers other nodes' requests until ctx is done.
func (b *bidder) run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	for range answering {
		workers.Go(func() {
			for {
				select {
				case q := <-b.requests:
					b.answer(ctx, q)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return nil
}

// ask signs a request of this node's and tells all nodes of it, itself included.
func (b *bidder) ask(q wire.Request) {
	n := b.node
	n.runs.background(func(ctx context.Context) {
		envelope, err := wire.Seal(q, ed25519.PrivateKey(n.folder.key))
		if err == nil {
			err = n.mesh.PublishRequest(ctx, envelope)
		}
		if err != nil { // the auction ends without the others
			n.log.Debug("ask for offers", "task", q.Task, "err", err)
		}
		b.answer(ctx, q)
	})
}

// hear takes another node's request, the signature of which was checked. It does not
// wait.
func (b *bidder) hear(q wire.Request) {
	if b.node.cfg.NoRun || !q.Asks(b.node.self) {
		return
	}
	if b.node.host.Network().Connectedness(peer.ID(q.Submitter)) != network.Connected && !b.strangers.Allow() {
		return
	}
	select {
	case b.requests <- q:
	default: // it has more to do than it can
	}
}

// answer gives a request to the executor's core, with what the core does not know.
func (b *bidder) answer(ctx context.Context, q wire.Request) {
	n := b.node
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	a := scheduler.Asked{
		Request: q, Vector: wire.Vector{Node: n.self, Region: n.cfg.Region, Labels: n.labels.all()},
		RTT: n.host.Peerstore().LatencyEWMA(peer.ID(q.Submitter)),
	}
	b.data(within, &a)
	select {
	case n.loop.events <- input{event: a}:
	case <-ctx.Done():
	case <-n.stopped:
	}
}

// data says how much is here of what a request wants near, and guesses how long it
// takes to fetch what the task reads.
func (b *bidder) data(ctx context.Context, a *scheduler.Asked) {
	q := &a.Request
	near := make(map[cid.Cid]bool)
	for _, l := range slices.Concat(q.Hints.Near, q.Hints.Require.Near) {
		if !near[l.Cid] {
			near[l.Cid] = true
			a.Held = min(a.Held+b.has(ctx, l.Cid).bytes, 1<<62)
		}
	}
	for _, l := range q.Hints.Require.Near {
		a.Lacks = a.Lacks || !b.has(ctx, l.Cid).whole
	}
	for _, l := range append([]wire.Link{q.Module}, q.Data...) {
		if !b.has(ctx, l.Cid).whole {
			a.Fetch = fetchAtLeast + 2*a.RTT // all at once
		}
	}
}

// has is how much of some content is here. It fetches nothing: a stranger may ask.
func (b *bidder) has(ctx context.Context, id cid.Cid) heldBytes {
	now := time.Now()
	b.mu.Lock()
	h, ok := b.held[id]
	b.mu.Unlock()
	if ok && now.Sub(h.at) < heldFor {
		return h
	}
	h = heldBytes{at: now}
	if here, err := b.node.store.Blockstore().Has(ctx, id); err == nil && here {
		h = b.stat(ctx, id, now)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.held) >= maxHeld {
		clear(b.held)
	}
	b.held[id] = h
	return h
}

// stat looks at content the root of which is here.
func (b *bidder) stat(ctx context.Context, id cid.Cid, now time.Time) heldBytes {
	info, err := b.node.store.Stat(ctx, id)
	if err != nil {
		b.node.log.Debug("look for data", "cid", id, "err", err)
		return heldBytes{at: now}
	}
	return heldOf(&info, now)
}

func heldOf(info *blobs.Info, now time.Time) heldBytes {
	return heldBytes{bytes: uint64(max(info.Bytes, 0)), whole: info.Missing == 0, at: now}
}
