package scheduler

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// SubmitterConfig configures a Submitter. The zero value of a field means its
// default, except Self, which must be set.
type SubmitterConfig struct {
	// Self is this node.
	Self wire.NodeID
	// Policy ranks nodes. Default placement.Default().
	Policy placement.Policy

	// MaxConcurrent bounds tasks being placed or running. Default 100.
	MaxConcurrent int
	// MaxQueued bounds tasks that wait. Default 10,000.
	MaxQueued int
	// MaxEnded bounds how many ended tasks are remembered, and KeepEnded how long.
	// Defaults 10,000 and 24 h. Idempotency keys are remembered with their tasks.
	MaxEnded  int
	KeepEnded time.Duration
	// MaxNodes bounds the view of the mesh. Default 16,384.
	MaxNodes int
	// Rate bounds submissions of one client a second, and Burst how many may come
	// at once. Defaults 0, no bound, and twice the rate.
	Rate  float64
	Burst int

	// BackoffBase and BackoffMax bound the wait before a new attempt, which
	// doubles with every failure. Defaults 2 s and 60 s.
	BackoffBase, BackoffMax time.Duration
	// NoRetryOnTimeout and NoRetryOnNodeLoss make these failures final.
	NoRetryOnTimeout, NoRetryOnNodeLoss bool

	// AnswerTimeout is how long an executor may take to answer a Reserve or
	// Assign. Default 2 s.
	AnswerTimeout time.Duration
	// LostAfter is how long an executor may be silent about an attempt. Default
	// 3.5 s, for heartbeats every second.
	LostAfter time.Duration
	// ReconnectGrace is how long a closed connection may take to come back before
	// the attempts on that node count as lost. Default 250 ms.
	ReconnectGrace time.Duration
	// Rejoin is how long after a restart executors have to be heard of. Default
	// 15 s.
	Rejoin time.Duration
	// CollectTimeout is how long outputs may take to arrive. Default 60 s.
	CollectTimeout time.Duration
	// NotPlacedAfter is how long a task waits for a node that could ever run it.
	// Default 10 s. (Nodes that are merely full are waited for.)
	NotPlacedAfter time.Duration
	// ForgetAfter is how long a node may be silent before it leaves the view.
	// Default 45 s: three vectors of a small mesh; in a large one it is longer.
	ForgetAfter time.Duration
	// Window is how long an auction waits for offers, up to wire.MaxWindow; it ends
	// earlier when all have answered. Default 500 ms.
	Window time.Duration
	// MaxAuctions bounds auctions that go on at once, and MaxBidders how many nodes
	// of a large mesh are asked in each. Defaults 32 and 64.
	MaxAuctions, MaxBidders int
	// Large is of what resources a task asks that is auctioned because it is large,
	// and how long one lasts that is auctioned because it is long, unless it says how
	// it is to be placed. Default 8 cores, 16 GiB of memory, a minute.
	Large wire.Profile
	// StaleAfter is how old news of a node that says nothing else may be before an
	// auction is held instead of relying on them. Default 30 s.
	StaleAfter time.Duration
	// Lease is for how long an attempt may go on without hearing from here; it is
	// renewed at two thirds of that. At most wire.MaxRenewal. Default 5 min.
	Lease time.Duration
	// Trust is how far a node is trusted, from 0 to 1. Default: everyone 0.5.
	Trust func(wire.NodeID) float64
	// Key is the node's, and signs grants; without it tasks have no checkpoints.
	Key ed25519.PrivateKey
	// Keepers is how many nodes are to keep the checkpoints of a task, besides the one
	// that runs it; up to wire.MaxKeepers. Default 2.
	Keepers int
}

