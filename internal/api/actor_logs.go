package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// ActorLog is a line of what an actor has said.
type ActorLog struct {
	Time   time.Time `json:"time"`
	Epoch  uint64    `json:"epoch" doc:"Activation that said it"`
	Stream string    `json:"stream" enum:"stdout,stderr,log"`
	Level  string    `json:"level,omitempty" doc:"Of stream log: debug, info, warn or error"`
	Text   string    `json:"text"`
}

// ActorLogOptions choose lines.
type ActorLogOptions struct {
	Tail   int  // how many of the last lines to begin with; 0 is all that are kept
	Follow bool // go on until the context is done
}

type actorLogsInput struct {
	ActorParam
	X      exchange
	Follow bool   `query:"follow" doc:"Go on for as long as somebody listens"`
	Tail   int    `query:"tail" minimum:"0" maximum:"1000000000" doc:"How many of the last lines to begin with; 0 is all that are kept"`
	Accept string `header:"Accept"`
}

func (s *Server) registerActorLogs(api huma.API) {
	op := s.operation("actor-logs", http.MethodGet, "/actors/{name}/logs", "Stream what an actor has written")
	op.Description = "As text/plain the lines alone; as application/x-ndjson with time, epoch and stream."
	schemaOf[ActorLog](api)
	huma.Register(api, streams(op, binary, "text/plain", ndjson), s.actorLogs)
}

func (s *Server) actorLogs(ctx context.Context, in *actorLogsInput) (*huma.StreamResponse, error) {
	a, err := s.backend.Actor(ctx, in.Name)
	if err != nil {
		return nil, problem(err)
	}
	lines := strings.Contains(in.Accept, ndjson)
	return s.answer(&in.X, func(w *responder) error {
		kind := "text/plain; charset=utf-8"
		if lines {
			kind = ndjson
		}
		if err := w.begin(kind); err != nil {
			return err
		}
		for l, err := range s.backend.ActorLogs(ctx, a.ID, ActorLogOptions{Tail: in.Tail, Follow: in.Follow}) {
			if err == nil {
				err = w.log(l, lines)
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	}), nil
}

func (w *responder) log(l ActorLog, asJSON bool) error {
	if asJSON {
		return w.line(l)
	}
	if _, err := io.WriteString(w, l.Text+"\n"); err != nil {
		return err
	}
	return w.flush()
}
