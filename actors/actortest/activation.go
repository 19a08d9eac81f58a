package actortest

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// activation executes an actor on its leader.
type activation struct {
	r     *replica
	epoch uint64
	s     *mailbox.State
	mem   memory
	wait  *blocked

	base    image            // to go back to after a failure
	entries []wire.Committed // applied behind it
	todo    []wire.Committed // committed, and not applied yet
	busy    bool
	failed  map[uint64]*mailbox.Failed
	// told: what deliveries up to this one put out has been put out.
	told    uint64
	replays bool
	held    []mailbox.Output // until it is known that this replica still leads

	due      time.Time // for which there is an alarm
	sequence uint64
	captured uint64 // index of the last capture
	live     bool   // it runs for the first time, not again
	overdue  bool   // a capture is, since a delivery is in progress
	worked   bool   // something has happened since that is worth a capture
}

// image is a captured actor.
type image struct {
	Index         uint64
	State, Memory []byte
}

// activate begins an epoch: from the base, and what is committed behind it.
func (r *replica) activate() {
	img, ok := r.image()
	if !ok {
		r.n.w.after(20*time.Millisecond, r.n.inThisLife(r.fetch))
		return
	}
	a := &activation{r: r, epoch: r.epoch, base: img, captured: img.Index, worked: true, failed: make(map[uint64]*mailbox.Failed), replays: true, told: 1<<64 - 1}
	a.entries = nil
	for _, c := range r.log {
		if c.Index > img.Index {
			a.entries = append(a.entries, c)
		}
	}
	r.act = a
	for a.replay() {
	}
	a.replays, a.told = false, a.s.Deliveries()
	r.n.w.check.activated(r, a)
	a.emit(a.s.Outbox())
	a.rest()
	a.resend()
	a.checkpoint()
	a.alarm()
}

// image is the base of this replica, if its node has it.
func (r *replica) image() (image, bool) {
	c := r.g.Base().Checkpoint
	if c == nil {
		return image{}, true
	}
	b, ok := r.n.disk.objects[c.Manifest]
	if !ok {
		return image{}, false
	}
	var img image
	if err := json.Unmarshal(b, &img); err != nil {
		r.n.w.violated("%s: %v", r, err)
	}
	return img, true
}

// fetch gets the base from whoever has it.
func (r *replica) fetch() {
	c := r.g.Base().Checkpoint
	if r.dead || r.act != nil || c == nil {
		return
	}
	for _, other := range r.n.w.nodes {
		b, ok := other.disk.objects[c.Manifest]
		if ok && r.n.w.reachable(r.n, other) {
			r.store(*c, b)
			break
		}
	}
	if _, leads := r.g.Leads(); leads {
		r.activate()
	}
}

// restore goes to the beginning of the log.
func (a *activation) restore() {
	a.mem, a.wait = memory{}, nil
	if a.base.Index == 0 {
		a.s = mailbox.New(a.r.actor.id, &a.r.actor.base.Spec)
		return
	}
	s, err := mailbox.Decode(a.base.State)
	if err == nil {
		err = json.Unmarshal(a.base.Memory, &a.mem)
	}
	if err != nil {
		a.r.n.w.violated("%s: %v", a.r, err)
	}
	a.s = s
}

// replay goes through the entries again; it is true if a delivery failed.
func (a *activation) replay() bool {
	a.restore()
	if a.run() { // what waited when it was captured
		return true
	}
	for _, c := range a.entries {
		a.s.Apply(c)
		if a.run() {
			return true
		}
		a.compare()
	}
	return false
}

// compare checks that everybody is in the same state after an entry.
func (a *activation) compare() {
	if a.s.Quiet() {
		state := append(a.s.Encode(), a.mem.encode()...)
		a.r.n.w.check.state(a.r, a.s.Index(), sha256.Sum256(state))
	}
}

// run has the guest do what there is to do; it is true if a delivery failed.
func (a *activation) run() bool {
	for {
		if a.wait != nil {
			r, done, err := a.s.Result(a.wait.ask)
			a.must(err)
			if !done {
				return false
			}
			_, err = a.s.Take(a.wait.ask)
			a.must(err)
			b := a.wait
			a.wait = nil
			if a.ended(a.resume(b, r), nil) {
				return true
			}
			continue
		}
		if a.overdue && a.live {
			a.capture()
		}
		d, ok := a.s.Next()
		if !ok {
			return false
		}
		if f := a.failed[d.Number]; f != nil {
			a.s.Skip(f)
			continue
		}
		if a.ended(a.handle(d)) {
			return true
		}
	}
}

// ended takes in how a delivery, or a part of it, went.
func (a *activation) ended(cause string, wait *blocked) (failed bool) {
	d, _ := a.s.Current()
	switch {
	case cause != "":
		f, out := a.s.Fail(cause)
		a.failed[f.Number] = f
		a.put(d.Number, out)
		if !a.replays {
			a.r.n.w.report.Failures++
			a.told = max(a.told, d.Number)
		}
		return true
	case wait != nil:
		a.wait = wait
		a.put(d.Number, a.s.Release())
	default:
		a.put(d.Number, a.s.Finish())
	}
	return false
}

