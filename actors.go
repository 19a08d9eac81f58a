package godwit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/godwit-run/godwit/actors"
	awire "github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// CreateActor implements the API's backend. A creation that is repeated with its key
// gets the actor that the first one made.
func (n *Node) CreateActor(ctx context.Context, c api.ActorCreation) (api.Actor, error) {
	if err := cmpErr(n.Ready(), n.space.check()); err != nil {
		return api.Actor{}, err
	}
	options, err := actorOptions(&c.Request)
	if err != nil {
		return api.Actor{}, err
	}
	if c.Key != "" {
		options.ID = awire.ActorID(keyed("actor", c.Client, c.Key))
	}
	s, err := n.actors.Create(ctx, options)
	return n.apiActor(c.Request.Name, s, err)
}

// cmpErr is the first of some errors.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keyed makes an id of a client's key: the same one of the same.
func keyed(what, client, key string) [16]byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "godwit %s\x00%s\x00%s", what, client, key))
	return [16]byte(sum[:16])
}

// apiActor is what the host says of an actor, as the API tells it.
func (n *Node) apiActor(name string, s actors.Status, err error) (api.Actor, error) {
	if err != nil {
		return api.Actor{}, actorError(name, err)
	}
	return n.actorView(&s), nil
}

// Actors implements the API's backend.
func (n *Node) Actors(ctx context.Context) (list []api.Actor, err error) {
	all, err := n.actors.List(ctx)
	for i := range all {
		a := n.actorView(&all[i])
		a.History = nil
		list = append(list, a)
	}
	return list, actorError("actors", err)
}

// Actor implements the API's backend.
func (n *Node) Actor(ctx context.Context, name string) (api.Actor, error) {
	s, err := n.actors.Show(ctx, name)
	return n.apiActor(name, s, err)
}

// ActorReplicas implements the API's backend.
func (n *Node) ActorReplicas(ctx context.Context, name string) ([]api.ActorReplica, error) {
	all, err := n.actors.Inspect(ctx, name)
	if err != nil {
		return nil, actorError(name, err)
	}
	var list []api.ActorReplica
	for i := range all {
		list = append(list, n.replicaView(&all[i]))
	}
	return list, nil
}

// RemoveActor implements the API's backend.
func (n *Node) RemoveActor(ctx context.Context, name string) error {
	return actorError(name, n.actors.Remove(ctx, name))
}

// SendMessage implements the API's backend.
func (n *Node) SendMessage(ctx context.Context, m api.ActorMessage) (string, error) {
	id, err := n.actors.Send(ctx, m.Name, m.Payload, actors.MessageOptions{ID: messageID(&m)})
	return id.String(), actorError(m.Name, err)
}

// AskActor implements the API's backend.
func (n *Node) AskActor(ctx context.Context, m api.ActorMessage) (string, []byte, error) {
	id := messageID(&m)
	reply, err := n.actors.Ask(ctx, m.Name, m.Payload, actors.MessageOptions{ID: id})
	return id.String(), reply, actorError(m.Name, err)
}

// messageID is the id that the key of a message stands for, or a new one.
func messageID(m *api.ActorMessage) awire.MessageID {
	if m.Key == "" {
		return awire.MessageID(newTaskID()) // it has time and randomness enough
	}
	if id, err := awire.ParseMessageID(m.Key); err == nil {
		return id
	}
	return keyed("message", m.Client, m.Key)
}

// MigrateActor implements the API's backend.
func (n *Node) MigrateActor(ctx context.Context, name string, m api.Migration) (api.Migrated, error) {
	options := actors.MigrateOptions{Reason: actors.ReasonManual}
	if m.To != "" {
		w, err := n.Worker(ctx, m.To)
		if err != nil {
			return api.Migrated{}, err
		}
		id, err := peer.Decode(w.ID)
		if err != nil {
			return api.Migrated{}, err
		}
		options.To = wire.NodeID(id)
	}
	moved, err := n.actors.Migrate(ctx, name, options)
	if err != nil {
		return api.Migrated{}, actorError(name, err)
	}
	out := api.Migrated{
		From: n.ids.text(moved.From), Bytes: moved.Bytes,
		PauseMS: milliseconds(moved.Pause), TookMS: milliseconds(moved.Took),
	}
	if out.Actor, err = n.Actor(ctx, name); err != nil { // it has moved all the same
		out.Actor = api.Actor{Name: name}
	}
	out.Actor.Node, out.Actor.Epoch = n.ids.text(moved.To), moved.Epoch
	return out, nil
}

// UpgradeActor implements the API's backend.
func (n *Node) UpgradeActor(ctx context.Context, name string, u api.Upgrade) (api.Actor, error) {
	options := actors.UpgradeOptions{Rollback: u.Rollback, DryRun: u.DryRun}
	if !u.Rollback {
		var err error
		if options.Module, err = parseCID(u.Module); err != nil {
			return api.Actor{}, err
		}
	}
	s, err := n.actors.Upgrade(ctx, name, options)
	return n.apiActor(name, s, err)
}

// SnapshotActor implements the API's backend.
func (n *Node) SnapshotActor(ctx context.Context, name string, w io.Writer) error {
	return actorError(name, n.actors.Snapshot(ctx, name, w))
}

// RestoreActor implements the API's backend.
func (n *Node) RestoreActor(ctx context.Context, name string, car io.Reader) (api.Actor, error) {
	if err := cmpErr(n.Ready(), n.space.check()); err != nil {
		return api.Actor{}, err
	}
	s, err := n.actors.Restore(ctx, name, car)
	return n.apiActor(name, s, err)
}

// ActorLogs implements the API's backend.
func (n *Node) ActorLogs(ctx context.Context, name string, o api.ActorLogOptions) iter.Seq2[api.ActorLog, error] {
	return func(yield func(api.ActorLog, error) bool) {
		for l, err := range n.actors.Logs(ctx, name, actors.LogOptions{Tail: o.Tail, Follow: o.Follow}) {
			line := api.ActorLog{Time: l.Time.UTC(), Epoch: l.Epoch, Stream: l.Stream, Level: l.Level, Text: l.Text}
			if !yield(line, actorError(name, err)) || err != nil {
				return
			}
		}
	}
}

// actorError gives an error of the host about an actor the sentinel that clients know
// it by.
func actorError(name string, err error) error {
	if err == nil {
		return nil
	}
	var refused *actors.RefusedError
	if errors.As(err, &refused) {
		return &api.MessageError{Reason: refused.Reason}
	}
	for _, class := range []struct{ host, api error }{
		{actors.ErrNotFound, api.ErrNotFound}, {actors.ErrAmbiguous, api.ErrAmbiguous}, {actors.ErrExists, api.ErrConflict},
		{actors.ErrInvalid, api.ErrInvalid}, {actors.ErrStopped, api.ErrConflict}, {actors.ErrUnavailable, api.ErrUnavailable},
		{actors.ErrTimeout, context.DeadlineExceeded},
	} {
		if errors.Is(err, class.host) && !errors.Is(err, class.api) {
			return classed{fmt.Errorf("%s: %w", name, err), class.api}
		}
	}
	if errors.Is(err, actors.ErrBusy) {
		return &api.BusyError{RetryAfter: time.Second, Cause: err.Error()}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// classed is an error of the host that is of a class of the API's.
type classed struct{ err, class error }

func (c classed) Error() string   { return c.err.Error() }
func (c classed) Unwrap() []error { return []error{c.err, c.class} }
