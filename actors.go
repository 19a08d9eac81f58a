package godwit

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/godwit-run/godwit/internal/api"
)

// errNoActors: the node keeps none.
var errNoActors = fmt.Errorf("this node keeps no actors: %w", api.ErrUnavailable)

// CreateActor implements the API's backend.
func (n *Node) CreateActor(context.Context, api.ActorCreation) (api.Actor, error) {
	return api.Actor{}, errNoActors
}

// Actors implements the API's backend.
func (n *Node) Actors(context.Context) ([]api.Actor, error) { return nil, errNoActors }

// Actor implements the API's backend.
func (n *Node) Actor(context.Context, string) (api.Actor, error) { return api.Actor{}, errNoActors }

// RemoveActor implements the API's backend.
func (n *Node) RemoveActor(context.Context, string) error { return errNoActors }

// SendMessage implements the API's backend.
func (n *Node) SendMessage(context.Context, api.ActorMessage) (string, error) { return "", errNoActors }

// AskActor implements the API's backend.
func (n *Node) AskActor(context.Context, api.ActorMessage) (string, []byte, error) {
	return "", nil, errNoActors
}

// MigrateActor implements the API's backend.
func (n *Node) MigrateActor(context.Context, string, api.Migration) (api.Migrated, error) {
	return api.Migrated{}, errNoActors
}

// UpgradeActor implements the API's backend.
func (n *Node) UpgradeActor(context.Context, string, api.Upgrade) (api.Actor, error) {
	return api.Actor{}, errNoActors
}

// SnapshotActor implements the API's backend.
func (n *Node) SnapshotActor(context.Context, string, io.Writer) error { return errNoActors }

// RestoreActor implements the API's backend.
func (n *Node) RestoreActor(context.Context, string, io.Reader) (api.Actor, error) {
	return api.Actor{}, errNoActors
}

// ActorLogs implements the API's backend.
func (n *Node) ActorLogs(context.Context, string, api.ActorLogOptions) iter.Seq2[api.ActorLog, error] {
	return func(yield func(api.ActorLog, error) bool) { yield(api.ActorLog{}, errNoActors) }
}
