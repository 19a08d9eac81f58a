package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
)

// fakeActors are actors that keep all they get: one answers an ask with the number
// of its messages and the payload, and fails on the payload "trap".
type fakeActors struct {
	list []*fakeActor
	hang bool // asks are never answered
	busy bool
}

type fakeActor struct {
	Actor
	messages []ActorMessage
	seen     map[string]int // number of a message by its key
}

func (f *fake) findActor(name string) (*fakeActor, error) {
	i := slices.IndexFunc(f.actors.list, func(a *fakeActor) bool { return a.Name == name || strings.HasPrefix(a.ID, name) })
	if i < 0 {
		return nil, fmt.Errorf("actor %q: %w", name, ErrNotFound)
	}
	return f.actors.list[i], nil
}

func (f *fake) CreateActor(_ context.Context, n ActorCreation) (Actor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.findActor(n.Request.Name); err == nil {
		return Actor{}, fmt.Errorf("actor %q: %w", n.Request.Name, ErrConflict)
	}
	a := &fakeActor{Actor: Actor{
		Name: n.Request.Name, ID: fmt.Sprintf("%032x", len(f.actors.list)+1), Epoch: 1, Node: fakeID, State: ActorIdle,
		Module: n.Request.Module, Request: n.Request,
	}, seen: map[string]int{}}
	f.actors.list = append(f.actors.list, a)
	f.feed.Publish(Event{Type: EventActor, Actor: &a.Actor})
	return a.Actor, nil
}

func (f *fake) Actors(context.Context) (list []Actor, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.actors.list {
		list = append(list, a.Actor)
	}
	slices.SortFunc(list, func(a, b Actor) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (f *fake) Actor(_ context.Context, name string) (Actor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(name)
	if err != nil {
		return Actor{}, err
	}
	return a.Actor, nil
}

func (f *fake) ActorReplicas(ctx context.Context, name string) ([]ActorReplica, error) {
	a, err := f.Actor(ctx, name)
	return []ActorReplica{{Node: a.Node, Role: "leader", Epoch: a.Epoch}}, err
}

func (f *fake) RemoveActor(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(name)
	f.actors.list = slices.DeleteFunc(f.actors.list, func(b *fakeActor) bool { return a == b })
	return err
}

func (f *fake) take(m ActorMessage) (number int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(m.Name)
	if err != nil {
		return 0, err
	}
	if f.actors.busy {
		return 0, &BusyError{RetryAfter: time.Second, Cause: "its mailbox is full"}
	}
	if number, again := a.seen[m.Key]; again && m.Key != "" {
		return number, nil
	}
	a.messages = append(a.messages, m)
	a.seen[m.Key] = len(a.messages)
	return len(a.messages), nil
}

func (f *fake) SendMessage(_ context.Context, m ActorMessage) (string, error) {
	number, err := f.take(m)
	return fmt.Sprintf("%032x", number), err
}

func (f *fake) AskActor(ctx context.Context, m ActorMessage) (string, []byte, error) {
	number, err := f.take(m)
	switch {
	case err != nil:
		return "", nil, err
	case f.actors.hang:
		<-ctx.Done()
		return "", nil, ctx.Err()
	case string(m.Payload) == "trap":
		return "", nil, &MessageError{Reason: "trap: unreachable"}
	}
	return fmt.Sprintf("%032x", number), fmt.Appendf(nil, "%d:%s", number, m.Payload), nil
}

func (f *fake) MigrateActor(_ context.Context, name string, to Migration) (Migrated, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(name)
	if err != nil {
		return Migrated{}, err
	}
	from := a.Node
	a.Node, a.Epoch = to.To, a.Epoch+1
	a.History = append(a.History, Activation{Epoch: a.Epoch, Node: a.Node, Reason: "manual", At: time.Unix(0, 0)})
	return Migrated{Actor: a.Actor, From: from, PauseMS: 1.5}, nil
}

func (f *fake) UpgradeActor(_ context.Context, name string, u Upgrade) (Actor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(name)
	if err != nil {
		return Actor{}, err
	}
	if !u.DryRun {
		a.Module, a.Previous = u.Module, a.Module
	}
	return a.Actor, nil
}

// SnapshotActor writes the payloads, a line each.
func (f *fake) SnapshotActor(_ context.Context, name string, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, err := f.findActor(name)
	if err != nil {
		return err
	}
	for _, m := range a.messages {
		if _, err := fmt.Fprintf(w, "%s\n", m.Payload); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) RestoreActor(ctx context.Context, name string, car io.Reader) (Actor, error) {
	text, err := io.ReadAll(car)
	if err != nil {
		return Actor{}, err
	}
	if string(text) == "damaged" {
		return Actor{}, ErrDamaged
	}
	if _, err := f.CreateActor(ctx, ActorCreation{Request: ActorRequest{Name: name}}); err != nil {
		return Actor{}, err
	}
	for line := range strings.Lines(string(text)) {
		if _, err := f.take(ActorMessage{Name: name, Payload: []byte(strings.TrimSuffix(line, "\n"))}); err != nil {
			return Actor{}, err
		}
	}
	return f.Actor(ctx, name)
}

// ActorLogs are the payloads.
func (f *fake) ActorLogs(_ context.Context, name string, o ActorLogOptions) iter.Seq2[ActorLog, error] {
	return func(yield func(ActorLog, error) bool) {
		f.mu.Lock()
		a, err := f.findActor(name)
		f.mu.Unlock()
		if err != nil {
			yield(ActorLog{}, err)
			return
		}
		first := 0
		if o.Tail > 0 {
			first = max(0, len(a.messages)-o.Tail)
		}
		for _, m := range a.messages[first:] {
			if !yield(ActorLog{Epoch: 1, Stream: "stdout", Text: string(m.Payload)}, nil) {
				return
			}
		}
	}
}
