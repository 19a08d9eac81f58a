package schedtest

import (
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// checkpointEvery is the time between checkpoints of a run, here; less would only make
	// more events. findTime is how long a node waits for others to say what they have.
	checkpointEvery = 300 * time.Millisecond
	findTime        = 2 * time.Second
)

// computation is what a long task really is: so much work, which takes so much fuel,
// wherever it is done.
type computation struct {
	work time.Duration
	fuel uint64
}

// at is the fuel that so much of the work has taken.
func (c *computation) at(done time.Duration) uint64 {
	return uint64(float64(c.fuel) * min(1, float64(done)/float64(c.work)))
}

// made is a checkpoint that was really made, and how much of the work it holds.
type made struct {
	by   wire.NodeID
	at   wire.Point
	done time.Duration
}

// keeping is what a node keeps of checkpoints: that is on its disk, unlike what its
// keeper knows besides.
type keeping struct {
	core *scheduler.Keeper
	held map[scheduler.Kept][]made
}

func (k *keeping) boot(n *node) {
	if k.held == nil {
		k.held = make(map[scheduler.Kept][]made)
	}
	k.core = scheduler.NewKeeper(scheduler.KeeperConfig{Self: n.id})
	for of, list := range k.held {
		k.core.Restore(n.now(), of, list[len(list)-1].at.Attempt)
	}
}

// put keeps the newest ones.
func (k *keeping) put(of scheduler.Kept, m made) {
	list := append(k.held[of], m)
	slices.SortFunc(list, func(a, b made) int { return a.at.Compare(b.at) })
	k.held[of] = list[max(0, len(list)-3):]
}

// longRun is a run of a long task on its node.
type longRun struct {
	n        *node
	e        scheduler.Start
	of       scheduler.Kept
	task     *computation
	envelope []byte
	grant    *wire.Grant
	begun    time.Time
	from     made // what it goes on from
	sequence uint64
	kept     wire.Kept
}

// startLong runs a long task, from where earlier attempts have come to.
func (n *node) startLong(e scheduler.Start, c *computation) {
	r := &longRun{n: n, e: e, of: scheduler.Kept{Submitter: e.Submitter, Task: e.Task}, task: c, kept: wire.Kept{Ref: e.Ref}}
	n.long[e.Run] = r
	r.take(e.Grant)
	if r.grant == nil || len(r.grant.Makers) == 0 {
		r.begin(made{})
		return
	}
	r.find()
}

func (r *longRun) take(envelope []byte) {
	if envelope == nil {
		return
	}
	g, err := wire.Open[wire.Grant](envelope)
	if err != nil {
		r.n.w.violated("%s: a grant that does not hold: %v", r.n.name(), err)
	}
	r.grant, r.envelope = &g, envelope
}

// alive is do, unless the run has ended by then.
func (r *longRun) alive(do func()) func() {
	return r.n.inThisLife(func() {
		if r.n.long[r.e.Run] == r {
			do()
		}
	})
}

// find asks all who may have checkpoints.
func (r *longRun) find() {
	var found []scheduler.Offered
	for _, m := range r.n.keeps.held[r.of] {
		found = append(found, r.offered(r.n.id, m))
	}
	known := false // whether anybody who can be reached has what the submitter knows of
	for _, other := range r.n.w.nodes {
		if other == r.n || !slices.Contains(r.grant.Keepers, other.id) && !r.grant.Made(other.id, r.attemptOf(other.id)) {
			continue
		}
		r.n.w.call(r.n, other, func() {
			if other.keeps.core.Admit(other.now(), r.n.id, wire.VerbFind, r.grant) != nil {
				return
			}
			list := slices.Clone(other.keeps.held[r.of])
			r.n.w.call(other, r.n, r.alive(func() {
				for _, m := range list {
					found = append(found, r.offered(other.id, m))
					known = known || m.at == r.grant.Known
				}
			}))
		})
	}
	r.n.w.after(findTime, r.alive(func() { r.choose(found, known) }))
}