// put emits what a delivery put out, unless that was done before.
func (a *activation) put(number uint64, out []mailbox.Output) {
	if number > a.told {
		a.emit(out)
	}
}

// add takes a committed entry.
func (a *activation) add(c wire.Committed) {
	a.todo = append(a.todo, c)
	a.rest()
}

// rest executes what is committed, one entry at a time, each after a while.
func (a *activation) rest() {
	if a.busy || len(a.todo) == 0 {
		return
	}
	a.busy = true
	took := a.r.n.w.upTo(400 * time.Microsecond)
	if a.r.n.w.faulty(0.01) {
		took += a.r.n.w.upTo(900 * time.Millisecond)
	}
	a.r.n.w.after(took, a.r.n.inThisLife(func() {
		if a.r.act == a {
			a.busy = false
			a.execute()
			a.rest()
		}
	}))
}

func (a *activation) execute() {
	c := a.todo[0]
	a.todo = a.todo[1:]
	a.entries = append(a.entries, c)
	a.worked = a.worked || works(&c)
	a.emit(a.s.Apply(c))
	a.live = true
	for a.run() {
		a.live = false
		for a.replay() {
		}
	}
	a.live = false
	a.told = max(a.told, a.finished())
	a.compare()
	a.r.n.w.check.executed(a.r, c.Index)
	a.alarm()
}

// works tells whether an entry does more than to say that there is a checkpoint.
func works(c *wire.Committed) bool {
	return len(c.Entry.Items) > 0 && c.Entry.Items[0].Checkpoint == nil
}

// finished is the last delivery that is over.
func (a *activation) finished() uint64 {
	if a.s.Quiet() {
		return a.s.Deliveries()
	}
	return a.s.Deliveries() - 1
}

// alarm has an entry proposed when a timer is due, and again if that comes to nothing.
func (a *activation) alarm() {
	due := a.s.NextDue()
	if due.IsZero() || due.Equal(a.due) {
		return
	}
	a.due = due
	a.ring(max(due.Sub(a.r.n.clock()), 0) + time.Millisecond)
}

func (a *activation) ring(d time.Duration) {
	due := a.due
	a.r.n.w.after(d, a.r.n.inThisLife(func() {
		if a.r.act == a && a.due.Equal(due) && a.s.NextDue().Equal(due) {
			_ = a.r.propose()
			a.ring(50 * time.Millisecond)
		}
	}))
}

// checkpoint captures the actor now and then while it works.
func (a *activation) checkpoint() {
	a.r.n.w.after(a.r.n.w.cfg.Checkpoint, a.r.n.inThisLife(func() {
		if a.r.act == a {
			a.capture()
			a.checkpoint()
		}
	}))
}

// capture makes a checkpoint, now or as soon as no delivery is in progress.
func (a *activation) capture() {
	a.overdue = a.worked && !a.s.Quiet()
	if a.overdue || !a.worked {
		return
	}
	a.worked = false
	a.sequence++
	a.captured = a.s.Index()
	img := image{Index: a.captured, State: a.s.Encode(), Memory: a.mem.encode()}
	a.base, a.entries = img, nil
	b, err := json.Marshal(img)
	a.must(err)
	c := wire.Checkpoint{Index: img.Index, Epoch: a.epoch, Sequence: a.sequence, Manifest: linkOf(b)}
	a.r.store(c, b)
	a.r.push(c, b)
}

// linkOf names content.
func linkOf(b []byte) wire.Link {
	sum, err := multihash.Sum(b, multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // a hash that is built in
	}
	l, err := swire.NewLink(cid.NewCidV1(cid.Raw, sum))
	if err != nil {
		panic(err)
	}
	return l
}

// emit puts outputs out, when it is known that this replica leads.
func (a *activation) emit(out []mailbox.Output) {
	if len(out) == 0 {
		return
	}
	if a.held = append(a.held, out...); len(a.held) > len(out) {
		return // confirmation is on its way
	}
	a.confirm()
}

func (a *activation) confirm() {
	if a.r.g.Fresh(a.r.n.w.now) {
		a.release()
		return
	}
	a.r.n.w.after(0, a.r.n.inThisLife(func() {
		if a.r.act == a {
			a.r.step(group.Confirm{})
		}
	}))
}

// release lets what was held back go.
func (a *activation) release() {
	out := a.held
	a.held = nil
	for _, o := range out {
		a.r.n.w.check.released(a.r, a.epoch)
		a.r.deliver(o)
	}
}

// resend sends again what is not settled.
func (a *activation) resend() {
	a.r.n.w.after(200*time.Millisecond, a.r.n.inThisLife(func() {
		if a.r.act == a {
			if len(a.held) == 0 {
				a.emit(a.s.Outbox())
			}
			a.resend()
		}
	}))
}
