package activation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/runtime"
)

// captureIfDue makes a checkpoint if it is time, and there is anything new; else it
// sees to it that somebody looks again when it is time.
func (r *run) captureIfDue() error {
	now := r.engine.cfg.Now()
	if r.captures(now) {
		return r.capture(now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.position() == r.seen {
		r.want = false
	}
	r.remind(now)
	return nil
}

// captures tells whether it is time for a checkpoint.
func (r *run) captures(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.capturable() && r.quiet == 0 && (r.want || r.observing() || r.holding() || !now.Before(r.due(now)))
}

// capturable tells whether there is anything new, and nothing in the way of capturing it
// but time. r.mu is locked.
func (r *run) capturable() bool {
	return r.position() != r.seen && r.live && !r.storing && !r.ended && r.state.Quiet()
}

// maxBehind is how many bytes of log may be behind the last checkpoint until an actor
// does not wait for its turn.
const maxBehind = 4 << 20

// due is when the next checkpoint is: after Config.Checkpoint, or more when the disk is
// slow. Then who has worked for as long goes first, and the others in turn.
func (r *run) due(now time.Time) time.Time {
	soonest := r.last.Add(r.pace.Next())
	if now.Before(soonest) || r.worked-r.before >= r.engine.cfg.Checkpoint || r.kept >= maxBehind {
		return soonest
	}
	if r.turnAt.IsZero() {
		r.turnAt = r.engine.turns.next(now)
	}
	return r.turnAt
}

// remind sets the alarm for a capture that is due later. r.mu is locked.
func (r *run) remind(now time.Time) {
	if !r.capturable() {
		return
	}
	in := max(0, r.due(now).Sub(now))
	if r.alarm == nil {
		r.alarm = time.AfterFunc(in, r.ring)
		return
	}
	r.alarm.Reset(in)
}

// ring is the alarm.
func (a *Activation) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nudge()
}

// capture captures the actor and has it stored on a goroutine of its own.
func (r *run) capture(now time.Time) error {
	begun := time.Now()
	c, err := r.snapshot()
	switch {
	case errors.Is(err, runtime.ErrInCall):
		return nil // not now
	case err != nil:
		return fmt.Errorf("capture %s: %w", r.name, err)
	}
	pause := time.Since(begun)
	if err := r.chained(); err != nil {
		return err
	}
	r.last, r.seen, r.before, r.turnAt = now, r.position(), r.worked, time.Time{}
	k := keeping{chain: r.chain, pause: pause, begun: begun, at: base{index: r.state.Index(), deliveries: r.state.Deliveries(), worked: r.worked}}
	r.mu.Lock()
	defer r.mu.Unlock()
	observing := r.observing()
	if r.sequence++; observing {
		r.covering()
	}
	k.at.sequence = r.sequence
	c.Order = checkpoint.Order{Epoch: r.start.Epoch, Sequence: r.sequence}
	c.Time = now
	k.capture = c
	r.storing, r.want = true, false
	r.work.Go(func() { r.keep(k) })
	return nil
}

// snapshot captures the instance, or says that there is none.
func (r *run) snapshot() (checkpoint.Capture, error) {
	r.clock.still = true
	defer func() { r.clock.still = false }()
	if r.inst != nil {
		return r.inst.Capture()
	}
	b, err := r.guest.Capture()
	return checkpoint.Capture{
		Fuel:  checkpoint.Fuel{Version: 1},
		State: checkpoint.State{Sections: map[string][]byte{sectionGuest: b, sectionAbsent: {1}}},
	}, err
}

// stateHash is a hash over mailbox and instance, at rest.
func (r *run) stateHash() ([32]byte, error) {
	r.clock.still = true
	defer func() { r.clock.still = false }()
	if r.inst == nil {
		return sha256.Sum256(r.state.Encode()), nil
	}
	return r.inst.StateHash()
}

// chained makes the chain for the next checkpoint. One that begins anew has the whole
// memory in its first capture, and so does the instance.
func (r *run) chained() (err error) {
	if r.chain != nil {
		return nil
	}
	cfg := checkpoint.Config{
		Name: r.name, Module: r.state.Module().Cid, Owner: r.engine.cfg.Owner, Index: r.engine.cfg.Store, Old: r.engine.cfg.Store,
	}
	if r.origin != nil && r.inst != nil {
		r.chain, err = checkpoint.Resume(cfg, r.origin, r.engine.cfg.Store)
		return err
	}
	r.chain, err = checkpoint.NewChain(cfg)
	return err
}

// keeping is a capture on its way to the disk.
type keeping struct {
	chain   *checkpoint.Chain
	capture checkpoint.Capture
	at      base
	pause   time.Duration
	begun   time.Time
}

// How often, and how many times, storing is tried again.
const (
	keepRetry = 200 * time.Millisecond
	keepTries = 25
)

// keep stores a capture, and makes it the base.
func (a *Activation) keep(k keeping) {
	ready, err := a.save(k)
	lag := time.Since(k.begun)
	if err == nil {
		k.at.id = ready.ID
		a.engine.recent.Add(ready)
		a.engine.count(func(s *Stats) {
			s.Checkpoints++
			s.Bytes += bytesOf(ready)
		})
		a.rebase(k.at, lag)
		a.tell(func(s Sink) {
			s.Captured(Captured{Checkpoint: checkpointOf(ready.Signed, k.at.index), Bytes: bytesOf(ready), Pause: k.pause, Lag: lag})
		})
	} else if a.ctx.Err() == nil {
		a.tell(func(s Sink) { s.Failed(fmt.Errorf("checkpoint of %s: %w", a.name, err)) })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.storing = false
	a.nudge()
}

func checkpointOf(s *checkpoint.Signed, index uint64) wire.Checkpoint {
	link := wire.Link{Cid: s.ID}
	return wire.Checkpoint{Index: index, Epoch: s.Epoch, Sequence: s.Sequence, Manifest: link}
}

func bytesOf(r *checkpoint.Ready) (n int64) {
	for _, o := range r.Objects {
		n += int64(len(o.Data))
	}
	return n + int64(len(r.Envelope))
}

// save writes a capture to disk, again and again if it does not work at once.
func (a *Activation) save(k keeping) (*checkpoint.Ready, error) {
	b := a.engine.cfg.Store.Begin()
	defer b.Close()
	ready, err := k.chain.Update(k.capture)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if err = b.Save(ready); err == nil {
			return ready, nil
		}
		if try == keepTries || errors.Is(err, store.ErrClosed) || errors.Is(err, checkpoint.ErrStale) {
			return nil, err // stale: another node has led since
		}
		a.mu.Lock()
		a.pace = a.pace.Failed()
		a.mu.Unlock()
		select {
		case <-time.After(keepRetry):
		case <-a.ctx.Done():
			return nil, err
		}
	}
}

// rebase makes a checkpoint the state to begin from; what is behind it is replayed.
func (a *Activation) rebase(b base, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace = a.pace.Stored(took)
	a.base = b
	n := 0
	for n < len(a.entries) && a.entries[n].Index <= b.index {
		n++
	}
	a.entries = append([]wire.Committed(nil), a.entries[n:]...)
	a.next -= n
	a.kept = sizeOf(a.entries)
	for number := range a.failed {
		if number <= b.deliveries {
			delete(a.failed, number)
		}
	}
}
