package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// ActorLog is a piece of what an actor has written.
type ActorLog struct {
	Seq    uint64    `json:"seq" doc:"Number of this piece on its node; to continue, ask from the next"`
	Epoch  uint64    `json:"epoch" doc:"Activation that wrote it"`
	Node   string    `json:"node,omitempty" doc:"Where that was"`
	Stream string    `json:"stream" enum:"stdout,stderr,log"`
	Time   time.Time `json:"time,omitzero"`
	Data   []byte    `json:"data" doc:"The bytes, at most 64 KiB"`
}

type actorLogsInput struct {
	ActorParam
	X      exchange
	Follow bool   `query:"follow" doc:"Go on for as long as the actor is there"`
	From   uint64 `query:"from" doc:"Number of the first piece wanted"`
	Accept string `header:"Accept"`
}

func (s *Server) registerActorLogs(api huma.API) {
	op := s.operation("actor-logs", http.MethodGet, "/actors/{name}/logs", "Stream what an actor has written")
	op.Description = "As text/plain the bytes as they came; as application/x-ndjson pieces with their stream, epoch and number."
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
		for piece, err := range s.backend.ActorLogs(ctx, a.ID, LogOptions{Follow: in.Follow, From: in.From}) {
			if err == nil {
				err = w.piece(piece, lines)
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	}), nil
}

func (w *responder) piece(p ActorLog, asLine bool) error {
	if asLine {
		return w.line(p)
	}
	if _, err := w.Write(p.Data); err != nil {
		return err
	}
	return w.flush()
}
