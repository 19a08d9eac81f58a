package scheduler

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// ExecutorConfig configures an Executor. The zero value of a field means its
// default, except Key and Capacity, which must be set.
type ExecutorConfig struct {
	// Key signs results; it is the node's.
	Key ed25519.PrivateKey
	// Capacity is what tasks may have of this node, in all.
	Capacity wire.Capacity

	// MaxRuns bounds attempts reserved, running or stopping. Default 1024.
	MaxRuns int
	// MaxUnacked bounds results kept for one submitter, beyond which it is refused
	// new work. Default 4096.
	MaxUnacked int
	// KeepUnacked is how long a result waits for a submitter that has gone.
	// Default 24 h.
	KeepUnacked time.Duration
	// MaxLease is the longest reservation. Default 10 s.
	MaxLease time.Duration
	// OfferLease is how long what is offered in an auction stays reserved unless the
	// offer is taken up. Default 1 s: the longest window, and the way there and back.
	OfferLease time.Duration
	// MaxRunLease is how long a run goes on at most without its submitter's renewing
	// its lease. Default wire.MaxRenewal.
	MaxRunLease time.Duration
	// Cost in millionths of a credit for 1000 units of fuel while nothing runs, at
	// most 2^60; with ten tasks it is half as much again. Default 0.
	Cost uint64
	// Trust is how far a submitter is trusted, from 0 to 1; below MinTrust it gets
	// nothing. The node itself always does. Defaults: everyone 0.5, and 0.1.
	Trust    func(wire.NodeID) float64
	MinTrust float64
	// Heartbeat is how often submitters hear of their attempts. Default 1 s.
	Heartbeat time.Duration
	// ResendAfter is when a result is first sent again; the time doubles up to a
	// minute. Default 1 s.
	ResendAfter time.Duration
}

// maxResend is the longest time between two sendings of a result.
const maxResend = time.Minute

func (c ExecutorConfig) withDefaults() ExecutorConfig {
	c.MaxRuns = cmp.Or(c.MaxRuns, 1024)
	c.MaxUnacked = cmp.Or(c.MaxUnacked, 4096)
	c.KeepUnacked = cmp.Or(c.KeepUnacked, 24*time.Hour)
	c.MaxLease = cmp.Or(c.MaxLease, 10*time.Second)
	c.OfferLease = cmp.Or(c.OfferLease, time.Second)
	c.MaxRunLease = cmp.Or(c.MaxRunLease, wire.MaxRenewal)
	c.MinTrust = cmp.Or(c.MinTrust, 0.1)
	if c.Trust == nil {
		c.Trust = func(wire.NodeID) float64 { return 0.5 }
	}
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.ResendAfter = cmp.Or(c.ResendAfter, time.Second)
	return c
}

// Validate reports the first value that makes no sense.
func (c ExecutorConfig) Validate() error {
	if len(c.Key) != ed25519.PrivateKeySize {
		return fmt.Errorf("executor: no key")
	}
	c = c.withDefaults()
	if c.MaxRuns < 0 || c.MaxUnacked < 0 || min(c.KeepUnacked, c.MaxLease, c.Heartbeat, c.ResendAfter, c.MaxRunLease) < 0 {
		return fmt.Errorf("executor: negative bound or time")
	}
	if c.OfferLease < 0 || c.OfferLease > wire.MaxLease || c.Cost > 1<<60 {
		return fmt.Errorf("executor: offers for %v at a cost of %d", c.OfferLease, c.Cost)
	}
	return c.Capacity.Validate()
}

// Executor is the core that runs attempts. See the package documentation for how
// to drive it.
type Executor struct {
	cfg    ExecutorConfig
	self   wire.NodeID
	ledger *Ledger

	runs map[Run]*run
	// latest are the highest attempts known of tasks that have runs.
	latest map[taskOf]uint32
	// peers are the submitters that have runs.
	peers map[wire.NodeID]*submitterRuns
	// idlers are submitters that let reservations lapse.
	idlers map[wire.NodeID]idler
	shares shares
	// offered are reservations for offers that nobody has taken up yet.
	offered map[Run]*run
	// active counts runs that hold capacity, live those that heartbeats tell of.
	active, live int

	wakes    timers[Run]
	beatAt   time.Time
	draining bool
	drainAt  time.Time
	// yieldAt is when those are given back that had just begun when draining did.
	yieldAt time.Time

	now time.Time
	out Ready
}

// taskOf is a task, whose id is only unique with its submitter's.
type taskOf struct {
	submitter wire.NodeID
	task      wire.TaskID
}

// submitterRuns are the runs of one submitter.
type submitterRuns struct {
	runs    map[wire.Ref]*run
	unacked int
}

