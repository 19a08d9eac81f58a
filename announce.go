package godwit

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// minAnnounce is the least time between two vectors of this node.
	minAnnounce = 100 * time.Millisecond
	// joinDelay is how long after a node has joined it is told of this one again.
	joinDelay = time.Second
	// pinDelay is how long a change of what is pinned waits to be announced.
	pinDelay = time.Second
	// checkCapacity is how often the node looks whether its capacity has changed
	// enough to be announced.
	checkCapacity = 500 * time.Millisecond
)

// announcer tells the mesh what this node has left.
type announcer struct {
	node    *Node
	started int64
	seq     atomic.Uint64
	last    wire.Vector
	pace    scheduler.Pace
	known   int // nodes, when pace was asked last

	pins atomic.Bool // they have changed since pinned was made
	mu   sync.Mutex
	// pinned is the filter over the blobs, and when it was made.
	pinned   wire.Filter
	pinnedAt time.Time
}

// keyStarted is where the journal keeps when the node started last, by its vectors.
const keyStarted = "n/started"

// newAnnouncer makes an announcer whose vectors come after all of before, even if
// the clock went back in between: others would not listen to older ones.
func newAnnouncer(n *Node) (*announcer, error) {
	key := []byte(keyStarted)
	last, err := n.journal.Get(key)
	if err != nil {
		return nil, err
	}
	started := n.startedAt.UnixMilli()
	if len(last) == 8 {
		started = max(started, int64(binary.BigEndian.Uint64(last))+1)
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(started))
	a := &announcer{node: n, started: started, pace: scheduler.Pace{Every: n.cfg.Announce, Least: minAnnounce}}
	return a, n.journal.Commit([]journal.Record{{Key: key, Value: value}}, true)
}

// run announces until ctx is done: at the start, when a node comes, when capacity
// has changed by a tenth, and now and then, all at the pace of the mesh.
func (a *announcer) run(ctx context.Context) error {
	check := time.NewTicker(checkCapacity)
	defer check.Stop()
	for {
		if err := a.announce(ctx); err != nil {
			if ctx.Err() != nil || errors.Is(err, api.ErrUnavailable) {
				return nil
			}
			return err
		}
		if !a.pause(ctx, check.C) {
			return nil
		}
	}
}

// pause returns true when it is time for another vector, false when ctx is done.
func (a *announcer) pause(ctx context.Context, check <-chan time.Time) bool {
	soon := time.NewTimer(time.Hour)
	defer soon.Stop()
	for changed := false; ; {
		select {
		case <-ctx.Done():
			return false
		case <-a.node.announce:
			changed = true
		case <-soon.C:
		case <-check:
			changed = changed || a.changed(ctx)
		}
		now := time.Now()
		due, again := a.pace.Due(now, a.nodes(ctx), changed)
		if due {
			return true
		}
		soon.Reset(again.Sub(now))
	}
}

// nodes is how large the mesh is as far as this node knows.
func (a *announcer) nodes(ctx context.Context) (nodes int) {
	if a.node.ask(ctx, func() { nodes = a.node.loop.submitter.KnownNodes() }) != nil {
		return a.known // it ends
	}
	a.known = nodes
	return nodes
}

// changed tells whether what is left differs by a tenth from what was announced.
func (a *announcer) changed(ctx context.Context) bool {
	var free wire.Capacity
	var draining bool
	e := a.node.loop.executor
	if a.node.ask(ctx, func() { free, draining = e.Lasting(), e.Draining() }) != nil {
		return false
	}
	t, f := &a.last.Total, &a.last.Free
	return draining != a.last.Draining || tenth(uint64(t.CPU), uint64(f.CPU), uint64(free.CPU)) ||
		tenth(t.Memory, f.Memory, free.Memory) || tenth(t.Storage, f.Storage, free.Storage) ||
		tenth(t.Network, f.Network, free.Network) || !slices.Equal(f.GPUs, free.GPUs)
}

func tenth(total, before, now uint64) bool {
	return math.Abs(float64(now)-float64(before)) >= float64(total)/10 && now != before
}

// announce tells the mesh, and this node's own core, what the node has now.
func (a *announcer) announce(ctx context.Context) error {
	v, err := a.vector(ctx)
	if err != nil {
		return err
	}
	a.last = v
	a.pace.Said(time.Now(), a.known)
	a.node.tell(scheduler.Learned{Vector: v})
	return a.publish(ctx, v)
}

// leave tells the mesh that the node goes. To be called when run is over or waits.
func (a *announcer) leave(ctx context.Context) error {
	v, err := a.vector(ctx)
	if err != nil {
		return err
	}
	v.Draining, v.Leaving = true, true
	return a.publish(ctx, v)
}

func (a *announcer) publish(ctx context.Context, v wire.Vector) error {
	envelope, err := wire.Seal(v, ed25519.PrivateKey(a.node.folder.key))
	if err != nil {
		return err
	}
	err = a.node.mesh.PublishVector(ctx, envelope)
	if err != nil { // the next one is soon
		a.node.log.Debug("announce", "err", err)
	}
	return nil
}

// vector is what this node says of itself now.
func (a *announcer) vector(ctx context.Context) (wire.Vector, error) {
	n := a.node
	v := wire.Vector{
		Node: n.self, Started: a.started, Seq: a.seq.Add(1), Total: n.capacity,
		Every: min(a.pace.Interval(a.known), wire.MaxEvery), Version: n.cfg.Version, Region: n.cfg.Region, Models: n.models.names(),
	}
	err := n.ask(ctx, func() {
		s, e := n.loop.submitter, n.loop.executor
		v.Free, v.Running, v.Draining = e.Lasting(), uint32(e.Runs()), e.Draining() || n.cfg.NoRun
		v.Queued, v.Cost = uint32(s.Stats().Queued), e.Price()
	})
	if err != nil {
		return v, err
	}
	v.Labels, v.Blobs = n.labels.all(), a.filter()
	return v, nil
}

// pinsChanged has what is pinned announced soon, together with what else changes
// until then.
func (a *announcer) pinsChanged() {
	if a.pins.CompareAndSwap(false, true) {
		time.AfterFunc(pinDelay, func() { nudge(a.node.announce) })
	}
}

// filter is that over the pinned blobs, made anew when a vector is due anyway.
func (a *announcer) filter() wire.Filter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.pins.Swap(false) && time.Since(a.pinnedAt) < a.node.cfg.Announce/2 {
		return a.pinned
	}
	a.pinnedAt = time.Now()
	var links []wire.Link
	for c, err := range a.node.store.Pinned() {
		if err != nil {
			a.node.log.Error("list pins", "err", err)
			return a.pinned
		}
		if l, err := wire.NewLink(c); err == nil {
			links = append(links, l)
		}
	}
	a.pinned = wire.NewFilter(links)
	return a.pinned
}
