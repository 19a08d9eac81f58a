package godwit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	ctransfer "github.com/godwit-run/godwit/checkpoint/transfer"
	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// askAfter is when an attempt asks who is to keep its checkpoints: the answer is to
	// be there when the first is made.
	askAfter = scheduler.CheckpointAfter * 3 / 4
	// tellEvery is how often at most a submitter hears of checkpoints.
	tellEvery = 500 * time.Millisecond
	// grantTime is how long the last checkpoint of an attempt waits for a grant, and
	// partingTime for its keepers.
	grantTime, partingTime = 2 * time.Second, 10 * time.Second
	// othersTime is how long the other keepers are waited for when one has a checkpoint.
	othersTime = 50 * time.Millisecond
	// maxKeptOutput bounds a stream of output that is in checkpoints, in bytes: each holds
	// all of it.
	maxKeptOutput = 64 << 20
	// patience is how often in a row a push may fail until another keeper is asked for.
	patience = 3
)

// checkpoints makes those of one attempt, and brings them to their keepers. Its methods
// but set and close are called by one goroutine at a time.
type checkpoints struct {
	keeper  *keeper
	metrics *metrics.Set
	start   scheduler.Start
	out     *outputs
	key     checkpoint.Signer
	every   time.Duration
	tell    func(wire.Message)
	begun   time.Time
	before  time.Duration // that earlier attempts have run, up to where this one goes on

	// from is what the attempt goes on from, and unusable what it cannot.
	from     scheduler.Offered
	unusable map[scheduler.Offered]bool

	chain    *checkpoint.Chain
	sequence uint64
	broken   string // why there will be no more
	kept     wire.Kept
	told     time.Time

	ctx    context.Context // ends the pushes
	cancel context.CancelFunc
	pushes sync.WaitGroup
	alarm  *time.Timer

	mu       sync.Mutex
	grant    *wire.Grant
	envelope []byte
	came     chan struct{} // closed when there is a grant
	keepers  map[wire.NodeID]*keeperState
}

// keeperState is how it is with a keeper.
type keeperState struct {
	busy     bool       // a push is under way
	has      wire.Point // the newest that it has
	failures int        // in a row
}

