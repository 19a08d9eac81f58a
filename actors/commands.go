package actors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// The purposes of streams. All but push, list and inspect are for the actor's leader.
const (
	forPush     = "push"
	forShow     = "show"
	forList     = "list"
	forLogs     = "logs"
	forMigrate  = "migrate"
	forSnapshot = "snapshot"
	forUpgrade  = "upgrade"
	forFetch    = "fetch"
	forHandover = "handover"
	forInspect  = "inspect"
)

// command is a stream on which something is asked of an actor's leader.
type command struct {
	actor      wire.ActorID
	from       wire.NodeID
	detail     []byte
	checkpoint *wire.Checkpoint
	answered   bool
	*conn
}

// answer is the first frame back.
type answer struct {
	// Code is how it went: empty if it is done, or begins.
	Code string `json:"code,omitempty"`
	// Detail says it in words.
	Detail string `json:"detail,omitempty"`
	// Leader is whom to ask instead.
	Leader wire.NodeID     `json:"leader,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// The errors that have a code, so that they are the same on the other side.
var coded = map[string]error{
	"not_found": ErrNotFound, "ambiguous": ErrAmbiguous, "exists": ErrExists, "invalid": ErrInvalid,
	"unavailable": ErrUnavailable, "busy": ErrBusy, "stopped": ErrStopped, "timeout": ErrTimeout,
}

// Codes that are no errors of a client.
const (
	codeRefused    = "refused"
	codeRedirected = "redirected"
	codeFailed     = "failed"
)

// redirectError says who leads.
type redirectError struct{ leader wire.NodeID }

func (e *redirectError) Error() string { return "the actor is led elsewhere" }

// ok answers that it is done, with a body.
func (c *command) ok(body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.answered = true
	return c.putValue(answer{Body: b})
}

// fail answers why it is not done.
func (c *command) fail(err error) error {
	a := answer{Code: codeFailed, Detail: err.Error()}
	for code, sentinel := range coded {
		if errors.Is(err, sentinel) {
			a.Code = code
		}
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		a.Code, a.Detail = codeRefused, refused.Reason
	}
	if elsewhere, ok := errors.AsType[*redirectError](err); ok {
		a.Code, a.Leader = codeRedirected, elsewhere.leader
	}
	if len(a.Detail) > wire.MaxDetail {
		a.Detail = a.Detail[:wire.MaxDetail]
	}
	return c.putValue(a)
}

// answerError is an error that has a code, in the words of the node that it is from.
type answerError struct {
	sentinel error
	detail   string
}

func (e *answerError) Error() string { return cmp.Or(e.detail, e.sentinel.Error()) }
func (e *answerError) Unwrap() error { return e.sentinel }

// err is the error that an answer stands for.
func (a *answer) err() error {
	switch a.Code {
	case "":
		return nil
	case codeRefused:
		return &RefusedError{Reason: a.Detail}
	case codeRedirected:
		return &redirectError{a.Leader}
	}
	if sentinel := coded[a.Code]; sentinel != nil {
		return &answerError{sentinel, a.Detail}
	}
	return fmt.Errorf("the actor's node: %s", a.Detail)
}

// request opens a stream to a node, or to this one, and has it answer. The stream is
// open then for what follows the answer's body.
func (h *Host) request(ctx context.Context, to wire.NodeID, b wire.Bulk, body any) (*conn, error) {
	stream, err := h.open(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c := newConn(stream)
	stop := context.AfterFunc(ctx, func() { stream.Reset() })
	defer stop()
	if err := c.requestOn(b, body); err != nil {
		stream.Reset()
		if ctx.Err() != nil {
			err = ErrTimeout
		}
		return nil, err
	}
	return c, nil
}

func (c *conn) requestOn(b wire.Bulk, body any) error {
	head, err := wire.Encode(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := errors.Join(c.put(head), c.flush()); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var a answer
	if err := c.getValue(&a); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := a.err(); err != nil || body == nil {
		return err
	}
	return json.Unmarshal(a.Body, body)
}

// open opens a stream to a node; one to this node itself is a pipe.
func (h *Host) open(ctx context.Context, to wire.NodeID) (Stream, error) {
	if to != h.cfg.Self {
		return h.cfg.Network.Open(ctx, to)
	}
	here, there := net.Pipe()
	if !h.begin() {
		return nil, ErrUnavailable
	}
	go func() {
		defer h.work.Done()
		if err := h.Serve(h.ctx, h.cfg.Self, pipe{there}); err != nil {
			h.cfg.Log.Debug("command", "err", err)
		}
		there.Close()
	}()
	return pipe{here}, nil
}

// pipe is a Stream inside this process.
type pipe struct{ net.Conn }

// CloseWrite does nothing: what is said over a pipe says itself where it ends.
func (pipe) CloseWrite() error { return nil }

// Reset closes the pipe.
func (p pipe) Reset() error { return p.Close() }

// ofLeader does a command at the actor's leader, wherever that is and goes, until it
// is done or ctx is, or nobody leads it for callWithout.
func (h *Host) ofLeader(ctx context.Context, actor, purpose string, detail, body any) (*conn, error) {
	c, _, err := h.atLeader(ctx, actor, purpose, detail, body)
	return c, err
}

// atLeader is ofLeader, and tells which actor was meant, if any. A name may have got another
// one since this node has heard of it.
func (h *Host) atLeader(ctx context.Context, actor, purpose string, detail, body any) (*conn, wire.Where, error) {
	raw, err := json.Marshal(detail)
	if err != nil {
		return nil, wire.Where{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	where, err := h.locate(ctx, actor)
	for tries := 1; err == nil; tries++ {
		b := wire.Bulk{Actor: where.Actor, Purpose: purpose, Detail: raw}
		c, failed := h.ofLeaderAt(ctx, where, b, body)
		if !errors.Is(failed, ErrNotFound) || tries == maxNamed {
			return c, where, failed
		}
		where, err = h.relocate(ctx, actor, where)
	}
	return nil, wire.Where{}, err
}

// maxNamed is how many actors of a name, one after the other, may be gone before that is
// believed.
const maxNamed = 3

// ofLeaderAt is ofLeader for an actor that was found.
func (h *Host) ofLeaderAt(ctx context.Context, where wire.Where, b wire.Bulk, body any) (*conn, error) {
	avoid, patience := wire.NodeID(""), callWithout
	for {
		to, tried := h.route(ctx, where.Actor, avoid), time.Now()
		c, err := h.request(ctx, to, b, body)
		elsewhere, redirected := errors.AsType[*redirectError](err)
		switch {
		case err == nil:
			return c, nil
		case redirected:
			h.redirected(where.Actor, elsewhere.leader)
			avoid = ""
			if elsewhere.leader != "" {
				patience = callWithout
			}
		case errors.Is(err, ErrUnavailable):
			avoid = to
		default:
			return nil, err
		}
		if patience -= commandPause + min(time.Since(tried), commandTry); patience <= 0 {
			return nil, fmt.Errorf("%w: too few of its nodes can be reached", ErrUnavailable)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-time.After(commandPause):
		}
	}
}

const (
	// commandPause is between two tries of a command.
	commandPause = 40 * time.Millisecond
	// commandTry is how much of the time that a try takes counts as waiting for a leader: if
	// it takes longer there was one, which was at work, or the machine is slow.
	commandTry = 60 * time.Millisecond
)

// Serve implements [Handler]: it does what a stream is opened for.
func (h *Host) Serve(ctx context.Context, from wire.NodeID, s Stream) error {
	c := newConn(s)
	if err := s.SetDeadline(time.Now().Add(h.cfg.Deadline)); err != nil {
		return err
	}
	head, err := c.get(wire.MaxFrame)
	if err != nil {
		return err
	}
	b, err := wire.DecodeAs[wire.Bulk](head)
	if err != nil {
		return err
	}
	if err := s.SetDeadline(time.Time{}); err != nil {
		return err
	}
	serve := map[string]func(context.Context, *command) error{
		forPush: h.servePush, forShow: h.serveShow, forList: h.serveList, forLogs: h.serveLogs,
		forMigrate: h.serveMigrate, forSnapshot: h.serveSnapshot, forUpgrade: h.serveUpgrade,
		forFetch: h.serveFetch, forHandover: h.serveHandover, forInspect: h.serveInspect,
	}[b.Purpose]
	if serve == nil {
		return fmt.Errorf("stream for %.32q: %w", b.Purpose, ErrInvalid)
	}
	cmd := &command{actor: b.Actor, from: from, detail: b.Detail, checkpoint: b.Checkpoint, conn: c}
	err = serve(ctx, cmd)
	switch {
	case err == nil || err == io.EOF:
		return nil
	case cmd.answered:
		return err
	}
	h.cfg.Log.Debug("a command was refused", "actor", b.Actor, "purpose", b.Purpose, "from", from, "err", err)
	return cmd.fail(err) // no error: a stream that is reset may lose the answer
}
