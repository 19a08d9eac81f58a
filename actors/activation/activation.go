package activation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
)

// Activation is an actor at work on this node. Its methods do not block, unless they
// say so.
type Activation struct {
	engine *Engine
	start  Start
	name   string // of its checkpoints and log
	file   string // of its image
	sink   Sink
	log    *journal

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	entries  []wire.Committed // behind base
	next     int              // of them, the first that is not applied
	kept     int64            // bytes of them, about
	base     base             // where a run begins
	failed   map[uint64]*mailbox.Failed
	running  bool          // there is a goroutine
	more     chan struct{} // has one if there may be more to do for a blocked guest
	storing  bool          // a capture is being stored
	sequence uint64        // of the last capture
	want     bool          // a capture is wanted as soon as can be
	alarm    *time.Timer   // for the capture that is due when nothing else happens
	pace     checkpoint.Pace
	agreed   uint64 // number of the last capture of this epoch that was agreed on
	live     bool   // what Start brought is executed
	ended    bool

	sinkMu sync.Mutex
	halted bool // guarded by sinkMu

	run *run // the goroutine's

	// The goroutine's own:
	inside  bool      // it has a slot
	entered time.Time // when it took it
	held    []held    // outputs that wait, see devices.go
	depends uint64    // number of the capture that covers, or will, what was seen of devices
}

// base is a state to begin from: a checkpoint, or nothing.
type base struct {
	id         cid.Cid // undefined: nothing
	index      uint64
	deliveries uint64
	sequence   uint64
	worked     time.Duration // by the guest until then, see run
}

// Apply gives the activation entries that were committed, in the order of the log.
func (a *Activation) Apply(entries []wire.Committed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = append(a.entries, entries...)
	a.kept += sizeOf(entries)
	a.nudge()
}

// sizeOf is about what entries take, in bytes.
func sizeOf(entries []wire.Committed) (n int64) {
	const each = 256 // for an entry, and for an item
	for i := range entries {
		n += each
		for j := range entries[i].Entry.Items {
			item := &entries[i].Entry.Items[j]
			n += each
			switch {
			case item.Message != nil:
				n += int64(len(item.Message.Payload))
			case item.Reply != nil:
				n += int64(len(item.Reply.Result.Payload))
			}
		}
	}
	return n
}

// Checkpoint asks for a capture as soon as the guest is between two messages, if
// there is anything new.
func (a *Activation) Checkpoint() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.want = true
	a.nudge()
}

// Precopy copies what the guest has written since the last capture, so that the next
// one stops it for less. It may take long.
func (a *Activation) Precopy() error {
	a.mu.Lock()
	r := a.run
	a.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.precopy()
}

// Halt ends the activation: the guest is stopped wherever it is, and nothing is called
// back any more once Halt returns. What is not in a checkpoint is in the log.
func (a *Activation) Halt() error {
	a.cancel()
	a.sinkMu.Lock()
	a.halted = true
	a.sinkMu.Unlock()
	a.mu.Lock()
	a.ended = true
	if a.alarm != nil {
		a.alarm.Stop()
	}
	a.mu.Unlock()
	a.work.Wait()
	err := errors.Join(a.closeRun(), a.log.close())
	a.engine.ended(a)
	return err
}

func (a *Activation) closeRun() error {
	a.mu.Lock()
	r := a.run
	a.run = nil
	a.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.close()
}

// nudge has somebody look for what there is to do. a.mu is locked.
func (a *Activation) nudge() {
	switch {
	case a.ended:
	case a.running:
		select {
		case a.more <- struct{}{}:
		default:
		}
	default:
		a.running = true
		a.work.Go(a.loop)
	}
}

// loop is the guest's goroutine, as long as there is something to do.
func (a *Activation) loop() {
	if a.enter() != nil {
		return
	}
	for {
		if err := a.turn(); err != nil {
			a.leave()
			if a.ctx.Err() == nil {
				a.tell(func(s Sink) { s.Failed(err) })
			}
			return // running: there will be no other
		}
		if a.rest() {
			return
		}
	}
}

// rest ends the goroutine unless there is more to do.
func (a *Activation) rest() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		a.leave()
		return true
	}
	if a.next < len(a.entries) {
		return false
	}
	select {
	case <-a.more:
		return false
	default:
	}
	a.leave() // before another goroutine may enter
	a.running = false
	return true
}

// turn has the guest do what there is to do, through failures of it. The error is the
// system's.
func (a *Activation) turn() error {
	for {
		r, err := a.current()
		if err != nil {
			return err
		}
		err = r.turn()
		again, ok := errors.AsType[*failure](err)
		if !ok {
			return err
		}
		if err := a.goBack(again); err != nil {
			return err
		}
	}
}

// current is the run, a new one if there is none.
func (a *Activation) current() (*run, error) {
	a.mu.Lock()
	r, b := a.run, a.base
	a.mu.Unlock()
	if r != nil {
		return r, nil
	}
	r, err := a.begin(b)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.run = r
	a.mu.Unlock()
	return r, nil
}

// goBack begins a new run after a failure, quiet until it is where the last one was.
func (a *Activation) goBack(f *failure) error {
	if err := errors.Join(a.closeRun(), a.stored()); err != nil {
		return err
	}
	a.mu.Lock()
	a.next = 0
	a.mu.Unlock()
	r, err := a.current()
	if err == nil {
		r.quiet, r.after = f.number, f.after
	}
	return err
}

// stored waits until nothing is being stored.
func (a *Activation) stored() error {
	for {
		a.mu.Lock()
		storing := a.storing
		a.mu.Unlock()
		if !storing {
			return nil
		}
		select {
		case <-a.more:
		case <-a.ctx.Done():
			return ErrHalted
		}
	}
}

// take takes the next entry to apply. live tells whether what it brings about is new,
// and became whether that is so just now.
func (a *Activation) take() (e wire.Committed, ok, became bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ok = a.next < len(a.entries)
	if !a.live && (!ok || a.entries[a.next].Index > a.lastOfStart()) {
		a.live, became = true, true
	}
	if !ok || became {
		return e, ok, became
	}
	e = a.entries[a.next]
	a.next++
	return e, true, false
}

func (a *Activation) lastOfStart() uint64 {
	if n := len(a.start.Entries); n > 0 {
		return a.start.Entries[n-1].Index
	}
	return 0
}

// await waits for something to do, for a guest that is blocked.
func (a *Activation) await(ctx context.Context) error {
	a.leave()
	select {
	case <-a.more:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return a.enter()
}

// enter takes one of the slots of those who may run a guest.
func (a *Activation) enter() error {
	select {
	case a.engine.slots <- struct{}{}:
		a.inside, a.entered = true, time.Now()
		return nil
	case <-a.ctx.Done():
		return ErrHalted
	}
}

func (a *Activation) leave() {
	if a.inside {
		a.inside = false
		<-a.engine.slots
	}
}

// turnTime is how long an actor may run until others get their turn.
const turnTime = 10 * time.Millisecond

// yield lets others run.
func (a *Activation) yield() error {
	if time.Since(a.entered) < turnTime {
		return nil
	}
	a.leave()
	return a.enter()
}

// tell calls the sink back, one call at a time and none after Halt.
func (a *Activation) tell(f func(Sink)) {
	a.sinkMu.Lock()
	defer a.sinkMu.Unlock()
	if !a.halted {
		f(a.sink)
	}
}