// begin begins those of an attempt.
func (k *keeper) begin(ctx context.Context, s scheduler.Start, x *execution, of *control) *checkpoints {
	c := &checkpoints{
		keeper: k, metrics: x.metrics, start: s, out: of.out, key: x.key, every: x.every, tell: of.tell, begun: time.Now(),
		kept: wire.Kept{Ref: s.Ref}, came: make(chan struct{}), keepers: make(map[wire.NodeID]*keeperState),
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	if s.Grant != nil {
		c.set(s.Grant)
	} else {
		c.alarm = time.AfterFunc(askAfter, func() { of.tell(wire.Keep{Ref: s.Ref}) })
	}
	return c
}

// close ends what goes on beside the run, and waits for it.
func (c *checkpoints) close() {
	if c.alarm != nil {
		c.alarm.Stop()
	}
	c.cancel()
	c.pushes.Wait()
}

// set takes a grant, the first or a newer one.
func (c *checkpoints) set(envelope []byte) {
	g, err := wire.Open[wire.Grant](envelope)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.grant == nil {
		close(c.came)
	}
	c.grant, c.envelope = &g, envelope
	for _, id := range g.Keepers {
		if c.keepers[id] == nil && id != c.keeper.self {
			c.keepers[id] = &keeperState{}
		}
	}
	for id := range c.keepers {
		if !slices.Contains(g.Keepers, id) {
			delete(c.keepers, id)
		}
	}
}

// granted tells whether there is a grant; it asks for one, and waits if it may not be put
// off.
func (c *checkpoints) granted(ctx context.Context, last bool) bool {
	select {
	case <-c.came:
		return true
	default:
	}
	c.tell(wire.Keep{Ref: c.start.Ref})
	if !last {
		return false
	}
	timer := time.NewTimer(grantTime)
	defer timer.Stop()
	select {
	case <-c.came:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// take makes a checkpoint of a snapshot. It returns soon after the first of the keepers has
// it, or when all do if it is the last: so snapshots come no faster than the network carries
// them.
func (c *checkpoints) take(ctx context.Context, s *runtime.Snapshot) error {
	begun := time.Now()
	if !c.granted(ctx, s.Last) && !s.Last {
		return runtime.ErrNotTaken
	}
	ready, err := c.save(s)
	if err != nil {
		if c.broken == "" {
			c.broken = clip(err.Error(), wire.MaxDetail)
		}
		c.keeper.log.Warn("checkpoint of a task", "task", c.start.Task, "err", err)
		c.kept.Why = c.broken
		c.report(true)
		return fmt.Errorf("%w: %w", runtime.ErrNotTaken, err)
	}
	c.bring(ready.Signed, s.Last)
	c.metrics.TaskCheckpointed(sizeOf(ready), time.Since(begun))
	c.report(s.Last || c.kept.Count == 1)
	return nil
}

func sizeOf(r *checkpoint.Ready) (n int64) {
	for _, o := range r.Objects {
		n += int64(len(o.Data))
	}
	return n + int64(len(r.Envelope))
}

// save writes a snapshot to this node's disk.
func (c *checkpoints) save(s *runtime.Snapshot) (*checkpoint.Ready, error) {
	if c.broken != "" {
		return nil, errors.New(c.broken)
	}
	if err := c.addOutput(s); err != nil {
		return nil, err
	}
	if c.chain == nil {
		chain, err := checkpoint.NewChain(c.chainConfig())
		if err != nil {
			return nil, err
		}
		c.chain = chain
	}
	b := c.keeper.store.Begin()
	defer b.Close()
	s.Order = checkpoint.Order{Epoch: uint64(c.start.Attempt), Sequence: c.sequence + 1}
	ready, err := c.chain.Update(s.Capture)
	if err == nil {
		err = b.Save(ready)
	}
	if err != nil {
		return nil, err
	}
	c.sequence++
	c.keeper.recent.Add(ready)
	if !c.keeper.keeping(c.of(), c.start.Attempt) {
		return nil, errEnded
	}
	c.keeper.retain(c.name(), spareCheckpoints)
	return ready, nil
}

// errEnded: nobody wants checkpoints of a task any more.
var errEnded = errors.New("the task has ended")

func (c *checkpoints) of() scheduler.Kept {
	return scheduler.Kept{Submitter: c.start.Submitter, Task: c.start.Task}
}

func (c *checkpoints) name() string { return c.of().Name() }

func (c *checkpoints) chainConfig() checkpoint.Config {
	return checkpoint.Config{
		Name: c.name(), Module: c.start.Spec.Module.Cid, Owner: c.key, Index: c.keeper.store, Old: c.keeper.store,
	}
}

// addOutput puts into a snapshot what this package keeps of a run.
func (c *checkpoints) addOutput(s *runtime.Snapshot) error {
	if max(s.Stdout, s.Stderr) > maxKeptOutput {
		return fmt.Errorf("the task has written more than %d bytes, which checkpoints do not hold", maxKeptOutput)
	}
	stdout, err1 := c.out.until(wire.Stdout, s.Stdout)
	stderr, err2 := c.out.until(wire.Stderr, s.Stderr)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	life := taskLife{Wall: c.before + time.Since(c.begun), Stdout: s.Stdout, Stderr: s.Stderr}
	s.State.Sections[sectionStdout], s.State.Sections[sectionStderr] = stdout, stderr
	s.State.Sections[sectionLife] = life.encode()
	return nil
}

// pushed is how a push ended.
type pushed struct {
	keeper wire.NodeID
	sent   int64
	err    error
}

// bring pushes a checkpoint to the keepers that are not busy with another one.
func (c *checkpoints) bring(s *checkpoint.Signed, last bool) {
	_, at := makerOf(s)
	done := make(chan pushed, wire.MaxKeepers)
	under := c.startPushes(s, last, done)
	c.count(at)
	timer := time.NewTimer(partingTime)
	defer timer.Stop()
	for have := false; under > 0; under-- {
		select {
		case p := <-done:
			if c.kept.Bytes += uint64(p.sent); p.err == nil && !have && !last {
				have = true
				timer.Reset(othersTime)
			}
		case <-timer.C:
			under = 1
		}
	}
	if holders := c.holders(at); len(holders) > 0 {
		c.kept.Last, c.kept.Keepers = at, holders
	}
}

// holders are the keepers that have a checkpoint.
func (c *checkpoints) holders(at wire.Point) (list []wire.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.grantedKeepers() {
		if k := c.keepers[id]; k != nil && k.has == at {
			list = append(list, id)
		}
	}
	return list
}

// count notes a checkpoint that is on this disk; without keepers that is all there can be.
func (c *checkpoints) count(at wire.Point) {
	c.kept.Count++
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keepers) == 0 {
		c.kept.Last, c.kept.Keepers = at, nil
	}
}

func (c *checkpoints) grantedKeepers() []wire.NodeID {
	if c.grant == nil {
		return nil
	}
	return c.grant.Keepers
}

// startPushes starts a push to each keeper, and counts them.
func (c *checkpoints) startPushes(s *checkpoint.Signed, last bool, done chan<- pushed) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.grantedKeepers() {
		k := c.keepers[id]
		if k == nil || k.busy && !last {
			continue
		}
		k.busy = true
		n++
		envelope := c.envelope
		c.pushes.Go(func() {
			sent, err := c.push(id, s, envelope)
			c.pushEnded(id, s, err)
			done <- pushed{id, sent, err}
		})
	}
	return n
}

// push brings a checkpoint to a keeper.
func (c *checkpoints) push(to wire.NodeID, s *checkpoint.Signed, envelope []byte) (int64, error) {
	conn, end, err := c.keeper.dial(c.ctx, to)
	if err != nil {
		return 0, err
	}
	defer end()
	if _, err := conn.ask(c.ctx, wire.Claim{Verb: wire.VerbKeep, Task: c.start.Task, Grant: envelope}); err != nil {
		return 0, err
	}
	return ctransfer.Send(c.ctx, conn, c.keeper.store, c.keeper.recent, s)
}

// pushEnded notes how a push ended. A keeper that fails again and again is given up.
func (c *checkpoints) pushEnded(id wire.NodeID, s *checkpoint.Signed, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.keepers[id]
	if k == nil {
		return
	}
	k.busy = false
	if err == nil {
		_, k.has = makerOf(s)
		k.failures = 0
		return
	}
	if c.ctx.Err() != nil {
		return
	}
	c.keeper.log.Debug("push of a task's checkpoint", "task", c.start.Task, "keeper", id, "err", err)
	if k.failures++; k.failures%patience == 0 {
		c.tell(wire.Keep{Ref: c.start.Ref, Lost: []wire.NodeID{id}})
	}
}

// report tells the submitter how it is with the checkpoints.
func (c *checkpoints) report(now bool) {
	if !now && time.Since(c.told) < tellEvery {
		return
	}
	c.told = time.Now()
	kept := c.kept
	kept.Keepers = slices.Clone(kept.Keepers)
	c.tell(kept)
}
