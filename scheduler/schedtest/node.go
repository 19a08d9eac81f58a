package schedtest

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/detect"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// node is the shell of one node: it carries out Readys as the package scheduler
// says, with a disk that takes its time.
type node struct {
	w     *world
	index int
	id    wire.NodeID
	key   ed25519.PrivateKey
	total wire.Capacity

	up          bool
	booted      time.Time
	life        int // counts boots: what was begun in another life has no effect
	pausedUntil time.Time
	skew        time.Duration // of its clock
	started     int64         // by its clock, as in its vectors
	vectors     uint64
	announced   wire.Capacity // what was free by the last one
	pace        scheduler.Pace
	hears       []*node // who hears its vectors
	s           *scheduler.Submitter
	e           *scheduler.Executor
	d           *detect.Detector
	watched     map[wire.NodeID]bool
	met         map[wire.NodeID]bool // those with whom there was a connection
	timer       time.Time
	running     map[scheduler.Run]scheduler.Start
	long        map[scheduler.Run]*longRun
	keeps       keeping
	fences      map[scheduler.Kept]uint32 // the attempts it knew of, in this life

	disk    disk
	readies []ready // not yet carried out, in order
	writing bool
}

// ready is a Ready of one of the cores, with what is to be done after it.
type ready struct {
	scheduler.Ready
	space string // of keys
	then  func()
}

func newNode(w *world, index int) (*node, error) {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], w.cfg.Seed)
	binary.BigEndian.PutUint32(seed[8:], uint32(index))
	key := ed25519.NewKeyFromSeed(seed[:])
	n := &node{w: w, index: index, key: key, id: wire.NodeIDOf(key.Public().(ed25519.PublicKey))}
	if w.cfg.Capacity != nil {
		n.total, n.skew = w.cfg.Capacity(index), w.upTo(2*w.cfg.Skew)-w.cfg.Skew
		return n, n.total.Validate()
	}
	n.total = wire.Capacity{CPU: uint32(500 + w.rng.IntN(2000)), Memory: 1 << 30}
	n.skew = w.upTo(2*w.cfg.Skew) - w.cfg.Skew
	for i := range w.rng.IntN(3) {
		n.total.GPUs = append(n.total.GPUs, wire.GPUDevice{ID: fmt.Sprint(i), Memory: 1 << 30})
	}
	return n, n.total.Validate()
}

func (n *node) name() string { return fmt.Sprintf("n%d", n.index) }

// now is the time by the node's clock.
func (n *node) now() time.Time { return n.w.now.Add(n.skew) }

// leaseTime is for how long a run goes on without its submitter: shorter than many
// partitions and than the longest runs, so that leases are renewed, and lost.
const leaseTime = 6 * time.Second

// boot starts the node with what is on its disk.
func (n *node) boot(saved *disk) {
	n.up, n.booted, n.life, n.timer = true, n.w.now, n.life+1, time.Time{}
	n.started = max(n.started+1, n.now().UnixMilli())
	n.running, n.watched = make(map[scheduler.Run]scheduler.Start), make(map[wire.NodeID]bool)
	n.met, n.long, n.fences = make(map[wire.NodeID]bool), make(map[scheduler.Run]*longRun), make(map[scheduler.Kept]uint32)
	n.keeps.boot(n)
	n.readies, n.writing = nil, false
	n.pace = scheduler.Pace{Every: announceEvery, Least: 100 * time.Millisecond}
	var err1, err2, err3 error
	concurrent := 8 // few, so that tasks queue
	if n.w.took != nil {
		concurrent = 0
	}
	n.s, err1 = scheduler.NewSubmitter(scheduler.SubmitterConfig{
		Self: n.id, Policy: n.w.cfg.Policy, BackoffBase: 200 * time.Millisecond, BackoffMax: 5 * time.Second,
		MaxConcurrent: concurrent, CollectTimeout: 5 * time.Second, Lease: leaseTime, Key: n.key,
	})
	n.e, err2 = scheduler.NewExecutor(scheduler.ExecutorConfig{Key: n.key, Capacity: n.total})
	n.d, err3 = detect.New(detect.Config{Self: n.id, Incarnation: n.started})
	if err := errors.Join(err1, err2, err3); err != nil {
		n.w.violated("%v", err)
	}
	if saved != nil {
		n.restore()
	}
	n.announce(n.life)
}

func (n *node) restore() {
	r, err := n.s.Restore(n.now(), n.disk.records("s/"))
	if err != nil {
		n.w.violated("%s: %v", n.name(), err)
	}
	n.push(ready{r, "s/", nil})
	if r, err = n.e.Restore(n.now(), n.disk.records("e/")); err != nil {
		n.w.violated("%s: %v", n.name(), err)
	}
	n.push(ready{r, "e/", nil})
	n.w.check.restored(n)
}

func (n *node) crash() {
	if !n.up {
		return
	}
	n.w.note("%s crashes", n.name())
	n.w.report.Crashes++
	n.count()
	n.up = false
	n.life++
	n.disk.crash(n.w)
	n.running, n.long = nil, nil
	for _, other := range n.w.nodes {
		if other.met[n.id] && n.w.chance(0.7) {
			n.w.after(n.w.upTo(time.Second), func() { n.w.tell(other.id, n.id, false) })
		}
	}
}

