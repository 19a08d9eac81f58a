package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const ndjson = "application/x-ndjson"

type logsInput struct {
	IDParam
	X      exchange
	Follow bool   `query:"follow" default:"true" doc:"Go on until the task has ended"`
	From   uint64 `query:"from" doc:"Number of the first piece wanted"`
	Stream string `query:"stream" enum:"stdout,stderr" doc:"Only this one"`
	Accept string `header:"Accept"`
}

// LogLine is a line of application/x-ndjson: a piece of output or, as the last
// line of a stream that was followed, the task that has ended.
type LogLine struct {
	*LogChunk
	End *Task `json:"end,omitempty"`
}

func (s *Server) registerLogs(api huma.API) {
	op := s.operation("task-logs", http.MethodGet, "/tasks/{id}/logs", "Stream a task's output until it has ended")
	op.Description = "As text/plain the bytes as they came; as application/x-ndjson pieces with their stream, attempt and number, " +
		"and at the end the task."
	huma.Register(api, streams(op, binary, "text/plain", ndjson), s.logs)
}

func (s *Server) logs(ctx context.Context, in *logsInput) (*huma.StreamResponse, error) {
	task, err := s.backend.Task(ctx, in.ID)
	if err != nil {
		return nil, problem(err)
	}
	return s.answer(&in.X, func(w *responder) error {
		if strings.Contains(in.Accept, ndjson) {
			return s.logLines(ctx, w, in, task.ID)
		}
		return s.logText(ctx, w, in, task.ID)
	}), nil
}

func (s *Server) logText(ctx context.Context, w *responder, in *logsInput, id string) error {
	if err := w.begin("text/plain; charset=utf-8"); err != nil {
		return err
	}
	return s.eachChunk(ctx, in, id, func(c LogChunk) error {
		if _, err := w.Write(c.Data); err != nil {
			return err
		}
		return w.flush()
	})
}

func (s *Server) logLines(ctx context.Context, w *responder, in *logsInput, id string) error {
	if err := w.begin(ndjson); err != nil {
		return err
	}
	err := s.eachChunk(ctx, in, id, func(c LogChunk) error { return w.line(LogLine{LogChunk: &c}) })
	if err != nil || !in.Follow {
		return err
	}
	task, err := s.backend.Wait(ctx, id) // it has ended: this is how
	if err != nil {
		return err
	}
	return w.line(LogLine{End: &task})
}

func (s *Server) eachChunk(ctx context.Context, in *logsInput, id string, do func(LogChunk) error) error {
	for chunk, err := range s.backend.Logs(ctx, id, LogOptions{Follow: in.Follow, From: in.From}) {
		if err != nil {
			return err
		}
		if in.Stream != "" && in.Stream != chunk.Stream {
			continue
		}
		if err := do(chunk); err != nil {
			return err
		}
	}
	return ctx.Err()
}
