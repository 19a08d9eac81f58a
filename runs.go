package godwit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// collectTimeout bounds how long a node tries to get the outputs of a task.
	collectTimeout = 50 * time.Second
	// slowLink is how long a run waits for a slow link to take its live output,
	// before it leaves the rest to the result.
	slowLink = 5 * time.Second
)

// runs are the attempts that run on this node, and whatever else it does in the
// background that ends by itself.
type runs struct {
	node           *Node
	collectTimeout time.Duration // collectTimeout, but in tests

	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu    sync.Mutex
	going map[scheduler.Run]*control
	kept  map[scheduler.Run][]wire.Link // what is pinned until it is acknowledged
}

func newRuns(n *Node) *runs {
	r := &runs{node: n, collectTimeout: collectTimeout, going: make(map[scheduler.Run]*control), kept: make(map[scheduler.Run][]wire.Link)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// close stops all runs and waits for them.
func (r *runs) close() {
	r.cancel()
	r.workers.Wait()
}

// start runs an attempt. Its end is told to the executor's core.
func (r *runs) start(s scheduler.Start) {
	ctx, cancel := context.WithCancel(r.ctx)
	if !s.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(r.ctx, s.Deadline)
	}
	c := newControl(cancel, r.live(ctx, s.Run), r.teller(s.Submitter))
	r.mu.Lock()
	r.going[s.Run] = c
	r.mu.Unlock()
	r.workers.Go(func() {
		outcome := r.node.execution.run(ctx, s, c)
		cancel()
		r.mu.Lock()
		delete(r.going, s.Run)
		if links := named(&outcome); len(links) > 0 {
			r.kept[s.Run] = links
		}
		r.mu.Unlock()
		r.node.tell(scheduler.Ended{Run: s.Run, Outcome: outcome})
	})
}

// stop ends a run soon.
func (r *runs) stop(run scheduler.Run) {
	if c := r.control(run); c != nil {
		c.cancel()
	}
}

// control is that of a run that goes on, or nil.
func (r *runs) control(run scheduler.Run) *control {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.going[run]
}

// teller sends what a run has to say to its submitter. What cannot be sent is dropped: it
// is said again.
func (r *runs) teller(submitter wire.NodeID) func(wire.Message) {
	return func(m wire.Message) { r.node.send(scheduler.Outgoing{To: submitter, Message: m}) }
}

// drop tells nodes that checkpoints of a task are of no more use. Whoever does not hear
// of it lets them expire.
func (r *runs) drop(d scheduler.Drop) {
	for _, id := range d.Keepers {
		r.background(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, dropTime)
			defer cancel()
			if err := r.node.keeper.forget(ctx, id, d.Task); err != nil {
				r.node.log.Debug("drop checkpoints", "task", d.Task, "node", id, "err", err)
			}
		})
	}
}

// dropTime bounds telling a node that checkpoints are of no more use.
const dropTime = 10 * time.Second

// named are the blobs that an outcome names.
func named(o *wire.Outcome) (links []wire.Link) {
	for _, l := range []wire.Link{o.Output, o.Stdout.Link, o.Stderr.Link} {
		if l.Defined() {
			links = append(links, l)
		}
	}
	return links
}

// acknowledged lets go of what a run has left: its submitter has it.
func (r *runs) acknowledged(run scheduler.Run) {
	r.mu.Lock()
	links := r.kept[run]
	delete(r.kept, run)
	r.mu.Unlock()
	if len(links) == 0 {
		return
	}
	r.background(func(context.Context) {
		for _, l := range links {
			if err := r.node.store.Unpin(l.Cid, pinOf(run)); err != nil && !errors.Is(err, blobs.ErrNotPinned) {
				r.node.log.Error("let go of output", "run", run, "err", err)
			}
		}
	})
}

// background does something that ends soon after ctx is done.
func (r *runs) background(f func(ctx context.Context)) {
	r.workers.Go(func() { f(r.ctx) })
}

// live sends output of a run to its submitter. When the link is slow the guest has
// to wait for it, but not for long.
func (r *runs) live(ctx context.Context, run scheduler.Run) liveOutput {
	n := r.node
	return func(s wire.Stream, offset uint64, data []byte) bool {
		m := wire.Output{Ref: run.Ref, Stream: s, Offset: offset, Data: data}
		if run.Submitter == n.self {
			n.tell(scheduler.Received{From: n.self, Message: m})
			return true
		}
		for end := time.Now().Add(slowLink); ; {
			err := n.links.send(peer.ID(run.Submitter), m)
			if err == nil || !errors.Is(err, errLinkFull) || time.Now().After(end) {
				return err == nil
			}
			select {
			case <-ctx.Done():
				return false
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// collect fetches what a result names, so that it outlives the node that made it.
func (r *runs) collect(c scheduler.Collect) {
	r.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, r.collectTimeout)
		defer cancel()
		words := ""
		if err := r.collectAll(ctx, c); err != nil {
			words = clip(err.Error(), wire.MaxDetail)
		}
		r.node.announcer.pinsChanged()
		r.node.tell(scheduler.Collected{Ref: c.Ref, Err: words})
	})
}

func (r *runs) collectAll(ctx context.Context, c scheduler.Collect) error {
	store := r.node.store
	for _, l := range c.Links {
		err := store.Pin(blobs.Pin{Name: resultPin + c.Task.String(), Reason: "output of task " + c.Task.String(), CID: l.Cid, Local: true})
		if err != nil {
			return err
		}
		if _, err := store.Fetch(ctx, l.Cid, blobs.FetchOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// resultPin is the prefix of the names of pins that keep what tasks of this node
// left, before their ids.
const resultPin = "task/"
