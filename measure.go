package godwit

import (
	"context"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// measureTimeout bounds what a scrape waits for the loop.
const measureTimeout = time.Second

// measure is what metrics ask for when they are scraped.
func (n *Node) measure() metrics.Now {
	ctx, cancel := context.WithTimeout(context.Background(), measureTimeout)
	defer cancel()
	n.offers.expire(n.metrics)
	actors := n.actors.Stats()
	now := metrics.Now{ActorsRunning: actors.Running, ActorsIdle: actors.Idle, ActorReplicas: actors.Replicas}
	err := n.ask(ctx, func() {
		stats := n.loop.submitter.Stats()
		for _, g := range n.loop.executor.Free().GPUs {
			now.GPUs++
			if !g.Available {
				now.GPUsBusy++
			}
		}
		now.Queued, now.Running = stats.Queued+stats.Placing, n.loop.executor.Runs()
		for _, node := range n.loop.submitter.Nodes() {
			if node.Out == "" {
				now.WorkersAvailable++
			}
			if node.Tasks > 0 {
				now.WorkersBusy++
			}
		}
	})
	if err != nil {
		n.log.Debug("measure", "err", err)
	}
	return now
}

// count counts what a change of a task says.
func (n *Node) count(t *scheduler.Task) {
	switch {
	case t.State.Ended():
		n.metrics.TaskEnded(string(t.State), string(t.Reason), t.Ended.Sub(t.Created))
	case t.State == scheduler.Queued && len(t.Attempts) == 0:
		n.metrics.TaskSubmitted()
	}
}

// offers are the reservations that this node has granted to others and that they
// have not taken up yet.
type offers struct {
	mu   sync.Mutex
	open map[scheduler.Run]time.Time
}

// offerLife is after what time a reservation that was not taken up counts as lost.
const offerLife = 10 * time.Second

// sent notes a message to another node.
func (o *offers) sent(to wire.NodeID, m wire.Message, set *metrics.Set) {
	var ref wire.Ref
	switch m := m.(type) {
	case wire.Reserved:
		ref = m.Ref
	case wire.Bid:
		ref = m.Ref
	default:
		return
	}
	o.expire(set)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = make(map[scheduler.Run]time.Time)
	}
	run := scheduler.Run{Submitter: to, Ref: ref}
	if _, again := o.open[run]; !again {
		o.open[run] = time.Now()
		set.OfferSent()
	}
}

// received notes a message from another node.
func (o *offers) received(from wire.NodeID, m wire.Message, set *metrics.Set) {
	var ref wire.Ref
	end := set.OfferLost
	switch m := m.(type) {
	case wire.Assign:
		ref, end = m.Ref, set.OfferWon
	case wire.Cancel:
		ref = m.Ref
	default:
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	run := scheduler.Run{Submitter: from, Ref: ref}
	if _, open := o.open[run]; open {
		delete(o.open, run)
		end()
	}
}

// expire counts as lost what nobody has come for. Offers are few: it is cheap.
func (o *offers) expire(set *metrics.Set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for run, at := range o.open {
		if time.Since(at) > offerLife {
			delete(o.open, run)
			set.OfferLost()
		}
	}
}