// attemptOf is the last attempt that a node has made, of those that count.
func (r *longRun) attemptOf(id wire.NodeID) (attempt uint32) {
	for _, m := range r.grant.Makers {
		if m.Node == id {
			attempt = m.Attempt
		}
	}
	return attempt
}

func (r *longRun) offered(holder wire.NodeID, m made) scheduler.Offered {
	return scheduler.Offered{Held: wire.Held{Point: m.at, Maker: m.by}, Holder: holder}
}

// choose goes on from the best that was found.
func (r *longRun) choose(found []scheduler.Offered, known bool) {
	best := scheduler.Best(r.grant, found)
	if len(best) == 0 {
		if known {
			r.n.w.violated("%s: %s begins anew, though %+v was found", r.n.name(), r.e.Ref, r.grant.Known)
		}
		r.begin(made{})
		return
	}
	at := best[0].Point
	if known && at.Compare(r.grant.Known) < 0 {
		r.n.w.violated("%s: %s goes on from %+v, when there is %+v", r.n.name(), r.e.Ref, at, r.grant.Known)
	}
	from, ok := r.n.w.madeOf[r.of][at]
	if !ok || from.by != best[0].Maker || from.at.Attempt >= r.e.Attempt {
		r.n.w.violated("%s: %s goes on from %+v, which nobody has made", r.n.name(), r.e.Ref, best[0])
	}
	r.n.keeps.put(r.of, from)
	r.begin(from)
}

func (r *longRun) begin(from made) {
	w := r.n.w
	w.note("%s: %s begins at %v of %v", r.n.name(), r.e.Ref, from.done, r.task.work)
	r.from, r.begun, r.kept.From = from, w.now, from.at
	if !from.at.IsZero() {
		w.report.Resumed++
		w.send(r.n.id, r.e.Submitter, r.kept)
	}
	w.after(r.task.work-from.done, r.alive(func() { r.end(r.outcome()) }))
	first := scheduler.CheckpointAfter
	if !from.at.IsZero() {
		first = checkpointEvery
	}
	w.after(first, r.alive(r.tick))
}

// done is how much of the work is.
func (r *longRun) done() time.Duration { return r.from.done + r.n.w.now.Sub(r.begun) }

func (r *longRun) outcome() wire.Outcome {
	return wire.Outcome{Status: wire.Succeeded, Started: true, FuelUsed: r.task.fuel, FuelLimit: r.e.Spec.Limits.Fuel}
}

func (r *longRun) end(o wire.Outcome) {
	delete(r.n.long, r.e.Run)
	r.n.endRun(r.e.Run, o)
}

// tick makes a checkpoint, and another one later.
func (r *longRun) tick() {
	if r.grant == nil {
		r.n.w.send(r.n.id, r.e.Submitter, wire.Keep{Ref: r.e.Ref})
	} else {
		r.checkpoint()
	}
	r.n.w.after(checkpointEvery, r.alive(r.tick))
}

// checkpoint makes one, and brings it to the keepers.
func (r *longRun) checkpoint() {
	r.sequence++
	m := made{by: r.n.id, done: r.done()}
	m.at = wire.Point{Attempt: r.e.Attempt, Sequence: r.sequence, Fuel: r.task.at(m.done)}
	r.n.w.remember(r.of, m)
	r.n.keeps.put(r.of, m)
	if len(r.grant.Keepers) == 0 {
		r.counts(m, "")
	}
	for _, id := range r.grant.Keepers {
		if other, honest := r.n.w.byID[id].(*node); honest && other != r.n {
			r.push(other, m)
		}
	}
}

