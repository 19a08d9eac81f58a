package godwit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// migrateTime is how long a migration may take, and migrateAgain after what time the
	// executor is asked again.
	migrateTime, migrateAgain = 30 * time.Second, 2 * time.Second
	// migratePoll is how often the task is looked at meanwhile.
	migratePoll = 10 * time.Millisecond
	// arriveTime is how long an attempt that runs may take to say from where it goes on: it
	// asks for findTime, and then fetches.
	arriveTime = findTime + 2*time.Second
)

// Migrate implements the API's backend.
func (n *Node) Migrate(ctx context.Context, prefix, to string) (api.Task, error) {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return api.Task{}, err
	}
	ev := scheduler.MigrateTask{Task: id}
	if to != "" {
		w, err := n.Worker(ctx, to)
		if err != nil {
			return api.Task{}, err
		}
		if ev.To, err = wire.ParseNodeID(w.ID); err != nil {
			return api.Task{}, fmt.Errorf("%w: %w", api.ErrInvalid, err)
		}
	}
	before, err := n.task(ctx, id)
	if err == nil {
		err = migrateError(n.step(ctx, ev))
	}
	if err != nil {
		return api.Task{}, err
	}
	task, err := n.awaitMove(ctx, ev, attemptOf(&before))
	return n.apiTask(&task), err
}

func migrateError(err error) error {
	var migrate *scheduler.MigrateError
	switch {
	case errors.As(err, &migrate):
		return fmt.Errorf("%w: %w", api.ErrConflict, err)
	case errors.Is(err, scheduler.ErrUnknownTask):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	}
	return err
}

// attemptOf is the number of a task's last attempt.
func attemptOf(t *scheduler.Task) uint32 {
	if len(t.Attempts) == 0 {
		return 0
	}
	return t.Attempts[len(t.Attempts)-1].Number
}

// arrived tells whether the task's last attempt runs, and has said from where it goes on or
// had time to.
func arrived(t *scheduler.Task) bool {
	a := &t.Attempts[len(t.Attempts)-1]
	return t.State == scheduler.Running && (!a.From.IsZero() || a.Unkept != "" || time.Since(a.Started) > arriveTime)
}

// awaitMove waits until a later attempt of the task has arrived, or the task has ended.
func (n *Node) awaitMove(ctx context.Context, ev scheduler.MigrateTask, attempt uint32) (task scheduler.Task, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, migrateTime, fmt.Errorf("task %s has not moved in %v: %w", ev.Task, migrateTime, api.ErrUnavailable))
	defer cancel()
	poll, again := time.NewTicker(migratePoll), time.NewTicker(migrateAgain)
	defer poll.Stop()
	defer again.Stop()
	for {
		if task, err = n.task(ctx, ev.Task); err != nil {
			return task, err
		}
		if task.State.Ended() || attemptOf(&task) > attempt && arrived(&task) {
			return task, nil
		}
		select {
		case <-poll.C:
		case <-again.C:
			if attemptOf(&task) == attempt && task.State == scheduler.Running {
				err = migrateError(n.step(ctx, ev))
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			return task, err
		}
	}
}