func (n *node) restart() {
	if n.up {
		return
	}
	n.w.note("%s restarts", n.name())
	n.boot(&n.disk)
	for _, other := range n.w.nodes {
		if other.met[n.id] {
			n.w.connect(n.id, other.id)
		}
	}
}

// pause lets the node stand still.
func (n *node) pause(d time.Duration) {
	n.w.note("%s pauses %v", n.name(), d)
	if until := n.w.now.Add(d); until.After(n.pausedUntil) {
		n.pausedUntil = until
	}
}

// awake runs do if the node is up: now, or when its pause has ended.
func (n *node) awake(do func()) {
	if !n.up {
		return
	}
	n.w.touched = append(n.w.touched, n)
	life := n.life
	if wait := n.pausedUntil.Sub(n.w.now); wait > 0 {
		n.w.after(wait, func() {
			if n.life == life {
				n.awake(do)
			}
		})
		return
	}
	do()
}

// inThisLife is do, unless the node has crashed until then.
func (n *node) inThisLife(do func()) func() {
	life := n.life
	return func() {
		if n.life == life {
			n.awake(do)
		}
	}
}

func (n *node) drain(grace time.Duration) {
	n.awake(func() { n.stepE(scheduler.SetDraining{On: true, Grace: grace}) })
}

func (n *node) undrain() { n.awake(func() { n.stepE(scheduler.SetDraining{}) }) }

func (n *node) receive(from wire.NodeID, m wire.Message) {
	n.awake(func() {
		n.meet(from)
		switch m.(type) {
		case wire.Ping, wire.Pong:
			n.stepD(detect.Received{From: from, Message: m})
			return
		}
		n.w.note("%s gets %T %s from %s", n.name(), m, refOf(m), n.w.byID[from].name())
		if wire.ForExecutor(m) {
			n.stepE(scheduler.Received{From: from, Message: m})
		} else {
			n.stepS(scheduler.Received{From: from, Message: m}, nil)
		}
	})
}

// meet notes that there is a connection, if that is new.
func (n *node) meet(id wire.NodeID) {
	if id != n.id && !n.met[id] {
		n.met[id] = true
		n.both(scheduler.Connected{Node: id})
	}
}

func (n *node) both(ev scheduler.Event) {
	n.awake(func() {
		n.w.note("%s %T", n.name(), ev)
		n.stepS(ev, nil)
		n.stepE(ev)
		switch ev := ev.(type) {
		case scheduler.Connected:
			n.stepD(detect.Connected{Node: ev.Node})
		case scheduler.Disconnected:
			n.stepD(detect.Disconnected{Node: ev.Node})
		}
	})
}

func (n *node) submit(id wire.TaskID, spec wire.Spec) {
	n.awake(func() {
		n.w.note("%s submits %s", n.name(), id)
		n.stepS(scheduler.Submit{ID: id, Spec: spec, Client: "c", Key: id.String()}, func() { n.w.check.accepted(n, id, &spec) })
	})
}

func (n *node) cancel(id wire.TaskID) {
	n.awake(func() {
		n.w.note("%s cancels %s", n.name(), id)
		n.stepS(scheduler.CancelTask{Task: id}, nil)
	})
}

// stepS steps the submitter; then runs when its Ready is on disk.
func (n *node) stepS(ev scheduler.Event, then func()) {
	r, err := n.s.Step(n.now(), ev)
	if err != nil {
		then = nil
	}
	n.push(ready{r, "s/", then})
}

func (n *node) stepE(ev scheduler.Event) { n.push(ready{n.e.Step(n.now(), ev), "e/", nil}) }

// push carries out a Ready after those before it.
func (n *node) push(r ready) {
	n.readies = append(n.readies, r)
	n.write()
	n.watchPartners()
	n.setTimer()
}

func (n *node) write() {
	for len(n.readies) > 0 && !n.writing {
		r := n.readies[0]
		n.readies = n.readies[1:]
		n.disk.write(r.space, r.Persist)
		if !r.Sync {
			n.carryOut(r)
			continue
		}
		n.writing = true
		n.w.after(n.w.upTo(3*time.Millisecond), n.inThisLife(func() {
			n.disk.sync()
			n.writing = false
			n.carryOut(r)
			n.write()
		}))
	}
}

func (n *node) carryOut(r ready) {
	if r.then != nil {
		r.then()
	}
	for _, out := range r.Messages {
		n.w.check.sends(n, out)
		n.w.send(n.id, out.To, out.Message)
	}
	for _, e := range r.Effects {
		switch e := e.(type) {
		case scheduler.Changed:
			n.w.note("%s: %s is %s %s %s", n.name(), e.Task.ID, e.Task.State, e.Task.Reason, e.Task.Message)
			n.w.check.changed(n, &e.Task)
		case scheduler.Start:
			n.startRun(e)
		case scheduler.Stop:
			n.w.check.told(n, e.Run)
			n.w.after(n.w.upTo(50*time.Millisecond), n.inThisLife(func() {
				delete(n.long, e.Run)
				n.endRun(e.Run, wire.Outcome{Status: wire.Cancelled})
			}))
		case scheduler.Granted:
			if r := n.long[e.Run]; r != nil {
				r.take(e.Grant)
			}
		case scheduler.Yield:
			n.yield(e)
		case scheduler.Drop:
			n.drop(e)
		case scheduler.Collect:
			n.collect(e)
		case scheduler.Ask:
			n.ask(e.Request)
		}
	}
}

