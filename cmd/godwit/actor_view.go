package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func actorGrid(list []api.Actor) *grid {
	g := newGrid("NAME", "ID", "STATE", "NODE", "EPOCH", "SEQUENCE", "REPLICAS", "AGE")
	for _, a := range list {
		g.row(a.Name, a.ID[:min(len(a.ID), 12)], a.State, dash(short(a.Node)), a.Epoch, a.Sequence, replicaText(a), ago(a.CreatedAt))
	}
	return g
}

// replicaText counts replicas, and those of them that are there.
func replicaText(a api.Actor) string {
	if len(a.Down) > 0 {
		return fmt.Sprintf("%d/%d", len(a.Replicas)-len(a.Down), len(a.Replicas))
	}
	return fmt.Sprint(len(a.Replicas))
}

func (s *session) showActor(f render.Format, a api.Actor) error {
	return s.show(f, a, func(w io.Writer) error { return actorFacts(a).write(w) })
}

func actorFacts(a api.Actor) *grid {
	g := newGrid()
	g.fact("name", "%s", a.Name)
	g.fact("id", "%s", a.ID)
	state := a.State
	if a.Why != "" {
		state += ": " + a.Why
	}
	g.fact("state", "%s", state)
	g.fact("epoch", "%d", a.Epoch)
	g.fact("node", "%s", a.Node)
	g.fact("replicas", "%s", replicaLines(a))
	if a.State != api.ActorUnavailable { // of which nobody can tell
		g.fact("sequence", "%d, of these %d in a checkpoint", a.Sequence, a.Checkpointed)
	}
	if a.Waiting > 0 {
		g.fact("waiting", "%d messages", a.Waiting)
	}
	g.fact("module", "%s", a.Module)
	g.fact("previous", "%s", a.Previous)
	limitFacts(g, a.Request)
	g.fact("created", "%s ago", ago(a.CreatedAt))
	for _, h := range a.History {
		g.fact(fmt.Sprintf("epoch %d", h.Epoch), "%s on %s, %s", h.At.Format(time.RFC3339), h.Node, h.Reason)
	}
	return g
}

// showReplicas prints what each node knows of an actor.
func (s *session) showReplicas(f render.Format, name string) error {
	list, err := s.ActorReplicas(s.ctx, name)
	if err != nil {
		return err
	}
	g := newGrid("NODE", "ROLE", "EPOCH", "LEADER", "LAST", "COMMITTED", "EXECUTED", "BASE", "HELD", "WAITING", "DOWN")
	for _, r := range list {
		role := r.Role
		if r.Error != "" {
			role = r.Error
		}
		g.row(short(r.Node), role, r.Epoch, dash(short(r.Leader)), r.Last, r.Committed, r.Executed, r.Base, r.Held, r.Waiting, len(r.Down))
	}
	return s.show(f, api.ActorReplicaList{Replicas: list}, g.write)
}

// replicaLines has a line for each replica, with what is special about it.
func replicaLines(a api.Actor) string {
	var lines []string
	for _, id := range a.Replicas {
		switch {
		case slices.Contains(a.Down, id):
			id += " (down)"
		case slices.Contains(a.Learning, id):
			id += " (in the making)"
		}
		lines = append(lines, id)
	}
	return strings.Join(lines, "\n")
}

func limitFacts(g *grid, r api.ActorRequest) {
	if r.Limits.Fuel > 0 {
		g.fact("fuel", "%s for each message", units.Count(r.Limits.Fuel))
	}
	if r.Limits.MemoryBytes > 0 {
		g.fact("memory", "%s at most", units.Size(r.Limits.MemoryBytes).Approx())
	}
	if r.GPU != "" {
		g.fact("gpu", "%s", strings.TrimSpace(r.GPU+" "+r.ComputeCap))
	}
	g.fact("on failure", "%s", r.Supervision.OnFailure)
}

// actorLogs prints lines as they come.
func (s *session) actorLogs(name string, o api.ActorLogOptions, format render.Format) error {
	lines := json.NewEncoder(s.out)
	for l, err := range s.ActorLogs(s.ctx, name, o) {
		if err != nil {
			return err
		}
		switch {
		case format != render.Table:
			err = lines.Encode(l)
		case l.Stream == "stdout":
			_, err = fmt.Fprintln(s.out, l.Text)
		case l.Stream == "log":
			_, err = fmt.Fprintf(os.Stderr, "%s %s\n", l.Level, render.Printable(l.Text))
		default:
			_, err = fmt.Fprintln(os.Stderr, l.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
