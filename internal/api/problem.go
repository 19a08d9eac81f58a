package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is an error as it goes over the wire: application/problem+json
// (RFC 9457) with a machine's code and a person's hint.
type Problem struct {
	Title  string `json:"title,omitempty" doc:"What kind of problem"`
	Status int    `json:"status" doc:"HTTP status"`
	Detail string `json:"detail,omitempty" doc:"The cause in this case"`
	Code   string `json:"code,omitempty" doc:"The kind as a word that does not change"`
	Hint   string `json:"hint,omitempty" doc:"What can be done about it"`
	// Errors are the parts of the request that are wrong.
	Errors []*huma.ErrorDetail `json:"errors,omitempty"`

	retryAfter time.Duration
}

// kinds are the sentinels on the wire. The first that an error wraps counts.
var kinds = []struct {
	err    error
	status int
	code   string
}{
	{ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	{ErrNotFound, http.StatusNotFound, "not_found"},
	{ErrAmbiguous, http.StatusConflict, "ambiguous"},
	{ErrConflict, http.StatusConflict, "conflict"},
	{ErrIsDir, http.StatusConflict, "is_directory"},
	{ErrUnauthorized, http.StatusUnauthorized, "unauthorized"},
	{ErrForbidden, http.StatusForbidden, "forbidden"},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large"},
	{ErrDamaged, http.StatusBadGateway, "damaged"},
	{ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{ErrNoSpace, http.StatusInsufficientStorage, "no_space"},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, "stalled"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout"},
	{context.Canceled, http.StatusServiceUnavailable, "cancelled"},
}

const codeBusy = "busy"

// codeMessage is a message that an actor failed at or refused (422): the node has done its
// part, and the same message would end in the same way.
const codeMessage = "message_failed"

// problem turns an error of the backend into what the client gets.
func problem(err error) *Problem {
	p := &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: err.Error()}
	var busy *BusyError
	var message *MessageError
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &message):
		p.Status, p.Code, p.Detail = http.StatusUnprocessableEntity, codeMessage, message.Reason
	case errors.As(err, &busy):
		p.Status, p.Code, p.retryAfter = http.StatusTooManyRequests, codeBusy, max(busy.RetryAfter, time.Second)
		p.Detail = busy.Cause
	default:
		for _, k := range kinds {
			if errors.Is(err, k.err) {
				p.Status, p.Code = k.status, k.code
				break
			}
		}
	}
	if errors.As(err, &hinted) {
		p.Hint = hinted.Hint()
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// Error implements huma.StatusError.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="godwit"`)
	}
	return h
}

// write answers a request that no operation has seen.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the client may be gone: there is nobody to tell
}

// WithHint adds to an error what people can do about it. It travels to the
// client.
func WithHint(err error, hint string) error { return hintedError{err, hint} }

type hintedError struct {
	error
	hint string
}

func (e hintedError) Hint() string  { return e.hint }
func (e hintedError) Unwrap() error { return e.error }

// RemoteError is an error that a node answered with. It wraps the sentinel of
// its kind, or a *BusyError.
type RemoteError struct {
	Problem Problem
	kind    error
}

func (e *RemoteError) Error() string {
	var message *MessageError
	if errors.As(e.kind, &message) {
		return message.Error()
	}
	text := e.Problem.Detail
	if text == "" {
		text = e.Problem.Title
	}
	for _, d := range e.Problem.Errors {
		text += fmt.Sprintf("; %s: %s", d.Location, d.Message)
	}
	return text
}

// Hint is what the node says can be done about it.
func (e *RemoteError) Hint() string  { return e.Problem.Hint }
func (e *RemoteError) Unwrap() error { return e.kind }

// remoteError reads the error back that problem wrote.
func remoteError(p Problem, header http.Header) error {
	e := &RemoteError{Problem: p}
	if p.Code == codeBusy || p.Status == http.StatusTooManyRequests {
		seconds, _ := strconv.Atoi(header.Get("Retry-After")) // 0 if it is none: a second
		e.kind = &BusyError{RetryAfter: time.Duration(min(max(seconds, 1), 3600)) * time.Second, Cause: p.Detail}
		return e
	}
	if p.Code == codeMessage {
		e.kind = &MessageError{Reason: p.Detail}
		return e
	}
	for _, k := range kinds {
		if p.Code == k.code || p.Code == "" && p.Status == k.status {
			e.kind = k.err
			break
		}
	}
	return e
}