// NewExecutor makes an executor without runs. Its error is the configuration's.
func NewExecutor(cfg ExecutorConfig) (*Executor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Executor{
		cfg:     cfg.withDefaults(),
		self:    wire.NodeIDOf(cfg.Key.Public().(ed25519.PublicKey)),
		ledger:  NewLedger(cfg.Capacity),
		runs:    make(map[Run]*run),
		latest:  make(map[taskOf]uint32),
		peers:   make(map[wire.NodeID]*submitterRuns),
		idlers:  make(map[wire.NodeID]idler),
		shares:  newShares(),
		offered: make(map[Run]*run),
		wakes:   newTimers[Run](),
	}, nil
}

// Restore takes what was persisted before a restart: the runs that were going on
// have died, and results not yet acknowledged are sent again. Errors wrap
// [ErrJournal].
func (e *Executor) Restore(now time.Time, records []Record) (Ready, error) {
	e.begin(now)
	for _, rec := range records {
		saved, err := decodeRecord(rec, func(r *runRecord) uint64 { return r.Version })
		if err != nil {
			return Ready{}, err
		}
		r := e.add(Run{saved.Submitter, saved.Ref})
		if saved.Envelope != nil {
			e.keep(r, saved.Envelope, saved.Ended)
			continue
		}
		e.finish(r, wire.Outcome{Status: wire.Failed, Reason: wire.ReasonNodeLost, Message: "the executor restarted"})
	}
	return e.end(), nil
}

// Step takes an event; the shell carries out the Ready.
func (e *Executor) Step(now time.Time, ev Event) Ready {
	e.begin(now)
	switch ev := ev.(type) {
	case Received:
		e.receive(ev.From, ev.Message)
	case Asked:
		e.asked(ev)
	case Ended:
		e.ended(ev.Run, ev.Outcome)
	case SetDraining:
		e.setDraining(ev)
	case Connected:
		e.resendAll(ev.Node)
	case Disconnected:
		e.dropReservations(ev.Node)
	case Lost:
		e.dropReservations(ev.Node)
	}
	e.wake()
	return e.end()
}

// Deadline is when to step with Tick; zero is never.
func (e *Executor) Deadline() time.Time {
	return earliest(e.wakes.next(), e.beatAt, e.drainAt, e.yieldAt)
}

// Free is what is left of the capacity.
func (e *Executor) Free() wire.Capacity { return e.ledger.Free() }

// Total is the capacity in all.
func (e *Executor) Total() wire.Capacity { return e.ledger.Total() }

// Runs counts attempts that hold capacity: reserved, running or stopping.
func (e *Executor) Runs() int { return e.active }

// Draining tells whether new work is refused.
func (e *Executor) Draining() bool { return e.draining }

// Idle tells whether nothing runs and every result was acknowledged.
func (e *Executor) Idle() bool { return len(e.runs) == 0 }

func (e *Executor) begin(now time.Time) { e.now, e.out = now, Ready{} }

func (e *Executor) end() Ready {
	if e.live == 0 {
		e.beatAt = time.Time{}
	} else if e.beatAt.IsZero() {
		e.beatAt = e.now.Add(e.cfg.Heartbeat)
	}
	return e.out
}

func (e *Executor) send(to wire.NodeID, m wire.Message) {
	e.out.Messages = append(e.out.Messages, Outgoing{to, m})
}

func (e *Executor) receive(from wire.NodeID, m wire.Message) {
	switch m := m.(type) {
	case wire.Reserve:
		e.reserve(from, m)
	case wire.Assign:
		e.assign(from, m)
	case wire.Renew:
		e.renew(from, m)
	case wire.Cancel:
		e.cancel(Run{from, m.Ref})
	case wire.Granted:
		e.granted(Run{from, m.Ref}, m.Envelope)
	case wire.Yield:
		if r := e.runs[Run{from, m.Ref}]; r != nil && r.phase == runRunning {
			e.out.Effects = append(e.out.Effects, Yield{r.Run})
		}
	case wire.Ack:
		if r := e.runs[Run{from, m.Ref}]; r != nil && r.phase == runEnded {
			e.forget(r)
		}
	}
}

// wake does what is due.
func (e *Executor) wake() {
	for {
		key, ok := e.wakes.pop(e.now)
		if !ok {
			break
		}
		e.wakeRun(e.runs[key])
	}
	if !e.beatAt.IsZero() && !e.beatAt.After(e.now) {
		e.beat()
		e.beatAt = e.now.Add(e.cfg.Heartbeat)
	}
	if !e.yieldAt.IsZero() && !e.yieldAt.After(e.now) {
		e.yieldAt = time.Time{}
		e.yieldAll()
	}
	if !e.drainAt.IsZero() && !e.drainAt.After(e.now) {
		e.drainAt = time.Time{}
		e.stopAll()
	}
}
