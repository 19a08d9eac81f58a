package scheduler

import (
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

var (
	// ErrUnknownTask is a task that this node has not accepted, or has forgotten.
	ErrUnknownTask = errors.New("unknown task")
	// ErrKeyReused is an idempotency key that came with another task before.
	ErrKeyReused = errors.New("idempotency key was used for another task")
	// ErrNoCapacity is wrapped when a reservation does not fit.
	ErrNoCapacity = errors.New("not enough capacity")
	// ErrUnknownAllotment is an allotment that was released already.
	ErrUnknownAllotment = errors.New("unknown allotment")
	// ErrJournal is wrapped when what was persisted cannot be read back.
	ErrJournal = errors.New("damaged journal")
)

// BusyError refuses a submission for now.
type BusyError struct {
	// RetryAfter is when to try again.
	RetryAfter time.Duration
	// Cause is "queue is full" or "rate of this submitter".
	Cause string
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s: try again in %v", e.Cause, e.RetryAfter)
}

// ExistsError says that a submission with this idempotency key was accepted
// before, as this task.
type ExistsError struct{ Task wire.TaskID }

func (e *ExistsError) Error() string { return fmt.Sprintf("submitted before as task %s", e.Task) }

// MigrateError is why a task cannot go on elsewhere now.
type MigrateError struct{ Why string }

func (e *MigrateError) Error() string { return "cannot migrate: " + e.Why }