// startRun lets a task run for a while.
func (n *node) startRun(e scheduler.Start) {
	n.w.note("%s starts %s", n.name(), e.Ref)
	n.w.report.Runs++
	n.running[e.Run] = e
	n.w.check.started(n, e)
	if c := n.w.computationOf(scheduler.Kept{Submitter: e.Submitter, Task: e.Task}); c != nil {
		n.startLong(e, c)
		return
	}
	took, o := n.w.fate(&e)
	if !e.Deadline.IsZero() && n.now().Add(took).After(e.Deadline) {
		took = max(0, e.Deadline.Sub(n.now()))
		o = wire.Outcome{Status: wire.Failed, Reason: wire.ReasonTimeout, Started: true, FuelUsed: o.FuelUsed, FuelLimit: o.FuelLimit}
	}
	n.w.after(took, n.inThisLife(func() { n.endRun(e.Run, o) }))
}

func (n *node) endRun(run scheduler.Run, o wire.Outcome) {
	if _, ok := n.running[run]; !ok {
		return // stopped before
	}
	delete(n.running, run)
	n.w.check.ended(n, run, o)
	n.stepE(scheduler.Ended{Run: run, Outcome: o})
}

// fate is how long a run takes, and what becomes of it.
func (w *world) fate(e *scheduler.Start) (took time.Duration, o wire.Outcome) {
	if w.took != nil {
		took = w.took(e.Task)
		return took, wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: 1, FuelLimit: e.Spec.Limits.Fuel, Wall: took}
	}
	took = w.upTo(200 * time.Millisecond)
	if w.chance(0.2) {
		took = w.upTo(8 * time.Second)
	}
	return took, w.newOutcome(took, e.Spec.Limits.Fuel)
}

// newOutcome makes up what becomes of a run. The fuel it used is the mark by which
// it is known again.
func (w *world) newOutcome(took time.Duration, fuel uint64) wire.Outcome {
	o := wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: w.rng.Uint64N(1 << 40), FuelLimit: fuel, Wall: took}
	switch w.rng.IntN(12) {
	case 0:
		o.Status, o.Reason, o.ExitCode = wire.Failed, wire.ReasonExit, 3
	case 1:
		o.Status, o.Reason = wire.Failed, wire.ReasonTrap
	case 2:
		o.Status, o.Reason, o.Fault, o.Started, o.FuelLimit = wire.Failed, wire.ReasonRefused, wire.FaultFetch, false, 0
	case 3:
		o.Status, o.Reason = wire.Failed, wire.ReasonTimeout
	case 4, 5, 6:
		o.Output = module
	}
	return o
}

func (n *node) collect(e scheduler.Collect) {
	ev := scheduler.Collected{Ref: e.Ref}
	if n.w.faulty(0.1) {
		ev.Err = "nobody has it"
	}
	n.w.after(n.w.upTo(500*time.Millisecond), n.inThisLife(func() { n.stepS(ev, nil) }))
}

// setTimer wakes the cores when the first of them wants to.
func (n *node) setTimer() {
	at := n.s.Deadline()
	for _, d := range []time.Time{n.e.Deadline(), n.d.Deadline()} {
		if at.IsZero() || !d.IsZero() && d.Before(at) {
			at = d
		}
	}
	if at.IsZero() || at.Equal(n.timer) {
		return
	}
	n.timer = at
	n.w.after(max(0, at.Sub(n.now())), n.inThisLife(func() {
		if at.Equal(n.timer) {
			n.timer = time.Time{}
			n.tick()
		}
	}))
}

// tick steps the cores that are due.
func (n *node) tick() {
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(n.now()) }
	if due(n.s.Deadline()) {
		n.stepS(scheduler.Tick{}, nil)
	}
	if due(n.e.Deadline()) {
		n.stepE(scheduler.Tick{})
	}
	if due(n.d.Deadline()) {
		n.stepD(detect.Tick{})
	}
	n.setTimer()
}

// refOf is the attempt that a message is about.
func refOf(m wire.Message) wire.Ref {
	switch m := m.(type) {
	case wire.Reserve:
		return m.Ref
	case wire.Reserved:
		return m.Ref
	case wire.Refused:
		return m.Ref
	case wire.Assign:
		return m.Ref
	case wire.Accepted:
		return m.Ref
	case wire.Cancel:
		return m.Ref
	case wire.Done:
		return m.Ref
	case wire.Ack:
		return m.Ref
	case wire.Bid:
		return m.Ref
	}
	return wire.Ref{}
}
