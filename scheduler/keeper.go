package scheduler

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

var (
	// ErrFenced is wrapped when an attempt has been given up: a later one is known.
	ErrFenced = errors.New("a later attempt goes on with this task")
	// ErrNotGranted is wrapped when a node asks for what it has no grant for.
	ErrNotGranted = errors.New("not granted")
	// ErrKeeperFull is wrapped when a keeper takes no more tasks.
	ErrKeeperFull = errors.New("no room for more checkpoints")
)

// KeeperConfig configures a Keeper. The zero value of a field means its default, except
// Self, which must be set.
type KeeperConfig struct {
	// Self is this node.
	Self wire.NodeID
	// MaxTasks bounds how many tasks are known, and MaxPerSubmitter those of one
	// submitter. Defaults 4096 and 1024.
	MaxTasks, MaxPerSubmitter int
	// KeepFor is how long checkpoints are kept of a task that nobody asks for, and how
	// long it is remembered that a task's were dropped. Default 24 h.
	KeepFor time.Duration
	// Trust is how far a submitter is trusted, from 0 to 1; below MinTrust nothing is kept
	// for it. Defaults: everyone 0.5, and 0.1.
	Trust    func(wire.NodeID) float64
	MinTrust float64
}

func (c KeeperConfig) withDefaults() KeeperConfig {
	c.MaxTasks, c.KeepFor = cmp.Or(c.MaxTasks, 4096), cmp.Or(c.KeepFor, 24*time.Hour)
	c.MinTrust, c.MaxPerSubmitter = cmp.Or(c.MinTrust, 0.1), cmp.Or(c.MaxPerSubmitter, 1024)
	if c.Trust == nil {
		c.Trust = func(wire.NodeID) float64 { return 0.5 }
	}
	return c
}

// Keeper decides whose checkpoints this node keeps, and who may have them. It is the
// fence: once it has seen the grant of an attempt, it takes nothing of an earlier one.
// Like the cores it does no I/O; unlike them it may be asked by anybody who has a lock.
type Keeper struct {
	cfg   KeeperConfig
	tasks map[Kept]*keptTask
}

// Kept names the checkpoints of one task.
type Kept struct {
	Submitter wire.NodeID
	Task      wire.TaskID
}

// Name is what the task's checkpoints are called in a store.
func (k Kept) Name() string { return keptPrefix + k.Submitter.String() + "/" + k.Task.String() }

const keptPrefix = "task/"

// keptTask is what is known of a task.
type keptTask struct {
	attempt uint32 // the latest one known
	dropped bool
	seen    time.Time
}

// NewKeeper makes a keeper that knows of no task.
func NewKeeper(cfg KeeperConfig) *Keeper {
	return &Keeper{cfg: cfg.withDefaults(), tasks: make(map[Kept]*keptTask)}
}

// Restore tells of checkpoints that are there, up to those of an attempt.
func (k *Keeper) Restore(now time.Time, of Kept, attempt uint32) {
	k.tasks[of] = &keptTask{attempt: attempt, seen: now}
}

// Admit checks a claim that is not wire.VerbDrop of a node, with the grant that it shows.
func (k *Keeper) Admit(now time.Time, from wire.NodeID, verb wire.Verb, g *wire.Grant) error {
	of := Kept{g.Submitter, g.Task}
	switch {
	case g.Executor != from:
		return fmt.Errorf("%w: to another node", ErrNotGranted)
	case verb == wire.VerbKeep && !slices.Contains(g.Keepers, k.cfg.Self):
		return fmt.Errorf("%w: this node is no keeper", ErrNotGranted)
	case g.Submitter != k.cfg.Self && k.cfg.Trust(g.Submitter) < k.cfg.MinTrust:
		return fmt.Errorf("%w: the submitter is not trusted", ErrNotGranted)
	}
	t := k.tasks[of]
	switch {
	case t == nil && verb != wire.VerbKeep:
		return nil // there is nothing
	case t == nil && !k.hasRoom(of.Submitter):
		return ErrKeeperFull
	case t == nil:
		t = &keptTask{}
		k.tasks[of] = t
	case t.attempt > g.Attempt:
		return fmt.Errorf("%w: attempt %d is known, this is %d", ErrFenced, t.attempt, g.Attempt)
	case t.dropped:
		return fmt.Errorf("%w: the task has ended", ErrFenced)
	}
	t.attempt, t.seen = g.Attempt, now
	return nil
}

// Keeping tells of a checkpoint of an attempt that has just been written here, whoever has
// made it. It is false if the task has ended meanwhile: then nothing of it may stay.
func (k *Keeper) Keeping(now time.Time, of Kept, attempt uint32) bool {
	t := k.tasks[of]
	if t == nil {
		t = &keptTask{}
		k.tasks[of] = t
	}
	t.attempt, t.seen = max(t.attempt, attempt), now
	return !t.dropped
}

// hasRoom tells whether another task of a submitter can be known. Those that have ended
// make room.
func (k *Keeper) hasRoom(submitter wire.NodeID) bool {
	if len(k.tasks) >= k.cfg.MaxTasks {
		maps.DeleteFunc(k.tasks, func(_ Kept, t *keptTask) bool { return t.dropped })
	}
	of := 0
	for kept, t := range k.tasks {
		if kept.Submitter == submitter && !t.dropped {
			of++
		}
	}
	return len(k.tasks) < k.cfg.MaxTasks && of < k.cfg.MaxPerSubmitter
}

// Took tells whether a checkpoint may be kept under a grant that was admitted: it is what
// that very attempt has made.
func Took(g *wire.Grant, by wire.NodeID, at wire.Point) error {
	if by != g.Executor || at.Attempt != g.Attempt || at.Sequence == 0 {
		return fmt.Errorf("%w: a checkpoint of attempt %d made by %s", ErrNotGranted, at.Attempt, by.Short())
	}
	return nil
}

// Drop forgets a task, of which nothing may be kept any more, and tells whether anything
// was. Only its submitter may ask for that.
func (k *Keeper) Drop(now time.Time, of Kept) bool {
	t := k.tasks[of]
	if t == nil || t.dropped {
		return false
	}
	t.dropped, t.seen = true, now
	return true
}

// Expired lists tasks that nobody has asked for in a long time; they are forgotten.
func (k *Keeper) Expired(now time.Time) (list []Kept) {
	for of, t := range k.tasks {
		if t.seen.Add(k.cfg.KeepFor).After(now) {
			continue
		}
		delete(k.tasks, of)
		if !t.dropped {
			list = append(list, of)
		}
	}
	slices.SortFunc(list, func(a, b Kept) int {
		return cmp.Or(cmp.Compare(a.Submitter, b.Submitter), a.Task.Compare(b.Task))
	})
	return list
}

// Tasks counts those of which checkpoints are kept.
func (k *Keeper) Tasks() (n int) {
	for t := range maps.Values(k.tasks) {
		if !t.dropped {
			n++
		}
	}
	return n
}

// Best are the checkpoints to go on from, of those that nodes say they have: those that
// count for the grant, the newest first, and of one point each holder in turn.
func Best(g *wire.Grant, found []Offered) []Offered {
	found = slices.DeleteFunc(slices.Clone(found), func(o Offered) bool { return !g.Made(o.Maker, o.Attempt) })
	slices.SortStableFunc(found, func(a, b Offered) int { return b.Point.Compare(a.Point) })
	return found
}

// Offered is a checkpoint and who says that it has it.
type Offered struct {
	wire.Held
	Holder wire.NodeID
}
