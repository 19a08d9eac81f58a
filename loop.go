package godwit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/journal"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// The key spaces of the two cores in the journal.
const (
	prefixSubmitter = "s/"
	prefixExecutor  = "e/"
)

const (
	// maxUnwritten is how many steps may wait for the disk before clients and peers
	// have to wait too.
	maxUnwritten = 8192
	// maxRound is how many events are stepped before what they led to is handed on.
	maxRound = 512
)

// loop owns the cores of a node: it alone steps and asks them. What their steps
// want done goes to the committer, in order.
type loop struct {
	submitter *scheduler.Submitter
	executor  *scheduler.Executor
	committer *committer
	// selected is told what choosing a node took, and the score of the one chosen.
	selected func(took time.Duration, score float64)
	// retried is told of each attempt after a task's first, of which retries counts
	// those that were told.
	retried func()
	retries uint64

	events chan input // from clients and peers
	own    chan input // from the committer and from runs: never refused for long
}

// input is an event for a core, or a question to it.
type input struct {
	event scheduler.Event
	// ask is called instead, on the loop's goroutine.
	ask func()
	// done, unless nil, is called by the committer once this input, and all before
	// it, is on disk. err is what Step returned.
	done func(err error)
}

func newLoop(s *scheduler.Submitter, e *scheduler.Executor, c *committer, selected func(time.Duration, float64), retried func()) *loop {
	return &loop{
		submitter: s, executor: e, committer: c, selected: selected, retried: retried,
		events: make(chan input, 1024), own: make(chan input, 1024),
	}
}

// restore hands the cores what the journal has of them.
func (l *loop) restore(j *journal.Journal) error {
	now := time.Now()
	records, err := coreRecords(j, prefixSubmitter)
	if err != nil {
		return err
	}
	ready, err := l.submitter.Restore(now, records)
	if err != nil {
		return fmt.Errorf("restore submitter: %w", err)
	}
	l.hand(now, prefixSubmitter, ready)
	if records, err = coreRecords(j, prefixExecutor); err != nil {
		return err
	}
	if ready, err = l.executor.Restore(now, records); err != nil {
		return fmt.Errorf("restore executor: %w", err)
	}
	l.hand(now, prefixExecutor, ready)
	return nil
}

func coreRecords(j *journal.Journal, prefix string) (records []scheduler.Record, err error) {
	for e, err := range j.Under(prefix) {
		if err != nil {
			return nil, err
		}
		records = append(records, scheduler.Record{Key: string(e.Key[len(prefix):]), Value: append([]byte{}, e.Value...)})
	}
	return records, nil
}

// run steps the cores until ctx is done.
func (l *loop) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		events := l.events
		if l.committer.behind() {
			events = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case in := <-events:
			l.take(in)
		case in := <-l.own:
			l.take(in)
		case <-timer.C:
			l.tick(time.Now())
		case <-l.committer.caughtUp:
		}
		l.takeMore()
		l.committer.flush()
		timer.Reset(l.wait())
	}
}

// takeMore takes what else has come already, so that it shares a write.
func (l *loop) takeMore() {
	for range maxRound {
		select {
		case in := <-l.own:
			l.take(in)
			continue
		default:
		}
		if l.committer.behind() {
			return
		}
		select {
		case in := <-l.events:
			l.take(in)
		default:
			return
		}
	}
}

// wait is the time to the cores' next deadline.
func (l *loop) wait() time.Duration {
	wait := time.Minute
	for _, d := range []time.Time{l.submitter.Deadline(), l.executor.Deadline()} {
		if !d.IsZero() {
			wait = min(wait, time.Until(d))
		}
	}
	return max(wait, 0)
}

func (l *loop) tick(now time.Time) {
	if d := l.submitter.Deadline(); !d.IsZero() && !d.After(now) {
		l.stepSubmitter(now, input{event: scheduler.Tick{}})
	}
	if d := l.executor.Deadline(); !d.IsZero() && !d.After(now) {
		l.stepExecutor(now, input{event: scheduler.Tick{}})
	}
}

