package godwit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Submit implements the API's backend.
func (n *Node) Submit(ctx context.Context, s api.Submission) (api.Task, bool, error) {
	if err := n.space.check(); err != nil {
		return api.Task{}, false, err
	}
	spec, err := n.specOf(&s.Request)
	if err != nil {
		return api.Task{}, false, err
	}
	n.sizeUp(ctx, &spec.Hints)
	id := newTaskID()
	if err := n.holds.add(id, &spec); err != nil {
		return api.Task{}, false, storeError(err)
	}
	err = n.step(ctx, scheduler.Submit{ID: id, Spec: spec, Client: s.Client, Key: s.IdempotencyKey})
	if err == nil {
		task, err := n.task(ctx, id)
		return n.apiTask(&task), true, err
	}
	if !errors.Is(err, errUnsure) { // else it may have been accepted
		n.holds.remove(id)
	}
	var exists *scheduler.ExistsError
	if errors.As(err, &exists) {
		task, err := n.task(ctx, exists.Task)
		return n.apiTask(&task), false, err
	}
	return api.Task{}, false, submitError(err)
}

// specOf resolves the model of a request and makes a spec of it.
func (n *Node) specOf(r *api.TaskRequest) (wire.Spec, error) {
	if n.stopping.Load() {
		return wire.Spec{}, fmt.Errorf("the node stops: %w", api.ErrUnavailable)
	}
	if r.Model == "" {
		return n.spec(r, nil)
	}
	model, ok := n.models.find(r.Model)
	if !ok {
		return wire.Spec{}, fmt.Errorf("model %q: %w", r.Model, api.ErrNotFound)
	}
	return n.spec(r, &model)
}

func submitError(err error) error {
	var busy *scheduler.BusyError
	switch {
	case errors.As(err, &busy):
		return &api.BusyError{RetryAfter: busy.RetryAfter, Cause: busy.Cause}
	case errors.Is(err, scheduler.ErrKeyReused):
		return fmt.Errorf("%w: %w", api.ErrConflict, err)
	case errors.Is(err, wire.ErrInvalid):
		return fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	return err
}

func newTaskID() wire.TaskID {
	var random [10]byte
	rand.Read(random[:]) // never fails: see crypto/rand
	return wire.NewTaskID(time.Now(), random)
}

// errUnsure: the node stopped, or the caller left, before the answer was there.
var errUnsure = errors.New("not known whether it was done")

// step has the loop step an event, and returns when what came of it is on disk.
func (n *Node) step(ctx context.Context, ev scheduler.Event) error {
	done := make(chan error, 1)
	return n.await(ctx, input{event: ev, done: func(err error) { done <- err }}, done)
}

// ask has the loop call f, and returns when what f saw is on disk. On an error f
// has been called or never will be, so that it may write to the caller's variables.
func (n *Node) ask(ctx context.Context, f func()) error {
	var mu sync.Mutex
	givenUp := false
	done := make(chan error, 1)
	err := n.await(ctx, input{done: func(err error) { done <- err }, ask: func() {
		mu.Lock()
		defer mu.Unlock()
		if !givenUp {
			f()
		}
	}}, done)
	mu.Lock()
	defer mu.Unlock()
	givenUp = err != nil
	return err
}

func (n *Node) await(ctx context.Context, in input, done <-chan error) error {
	select {
	case n.loop.events <- in:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-n.stopped:
		return fmt.Errorf("the node has stopped: %w", api.ErrUnavailable)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errUnsure, context.Cause(ctx))
	case <-n.stopped:
		return fmt.Errorf("%w: the node has stopped: %w", errUnsure, api.ErrUnavailable)
	}
}

// task is a task as it is on disk.
func (n *Node) task(ctx context.Context, id wire.TaskID) (task scheduler.Task, err error) {
	var ok bool
	if err := n.ask(ctx, func() { task, ok = n.loop.submitter.Task(id) }); err != nil {
		return task, err
	}
	if !ok {
		return task, fmt.Errorf("task %s: %w", id, api.ErrNotFound)
	}
	return task, nil
}

// findTask finds the one task whose id begins with a prefix.
func (n *Node) findTask(ctx context.Context, prefix string) (wire.TaskID, error) {
	prefix = strings.ToLower(prefix)
	if id, err := wire.ParseTaskID(prefix); err == nil {
		return id, nil
	}
	var found []wire.TaskID
	err := n.ask(ctx, func() {
		for t := range n.loop.submitter.Tasks() {
			if strings.HasPrefix(t.ID.String(), prefix) && len(found) < 2 {
				found = append(found, t.ID)
			}
		}
	})
	switch {
	case err != nil:
		return wire.TaskID{}, err
	case len(found) == 0 || prefix == "":
		return wire.TaskID{}, fmt.Errorf("task %q: %w", prefix, api.ErrNotFound)
	case len(found) > 1:
		return wire.TaskID{}, fmt.Errorf("task %q: %w", prefix, api.ErrAmbiguous)
	}
	return found[0], nil
}

// Task implements the API's backend.
func (n *Node) Task(ctx context.Context, prefix string) (api.Task, error) {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return api.Task{}, err
	}
	task, err := n.task(ctx, id)
	if err != nil {
		return api.Task{}, err
	}
	out := n.apiTask(&task)
	if task.State.Ended() || task.State == scheduler.Running {
		return out, nil
	}
	return out, n.ask(ctx, func() {
		if e, ok := n.loop.submitter.Explain(id); ok {
			out.Pending = e.Summary
		}
	})
}

// Tasks implements the API's backend. The cursor is the id that the page before
// ended with.
func (n *Node) Tasks(ctx context.Context, f api.TaskFilter) (page []api.Task, next string, err error) {
	limit := min(max(f.Limit, 1), 1000)
	var list []scheduler.Task
	more := false
	err = n.ask(ctx, func() {
		for t := range n.loop.submitter.Tasks() {
			id := t.ID.String()
			if f.Cursor != "" && id >= f.Cursor || f.Status != "" && string(t.State) != f.Status || !strings.HasPrefix(id, f.Prefix) {
				continue
			}
			if more = len(list) == limit; more {
				return
			}
			list = append(list, t)
		}
	})
	for i := range list {
		t := n.apiTask(&list[i])
		t.History = nil
		page = append(page, t)
	}
	if more {
		next = page[len(page)-1].ID
	}
	return page, next, err
}

// Wait implements the API's backend.
func (n *Node) Wait(ctx context.Context, prefix string) (api.Task, error) {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return api.Task{}, err
	}
	ended := n.waiters.add(id)
	defer n.waiters.remove(id, ended)
	task, err := n.task(ctx, id)
	if err != nil {
		return api.Task{}, err
	}
	if task.State.Ended() {
		return n.apiTask(&task), nil
	}
	select {
	case task := <-ended:
		return n.apiTask(task), nil
	case <-ctx.Done():
		return api.Task{}, context.Cause(ctx)
	case <-n.stopped:
		return api.Task{}, fmt.Errorf("the node has stopped: %w", api.ErrUnavailable)
	}
}

// Cancel implements the API's backend.
func (n *Node) Cancel(ctx context.Context, prefix string) (api.Task, error) {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return api.Task{}, err
	}
	if err := n.step(ctx, scheduler.CancelTask{Task: id}); err != nil {
		if errors.Is(err, scheduler.ErrUnknownTask) {
			err = fmt.Errorf("task %s: %w", id, api.ErrNotFound)
		}
		return api.Task{}, err
	}
	task, err := n.task(ctx, id)
	return n.apiTask(&task), err
}
