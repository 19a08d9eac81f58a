package group

import (
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// Group is one replica of an actor's group. It is used by one goroutine at a time.
type Group struct{}

// First is what each of the first replicas of a new actor begins with: base without a
// checkpoint; its members are the voters. The base must be valid.
func First(base wire.Base) Saved { panic("soon") }

// New makes a replica from what is on disk: First, what Writes have made of it, or, for
// a replica that joins, nothing. Its error wraps ErrInvalid or ErrBroken.
func New(cfg Config, actor wire.ActorID, replica uint64, saved Saved) (*Group, error) {
	panic("soon")
}

// Step takes in an event. Errors are the event's, or wrap ErrBroken or ErrMessage; with
// every error but ErrBroken, Ready is still to be carried out.
func (g *Group) Step(now time.Time, ev Event) (Ready, error) { panic("soon") }

// Deadline is when to step Tick; zero: not at all.
func (g *Group) Deadline() time.Time { panic("soon") }

// Idle tells whether the group waits for nothing: no write, no election, no answer.
func (g *Group) Idle() bool { panic("soon") }

// Fresh tells whether a majority has said lately that this replica leads.
func (g *Group) Fresh(now time.Time) bool { panic("soon") }

// Leads tells whether this replica is the leader, and its epoch or the highest known.
func (g *Group) Leads() (epoch uint64, ok bool) { panic("soon") }

// Leader is the node that leads as far as this replica knows, empty if it knows none,
// and the epoch. It may be out of date.
func (g *Group) Leader() (node wire.NodeID, epoch uint64) { panic("soon") }

// Base is where the log begins. It is the zero Base in a replica that has just joined.
func (g *Group) Base() wire.Base { panic("soon") }

// Roster is who belongs to the group, as far as committed here.
func (g *Group) Roster() Roster { panic("soon") }

// Progress tells how far each replica is; nil if this one does not lead.
func (g *Group) Progress() []Progress { panic("soon") }

// Last is the last entry of the log, Applied the last that was handed out in Committed
// or lies before the base.
func (g *Group) Last() uint64    { panic("soon") }
func (g *Group) Applied() uint64 { panic("soon") }
