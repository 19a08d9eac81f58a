package godwit

import (
	"context"
	"errors"
	"fmt"
	"time"

	routedhost "github.com/libp2p/go-libp2p/p2p/host/routed"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/actors/transport"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/runtime"
)

// actorsName is the folder of the actors inside the data folder.
const actorsName = "actors"

// openActors makes the host of the actors, and all that it needs of the node.
func (n *Node) openActors(context.Context) error {
	carrier, err := transport.New(transport.Config{Host: routedhost.Wrap(n.host, n.discovery.dht), Log: n.log})
	if err != nil {
		return err
	}
	// Their guests can be suspended where they wait, which would cost short tasks some time
	// to compile for nothing.
	n.suspending, err = runtime.New(runtime.Config{
		CacheDir: n.folder.path(codeName), HostModules: []hostabi.Module{actor.Module(), gpu.Module()}, Suspend: true,
	})
	if err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	n.opened(n.suspending.Close)
	n.code = newActorModules(n.store, n.log)
	n.actors, err = actors.New(actors.Config{
		Self: n.self, Key: n.folder.key, Dir: n.folder.path(actorsName), Network: carrier,
		Engine: n.suspending, Modules: n.code, Placer: (*placer)(n), GPU: n.gpus.actors(n.capacity.GPUs),
		Replicas: n.cfg.ActorReplicas, Heartbeat: n.cfg.ActorHeartbeat, SuspectAfter: n.cfg.ActorSuspectAfter,
		ReplaceAfter: n.cfg.ActorReplaceAfter, ParkAfter: n.cfg.ActorIdleAfter, CheckpointEvery: n.cfg.CheckpointEvery,
		Observer: observer{n.metrics}, Events: n.actorEvent, Log: n.log,
	})
	if err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	return nil
}

// runActors is the life of the host.
func (n *Node) runActors(ctx context.Context) error {
	if err := n.actors.Run(ctx); err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	return nil
}

// awaitActors returns when the host takes calls, or has ended.
func (n *Node) awaitActors(ctx context.Context) error {
	select {
	case <-n.actors.Ready():
		return n.code.restore()
	case <-ctx.Done():
		return nil // with the reason
	}
}

// drainActors moves what lives here elsewhere, for the grace time at most, and has
// nothing more come, or has it come again. It returns the actors that would be lost, or
// unavailable, without this node, each with the reason.
func (n *Node) drainActors(ctx context.Context, on bool) (stay []string) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Grace)
	defer cancel()
	err := n.actors.Drain(ctx, on)
	if err != nil {
		n.log.Warn("not all actors have moved", "err", err)
	}
	if left, ok := errors.AsType[*actors.StaysError](err); ok {
		for _, s := range left.Actors {
			stay = append(stay, s.Name+": "+s.Why)
		}
	}
	return stay
}

// actorEvent puts a change of an actor into the feed.
func (n *Node) actorEvent(e actors.Event) {
	actor := n.actorView(&e.Actor)
	actor.History = []api.Activation{}
	n.feed.Publish(api.Event{Type: api.EventActor, Time: e.Time.UTC(), Actor: &actor, Change: e.Type, Why: eventText(e)})
}

// eventText is the reason of an event, and what else is known.
func eventText(e actors.Event) string {
	switch {
	case e.Detail == "" || e.Detail == string(e.Reason):
		return string(e.Reason)
	case e.Reason == "":
		return e.Detail
	}
	return string(e.Reason) + ": " + e.Detail
}

// observer counts what the host tells of.
type observer struct{ set *metrics.Set }

func (o observer) Checkpointed(bytes int64, pause, lag time.Duration) {
	o.set.ActorCheckpointed(bytes, pause, lag)
}

func (o observer) Migrated(reason actors.Reason, pause time.Duration) {
	o.set.ActorMigrated(string(reason), pause)
}

func (o observer) FailedOver(took time.Duration, replayed int) { o.set.ActorFailedOver(took, replayed) }
func (o observer) Activated(took time.Duration)                { o.set.ActorActivated(took) }
func (o observer) Message(took time.Duration)                  { o.set.ActorMessage(took) }
