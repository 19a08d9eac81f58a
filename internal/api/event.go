package api

import (
	"math"
	"time"
)

// FromNow is the number to read events after for those to come only.
const FromNow = math.MaxUint64

// The types of events.
const (
	EventTask   = "task"   // a task changed its state
	EventWorker = "worker" // a node came, changed its state or went
	EventModel  = "model"  // a model was published or withdrawn
	EventActor  = "actor"  // an actor came, moved, changed its state or went
	EventMissed = "missed" // events that the reader was too slow for
)

// Event is a change of state.
type Event struct {
	Seq    uint64    `json:"seq" doc:"Number of this event on this node, from 1"`
	Time   time.Time `json:"time"`
	Type   string    `json:"type" enum:"task,worker,model,actor,missed"`
	Task   *Task     `json:"task,omitempty" doc:"As it is now, without its history"`
	Worker *Worker   `json:"worker,omitempty"`
	Model  *Model    `json:"model,omitempty"`
	Actor  *Actor    `json:"actor,omitempty" doc:"What this node knows of it: name, id, epoch and node"`
	Change string    `json:"change,omitempty" doc:"Of an actor: created, activated, idle, migrated, failed, stopped, upgraded, replaced or removed"`
	Why    string    `json:"why,omitempty" doc:"Of an actor: the reason, in words"`
	Missed uint64    `json:"missed,omitempty" doc:"How many events were dropped"`
}