// take gives an input to the core, or cores, that it is for.
func (l *loop) take(in input) {
	now := time.Now()
	switch ev := in.event.(type) {
	case nil:
		in.ask()
		l.committer.add(step{done: in.done})
	case scheduler.Ended, scheduler.SetDraining, scheduler.Asked:
		l.stepExecutor(now, in)
	case scheduler.Connected, scheduler.Disconnected, scheduler.Lost:
		l.stepSubmitter(now, input{event: ev})
		l.stepExecutor(now, in)
	case scheduler.Received:
		if wire.ForExecutor(ev.Message) {
			l.stepExecutor(now, in)
		} else {
			l.stepSubmitter(now, in)
		}
	default:
		l.stepSubmitter(now, in)
	}
}

func (l *loop) stepSubmitter(now time.Time, in input) {
	ready, err := l.submitter.Step(now, in.event)
	l.measure(time.Since(now), ready.Messages)
	for ; l.retries < l.submitter.Retries(); l.retries++ {
		l.retried()
	}
	l.committer.add(step{prefix: prefixSubmitter, ready: ready, done: in.done, err: err})
}

// measure reports the choices of a step that led to messages: a Reserve goes to a
// node that was chosen.
func (l *loop) measure(took time.Duration, messages []scheduler.Outgoing) {
	for _, m := range messages {
		if reserve, ok := m.Message.(wire.Reserve); ok {
			l.selected(took, l.submitter.Score(reserve.Task))
		}
	}
}

func (l *loop) stepExecutor(now time.Time, in input) {
	ready := l.executor.Step(now, in.event)
	l.committer.add(step{prefix: prefixExecutor, ready: ready, done: in.done})
}

func (l *loop) hand(now time.Time, prefix string, ready scheduler.Ready) {
	l.committer.add(step{prefix: prefix, ready: ready})
	l.committer.flush()
}

// step is what came of one input.
type step struct {
	prefix string // of the core's keys
	ready  scheduler.Ready
	done   func(error)
	err    error
}

// committer carries out what the cores want, step by step in their order: first
// the journal, one batch and at most one sync for all the steps that wait; then
// their messages and effects.
type committer struct {
	journal *journal.Journal
	send    func(scheduler.Outgoing)
	effect  func(scheduler.Effect)

	mu       sync.Mutex
	steps    []step
	wake     chan struct{} // has room for one
	caughtUp chan struct{} // has room for one
}

func newCommitter(j *journal.Journal, send func(scheduler.Outgoing), effect func(scheduler.Effect)) *committer {
	return &committer{
		journal: j, send: send, effect: effect,
		wake: make(chan struct{}, 1), caughtUp: make(chan struct{}, 1),
	}
}

func (c *committer) add(s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
}

// flush has the committer look at what was added.
func (c *committer) flush() { nudge(c.wake) }

// nudge wakes whoever waits on a channel with room for one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// behind tells whether so much waits that no more should be taken on.
func (c *committer) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.steps) >= maxUnwritten
}

func (c *committer) takeAll() []step {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := c.steps
	c.steps = nil
	return steps
}

// run carries out steps until ctx is done. What has been added by then is still
// carried out. If the journal fails, the node must stop: what the cores believe is
// no longer on disk.
func (c *committer) run(ctx context.Context) error {
	for {
		steps := c.takeAll()
		if len(steps) >= maxUnwritten {
			nudge(c.caughtUp)
		}
		if len(steps) == 0 {
			select {
			case <-c.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err := c.write(steps); err != nil {
			return err
		}
		for i := range steps {
			c.carryOut(&steps[i])
		}
	}
}

// write writes the records of all steps as one batch.
func (c *committer) write(steps []step) error {
	var records []journal.Record
	sync := false
	for _, s := range steps {
		for _, r := range s.ready.Persist {
			records = append(records, journal.Record{Key: []byte(s.prefix + r.Key), Value: r.Value})
		}
		sync = sync || s.ready.Sync
	}
	if len(records) == 0 && !sync {
		return nil
	}
	return c.journal.Commit(records, sync)
}

func (c *committer) carryOut(s *step) {
	for _, m := range s.ready.Messages {
		c.send(m)
	}
	for _, e := range s.ready.Effects {
		c.effect(e)
	}
	if s.done != nil {
		s.done(s.err)
	}
}