// push brings a checkpoint to a keeper, whose core says whether it may be kept.
func (r *longRun) push(to *node, m made) {
	g := *r.grant
	r.n.w.call(r.n, to, func() {
		fence := to.fences[r.of]
		if to.keeps.core.Admit(to.now(), r.n.id, wire.VerbKeep, &g) != nil || scheduler.Took(&g, m.by, m.at) != nil {
			return
		}
		if m.at.Attempt < fence {
			r.n.w.violated("%s: keeps %+v, when it knew of attempt %d in this life", to.name(), m.at, fence)
		}
		to.fences[r.of] = g.Attempt
		to.keeps.put(r.of, m)
		r.n.w.call(to, r.n, r.alive(func() { r.counts(m, to.id) }))
	})
}

// counts tells the submitter of a checkpoint that a keeper has.
func (r *longRun) counts(m made, keeper wire.NodeID) {
	if m.at.Compare(r.kept.Last) < 0 {
		return
	}
	if m.at != r.kept.Last {
		r.kept.Last, r.kept.Keepers = m.at, nil
		r.kept.Count++
	}
	if keeper != "" && !slices.Contains(r.kept.Keepers, keeper) {
		r.kept.Keepers = append(slices.Clone(r.kept.Keepers), keeper)
	}
	r.n.w.send(r.n.id, r.e.Submitter, r.kept)
}

// yield suspends the run and gives it back.
func (n *node) yield(e scheduler.Yield) {
	r := n.long[e.Run]
	if r == nil {
		return // it goes on
	}
	if r.grant != nil && !r.begun.IsZero() {
		r.checkpoint()
	}
	n.w.after(n.w.upTo(20*time.Millisecond), r.alive(func() {
		n.w.report.Yielded++
		r.end(wire.Outcome{
			Status: wire.Failed, Reason: wire.ReasonNodeLost, Fault: wire.FaultDrain, Message: "given back", Started: true,
			FuelUsed: r.task.at(r.done()), FuelLimit: r.e.Spec.Limits.Fuel,
		})
	}))
}

// drop forgets checkpoints, unless word of it is lost.
func (n *node) drop(d scheduler.Drop) {
	of := scheduler.Kept{Submitter: n.id, Task: d.Task}
	for _, id := range d.Keepers {
		other, honest := n.w.byID[id].(*node)
		if !honest {
			continue
		}
		n.w.call(n, other, func() {
			if other.keeps.core.Drop(other.now(), of) {
				delete(other.keeps.held, of)
			}
		})
	}
}

// call has something happen on another node, if it can be reached.
func (w *world) call(from, to *node, do func()) {
	if from != to && w.faulty(0.02) {
		return
	}
	w.after(w.delay(), func() {
		if !w.cut[pairOf(from.id, to.id)] {
			to.awake(do)
		}
	})
}

// remember keeps what was really made.
func (w *world) remember(of scheduler.Kept, m made) {
	if w.madeOf[of] == nil {
		w.madeOf[of] = make(map[wire.Point]made)
	}
	w.madeOf[of][m.at] = m
}

// computationOf is what a task is, if it is a long one.
func (w *world) computationOf(of scheduler.Kept) *computation {
	c := w.computations[of]
	if c == nil && w.cfg.Long > 0 {
		c = &computation{}
		if w.chance(w.cfg.Long) {
			*c = computation{work: scheduler.CheckpointAfter + w.upTo(20*time.Second), fuel: 1 + w.rng.Uint64N(1<<40)}
		}
		w.computations[of] = c
	}
	if c == nil || c.work == 0 {
		return nil
	}
	return c
}

// migrate asks for a task to go on elsewhere.
func (n *node) migrate(id wire.TaskID) {
	n.awake(func() {
		to := wire.NodeID("")
		if n.w.chance(0.5) {
			to = n.w.nodes[n.w.rng.IntN(len(n.w.nodes))].id
		}
		n.w.note("%s: %s is to migrate", n.name(), id)
		n.stepS(scheduler.MigrateTask{Task: id, To: to}, nil)
	})
}