func (c SubmitterConfig) withDefaults() SubmitterConfig {
	if c.Policy == nil {
		c.Policy = placement.Default()
	}
	if c.Trust == nil {
		c.Trust = func(wire.NodeID) float64 { return 0.5 }
	}
	c.MaxConcurrent = cmp.Or(c.MaxConcurrent, 100)
	c.MaxQueued = cmp.Or(c.MaxQueued, 10_000)
	c.MaxEnded = cmp.Or(c.MaxEnded, 10_000)
	c.MaxNodes = cmp.Or(c.MaxNodes, 16_384)
	c.KeepEnded = cmp.Or(c.KeepEnded, 24*time.Hour)
	c.Burst = cmp.Or(c.Burst, max(1, int(2*c.Rate)))
	c.BackoffBase = cmp.Or(c.BackoffBase, 2*time.Second)
	c.BackoffMax = cmp.Or(c.BackoffMax, time.Minute)
	c.AnswerTimeout = cmp.Or(c.AnswerTimeout, 2*time.Second)
	c.LostAfter = cmp.Or(c.LostAfter, 3500*time.Millisecond)
	c.ReconnectGrace = cmp.Or(c.ReconnectGrace, 250*time.Millisecond)
	c.Rejoin = cmp.Or(c.Rejoin, 15*time.Second)
	c.CollectTimeout = cmp.Or(c.CollectTimeout, time.Minute)
	c.NotPlacedAfter = cmp.Or(c.NotPlacedAfter, 10*time.Second)
	c.ForgetAfter = cmp.Or(c.ForgetAfter, 45*time.Second)
	c.Window = cmp.Or(c.Window, wire.MaxWindow)
	c.MaxAuctions = cmp.Or(c.MaxAuctions, 32)
	c.MaxBidders = cmp.Or(c.MaxBidders, 64)
	if c.Large.Equal(wire.Profile{}) {
		c.Large = wire.Profile{CPU: 8000, Memory: 16 << 30, Duration: time.Minute}
	}
	c.StaleAfter = cmp.Or(c.StaleAfter, 30*time.Second)
	c.Lease = cmp.Or(c.Lease, 5*time.Minute)
	c.Keepers = cmp.Or(c.Keepers, 2)
	return c
}

// Validate reports the first value that makes no sense.
func (c SubmitterConfig) Validate() error {
	if err := c.Self.Validate(); err != nil {
		return fmt.Errorf("submitter: %w", err)
	}
	if min(c.MaxConcurrent, c.MaxQueued, c.MaxEnded, c.MaxNodes, c.Burst, c.MaxAuctions, c.MaxBidders) < 0 || !(c.Rate >= 0) {
		return fmt.Errorf("submitter: negative bound")
	}
	if min(c.KeepEnded, c.BackoffBase, c.BackoffMax, c.AnswerTimeout, c.LostAfter, c.ReconnectGrace,
		c.Rejoin, c.CollectTimeout, c.NotPlacedAfter, c.ForgetAfter, c.Window, c.StaleAfter, c.Lease) < 0 {
		return fmt.Errorf("submitter: negative time")
	}
	if c.Keepers < 0 || c.Keepers > wire.MaxKeepers {
		return fmt.Errorf("submitter: %d keepers, not up to %d", c.Keepers, wire.MaxKeepers)
	}
	if c.Window > wire.MaxWindow || c.Lease > wire.MaxRenewal {
		return fmt.Errorf("submitter: window longer than %v, or lease longer than %v", wire.MaxWindow, wire.MaxRenewal)
	}
	return nil
}

// Submitter is the core that owns this node's tasks. See the package
// documentation for how to drive it.
type Submitter struct {
	cfg   SubmitterConfig
	tasks map[wire.TaskID]*task
	// on are the tasks that a node has: from Reserve to the end of the attempt.
	on      map[wire.NodeID]map[wire.TaskID]*task
	queue   queue
	view    view
	clients clients
	ended   []*task // oldest first
	// bidding are the tasks that are being auctioned.
	bidding map[wire.TaskID]*task

	inFlight int // tasks that a node has
	waiting  int // tasks that wait, in the queue or for a pause to end
	stats    SubmitterStats

	wakes timers[wire.TaskID]
	// placeAgain is set if the queue is worth a look; not before placeAt.
	placeAgain bool
	// crowdUntil is until when others are taken to place tasks by the same view.
	crowdUntil time.Time
	placeAt    time.Time
	bidders    *placement.Ranker // for offers

	now time.Time
	out Ready
}

