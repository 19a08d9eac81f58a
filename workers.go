package godwit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// suspectAfter is how many announcements a node may miss before it is suspect.
const suspectAfter = 2

// Ready implements the API's backend.
func (n *Node) Ready() error {
	select {
	case <-n.ready:
	default:
		return fmt.Errorf("the node starts: %w", api.ErrUnavailable)
	}
	if n.stopping.Load() {
		return fmt.Errorf("the node stops: %w", api.ErrUnavailable)
	}
	return nil
}

// Self implements the API's backend.
func (n *Node) Self(ctx context.Context) (api.Worker, error) {
	var w api.Worker
	err := n.ask(ctx, func() {
		e := n.loop.executor
		stats := n.loop.submitter.Stats()
		w = api.Worker{
			State: api.NodeReady, Total: apiCapacity(e.Total()), Available: apiCapacity(e.Free()),
			AvailableRatio: e.Free().Ratio(e.Total()), Running: e.Runs(), Queued: stats.Queued + stats.Placing,
			Trust: n.trusted.of(n.self), Health: api.Health{SuccessRate: 1},
		}
		if e.Draining() {
			w.State = api.NodeDraining
		}
	})
	w.ID, w.Self, w.Addrs, w.Version, w.Region = n.host.ID().String(), true, n.Addrs(), n.cfg.Version, n.cfg.Region
	w.Labels, w.Models = n.labels.all(), n.models.names()
	w.StartedAt, w.UpdatedAt = n.startedAt.UTC(), time.Now().UTC()
	w.Health.LastSeen = w.UpdatedAt
	return w, err
}

// Workers implements the API's backend.
func (n *Node) Workers(ctx context.Context) ([]api.Worker, error) {
	self, err := n.Self(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []placement.Node
	if err := n.ask(ctx, func() { nodes = n.loop.submitter.Nodes() }); err != nil {
		return nil, err
	}
	list := []api.Worker{self}
	for i := range nodes {
		if !nodes[i].Self {
			list = append(list, n.apiWorker(&nodes[i]))
		}
	}
	return list, nil
}

// apiWorker is another node as the API tells of it.
func (n *Node) apiWorker(p *placement.Node) api.Worker {
	v := p.Vector
	w := api.Worker{
		ID: p.ID.String(), State: n.workerState(p), Addrs: n.knownAddrs(p.ID), Version: v.Version,
		Region: v.Region, Labels: v.Labels, Models: v.Models,
		Total: apiCapacity(v.Total), Available: apiCapacity(p.Free), AvailableRatio: p.Free.Ratio(v.Total),
		Running: p.Tasks, Queued: int(v.Queued), RTTMS: float64(p.RTT) / 1e6, Trust: p.Trust,
		UpdatedAt: p.Health.LastSeen.UTC(), StartedAt: v.StartedAt().UTC(),
		Health: api.Health{
			SuccessRate: p.Health.SuccessRate, AvgCompletionMS: float64(p.Health.AvgCompletion) / 1e6,
			LastSeen: p.Health.LastSeen.UTC(), ConsecutiveFailures: p.Health.ConsecutiveFailures,
		},
	}
	return w
}

func (n *Node) workerState(p *placement.Node) string {
	switch {
	case p.Vector.Leaving:
		return api.NodeLost
	case p.Vector.Draining:
		return api.NodeDraining
	case p.Out == wire.RefusedSilent, time.Since(p.Health.LastSeen) > suspectAfter*max(n.cfg.Announce, p.Vector.Every):
		return api.NodeSuspect
	}
	return api.NodeReady
}

func (n *Node) knownAddrs(id wire.NodeID) []string {
	list := []string{}
	for _, a := range n.host.Peerstore().Addrs(peer.ID(id)) {
		list = append(list, a.String())
	}
	slices.Sort(list)
	return list
}

// Worker implements the API's backend. An id may be cut at either end: peer ids
// begin alike, so people tell them apart by their ends.
func (n *Node) Worker(ctx context.Context, id string) (api.Worker, error) {
	list, err := n.Workers(ctx)
	if err != nil {
		return api.Worker{}, err
	}
	var found []api.Worker
	for _, w := range list {
		if w.ID == id {
			return w, nil
		}
		if id != "" && (strings.HasPrefix(w.ID, id) || strings.HasSuffix(w.ID, id)) {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 0:
		return api.Worker{}, fmt.Errorf("node %q: %w", id, api.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return api.Worker{}, fmt.Errorf("node %q: %w", id, api.ErrAmbiguous)
}

// SetDraining implements the API's backend.
func (n *Node) SetDraining(ctx context.Context, on bool) (api.Worker, error) {
	if err := n.step(ctx, scheduler.SetDraining{On: on, Grace: n.cfg.Grace}); err != nil {
		return api.Worker{}, err
	}
	n.drained.Store(on)
	nudge(n.announce)
	stay := n.drainActors(ctx, on)
	w, err := n.Self(ctx)
	w.Stay = stay
	return w, err
}

// watchEvery is how often the node looks which others came, changed or went.
const watchEvery = time.Second

// watchWorkers puts what becomes of nodes into the feed of events, until ctx is done.
func (n *Node) watchWorkers(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	known := make(map[string]api.Worker)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list, err := n.Workers(ctx)
		if err != nil {
			continue // it ends
		}
		known = n.publishWorkers(known, list)
	}
}

// publishWorkers publishes what differs between two lists of nodes, and returns the
// second.
func (n *Node) publishWorkers(known map[string]api.Worker, list []api.Worker) map[string]api.Worker {
	publish := func(w api.Worker) {
		n.feed.Publish(api.Event{Type: api.EventWorker, Time: time.Now().UTC(), Worker: &w})
	}
	now := make(map[string]api.Worker, len(list))
	for _, w := range list {
		now[w.ID] = w
		if before, ok := known[w.ID]; !ok || before.State != w.State {
			publish(w)
		}
	}
	for id, w := range known {
		if _, ok := now[id]; !ok {
			w.State = api.NodeLost
			publish(w)
		}
	}
	return now
}
