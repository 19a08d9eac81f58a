package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

type eventsInput struct {
	X           exchange
	Type        string `query:"type" enum:"task,worker,model,actor" doc:"Only these"`
	Task        string `query:"task" maxLength:"128" doc:"Only those of the task with this id"`
	Actor       string `query:"actor" maxLength:"255" doc:"Only those of the actor with this name or id"`
	After       string `query:"after" maxLength:"20" pattern:"^[0-9]*$" doc:"Begin after this number; without it, now"`
	LastEventID string `header:"Last-Event-ID" doc:"The same, as browsers ask when they reconnect"`
}

func (s *Server) registerEvents(api huma.API) {
	op := s.operation("events", http.MethodGet, "/events", "Stream state changes")
	op.Description = "Server-sent events: id is the number, event the type, data the Event as JSON."
	schema := schemaOf[Event](api)
	huma.Register(api, streams(op, schema, "text/event-stream"), s.events)
}

// after is the number to begin after.
func (in *eventsInput) after() uint64 {
	for _, text := range []string{in.After, in.LastEventID} {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n
		}
	}
	return FromNow
}

func (in *eventsInput) wants(e Event) bool {
	switch {
	case e.Type == EventMissed:
		return true
	case in.Type != "" && in.Type != e.Type:
		return false
	}
	if in.Actor != "" && (e.Actor == nil || e.Actor.Name != in.Actor && e.Actor.ID != in.Actor) {
		return false
	}
	return in.Task == "" || e.Task != nil && e.Task.ID == in.Task
}

func (s *Server) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	return s.answer(&in.X, func(w *responder) error {
		if err := w.begin("text/event-stream"); err != nil {
			return err
		}
		for e := range s.backend.Events(ctx, in.after()) {
			if !in.wants(e) {
				continue
			}
			if err := w.event(e); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// event writes a server-sent event
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). JSON has no
// line ends of its own.
func (w *responder) event(e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data); err != nil {
		return err
	}
	return w.flush()
}