// NewSubmitter makes a submitter without tasks. Its error is the
// configuration's.
func NewSubmitter(cfg SubmitterConfig) (*Submitter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Submitter{
		cfg:     cfg,
		tasks:   make(map[wire.TaskID]*task),
		on:      make(map[wire.NodeID]map[wire.TaskID]*task),
		bidding: make(map[wire.TaskID]*task),
		queue:   newQueue(),
		view:    newView(cfg),
		clients: newClients(cfg),
		wakes:   newTimers[wire.TaskID](),
		bidders: placement.NewRanker(cfg.Policy),
	}, nil
}

// Step takes an event; the shell carries out the Ready. An error refuses a Submit
// or CancelTask; there is a Ready all the same.
func (s *Submitter) Step(now time.Time, ev Event) (Ready, error) {
	s.begin(now)
	err := s.take(ev)
	s.wake()
	s.place()
	s.keepHealth()
	return s.out, err
}

func (s *Submitter) take(ev Event) error {
	switch ev := ev.(type) {
	case Submit:
		return s.submit(ev)
	case CancelTask:
		return s.cancelTask(ev.Task)
	case MigrateTask:
		return s.migrate(ev)
	case Received:
		s.receive(ev.From, ev.Message)
	case Collected:
		s.collected(ev)
	case Learned:
		if s.view.learn(s.now, &ev.Vector) {
			s.placeAgain = true
		}
	case Trusted:
		s.view.trust()
		s.placeAgain = true
	case Measured:
		s.view.measured(ev.Node, ev.RTT)
	case Connected:
		s.connected(ev.Node)
	case Disconnected:
		s.disconnected(ev.Node)
	case Suspected:
		s.suspected(ev.Node)
	case Lost:
		s.lostNode(ev.Node)
	case Recovered:
		s.recovered(ev.Node)
	}
	return nil
}

// Deadline is when to step with Tick; zero is never.
func (s *Submitter) Deadline() time.Time {
	at := earliest(s.wakes.next(), s.view.wakes.next())
	if s.placeAgain && s.queue.len() > 0 && s.inFlight < s.cfg.MaxConcurrent {
		at = earliest(at, s.placeAt)
	}
	if len(s.ended) > 0 {
		at = earliest(at, s.ended[0].ended.Add(s.cfg.KeepEnded))
	}
	return at
}

func (s *Submitter) begin(now time.Time) {
	due := s.Deadline()
	if !due.IsZero() && min(now.Sub(due), now.Sub(s.now)) > s.cfg.LostAfter/4 {
		s.stoodStill(now, now.Sub(s.now))
	}
	s.now, s.out = now, Ready{}
}

// stoodStill makes good a time in which this node did not live: stopped, or so
// slow that it served its own timers late. Others may have spoken meanwhile, and
// what they said is about to come in. (Lifeguard, https://arxiv.org/abs/1707.00788,
// has the same thought.)
func (s *Submitter) stoodStill(now time.Time, gap time.Duration) {
	for _, node := range slices.Sorted(maps.Keys(s.on)) {
		for _, t := range s.tasksOn(node) {
			t.seen, t.answerBy = t.seen.Add(gap), t.answerBy.Add(gap)
			s.rearm(t)
		}
	}
	s.view.stoodStill(now, gap)
}

func (s *Submitter) send(to wire.NodeID, m wire.Message) {
	s.out.Messages = append(s.out.Messages, Outgoing{to, m})
}

func (s *Submitter) effect(e Effect) { s.out.Effects = append(s.out.Effects, e) }

// wake does what is due.
func (s *Submitter) wake() {
	for {
		id, ok := s.wakes.pop(s.now)
		if !ok {
			break
		}
		s.wakeTask(s.tasks[id])
	}
	if s.view.wake(s.now) {
		s.placeAgain = true
	}
	for len(s.ended) > 0 && (len(s.ended) > s.cfg.MaxEnded || !s.ended[0].ended.Add(s.cfg.KeepEnded).After(s.now)) {
		s.forget(s.ended[0])
		s.ended[0] = nil
		s.ended = s.ended[1:]
	}
}

// forget lets go of a task that has ended.
func (s *Submitter) forget(t *task) {
	delete(s.tasks, t.id)
	s.clients.forget(t)
	s.out.Persist = append(s.out.Persist, Record{Key: taskPrefix + t.id.String()}, Record{Key: specPrefix + t.id.String()})
}
