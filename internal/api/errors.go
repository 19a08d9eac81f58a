package api

import (
	"errors"
	"fmt"
	"time"
)

// What a request can fail with. Every one has its HTTP status (see problem.go),
// and a client gets the same sentinel back from the answer.
var (
	// ErrInvalid is a request that cannot be carried out whatever the state (422).
	ErrInvalid = errors.New("invalid request")
	// ErrNotFound is a task, node, blob or model that nobody knows (404).
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous is a short id that several things begin with (409).
	ErrAmbiguous = errors.New("ambiguous id")
	// ErrConflict contradicts what is there already (409).
	ErrConflict = errors.New("conflict")
	// ErrUnauthorized is a missing or wrong token (401).
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is a request that this client may not make (403).
	ErrForbidden = errors.New("forbidden")
	// ErrTooLarge is a request larger than the node accepts (413).
	ErrTooLarge = errors.New("too large")
	// ErrIsDir is a directory where a file is wanted, or the reverse (409).
	ErrIsDir = errors.New("is a directory")
	// ErrDamaged is content that is damaged on disk and that nobody else has (502).
	ErrDamaged = errors.New("damaged content")
	// ErrUnavailable is a node that starts, drains or stops (503).
	ErrUnavailable = errors.New("node unavailable")
	// ErrInterrupted is a stream from a node that broke off (clients only).
	ErrInterrupted = errors.New("connection to the node broke off")
	// ErrNoSpace is a full disk or quota (507).
	ErrNoSpace = errors.New("no space left")
)

// BusyError is a full queue, or a submitter above its rate (429).
type BusyError struct {
	RetryAfter time.Duration // when it is worth to try again; at least a second on the wire
	Cause      string        // "queue is full", "rate of this submitter"
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s: try again in %v", e.Cause, e.RetryAfter)
}
