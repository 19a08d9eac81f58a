package scheduler

import (
	"cmp"
	"errors"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// run is an attempt on its executor.
type run struct {
	Run
	phase runPhase
	// needs and allotment are set until it has ended.
	needs     wire.Profile
	allotment Allotment
	// unwanted is set if the submitter wants no result of it, offered while it has
	// not taken up the offer for which this is reserved, and lapsed if it has let the
	// lease of a run end.
	unwanted, offered, lapsed bool
	startedAt                 time.Time

	// Of one that has ended:
	endedAt  time.Time
	envelope []byte
	resend   time.Duration
}

type runPhase uint8

const (
	runNew      runPhase = iota
	runReserved          // until its lease ends
	runRunning           //
	runStopping          // told to stop, holds its capacity until it has
	runEnded             // its result waits for the acknowledgement
)

// reserve answers a Reserve. Asked again it answers again, as things are now; that
// makes a lease no longer, or asking would hold capacity for ever.
func (e *Executor) reserve(from wire.NodeID, m wire.Reserve) {
	key := Run{from, m.Ref}
	r := e.runs[key]
	if r == nil {
		if tooExpensive(e.Price(), m.Fuel, m.MaxCost) {
			e.refuse(key, wire.RefusedCost, "")
			return
		}
		if r = e.admit(key, m.Profile); r == nil {
			return
		}
		e.wakes.set(key, e.now.Add(min(m.Lease, e.cfg.MaxLease)))
	}
	if r.phase != runReserved {
		e.tell(r)
		return
	}
	e.send(from, wire.Reserved{Ref: m.Ref, Free: e.ledger.Free()})
}

// assign accepts a task that was reserved for, or that fits all the same: the
// lease may have ended, or the Reserve be lost.
func (e *Executor) assign(from wire.NodeID, m wire.Assign) {
	key := Run{from, m.Ref}
	if m.Spec.Submitter != from {
		e.refuse(key, wire.RefusedInvalid, "submitted by another node")
		return
	}
	if m.Grant != nil && !e.isFor(key, m.Grant) {
		e.refuse(key, wire.RefusedInvalid, "the grant is of something else")
		return
	}
	needs := m.Spec.Needs()
	r := e.runs[key]
	if r != nil && r.phase == runReserved && !r.needs.Equal(needs) {
		e.forget(r)
		r = nil
	}
	if r == nil { // what it costs was said of what was reserved
		if tooExpensive(e.Price(), m.Spec.Limits.Fuel, m.Spec.MaxCost) {
			e.refuse(key, wire.RefusedCost, "")
			return
		}
		if r = e.admit(key, needs); r == nil {
			return
		}
	}
	if r.phase == runReserved {
		e.keepOffer(r)
		e.start(r, m)
	}
	e.tell(r)
}

// start makes a reservation a run.
func (e *Executor) start(r *run, m wire.Assign) {
	r.phase, r.startedAt = runRunning, e.now
	delete(e.idlers, r.Submitter)
	e.live++
	e.lease(r, m.Lease)
	e.persist(r)
	e.out.Sync = true
	start := Start{Run: r.Run, Spec: m.Spec, Allotment: r.allotment, Grant: m.Grant}
	if m.Remaining > 0 {
		start.Deadline = e.now.Add(m.Remaining)
	}
	e.out.Effects = append(e.out.Effects, start)
}

// isFor tells whether a grant is that of a run here. Its signature is for keepers to
// check: the submitter's stream has said who it is from.
func (e *Executor) isFor(key Run, envelope []byte) bool {
	g, err := wire.OpenTrusted[wire.Grant](envelope)
	return err == nil && g.Ref == key.Ref && g.Submitter == key.Submitter && g.Executor == e.self
}

// granted hands a run its grant.
func (e *Executor) granted(key Run, envelope []byte) {
	if r := e.runs[key]; r != nil && r.phase == runRunning && e.isFor(key, envelope) {
		e.out.Effects = append(e.out.Effects, Granted{key, envelope})
	}
}

// tell says again how things are with a run that is no mere reservation.
func (e *Executor) tell(r *run) {
	switch {
	case r.phase == runEnded:
		e.sendDone(r)
	case r.unwanted:
		e.refuse(r.Run, wire.RefusedStale, "this attempt was cancelled")
	default:
		e.send(r.Submitter, wire.Accepted{Ref: r.Ref})
	}
}

// admit makes a reservation, or refuses and returns nil. A later attempt of the
// same task ends the earlier ones: their submitter has given them up.
func (e *Executor) admit(key Run, needs wire.Profile) *run {
	task := taskOf{key.Submitter, key.Task}
	if e.latest[task] > key.Attempt {
		e.refuse(key, wire.RefusedStale, "")
		return nil
	}
	if latest, ok := e.latest[task]; ok {
		e.cancel(Run{key.Submitter, wire.Ref{Task: key.Task, Attempt: latest}})
	}
	if why := e.gate(key.Submitter, needs); why != "" {
		e.refuse(key, why, "")
		return nil
	}
	allotment, err := e.ledger.Reserve(needs)
	if short := (*ShortageError)(nil); errors.As(err, &short) {
		e.shares.refused(e.now, key.Submitter, needs, &e.ledger.total)
		e.refuse(key, short.Of, "")
		return nil
	}
	r := e.add(key)
	r.phase, r.needs, r.allotment = runReserved, needs, allotment
	e.shares.got(key.Submitter, &allotment)
	e.active++
	return r
}

// gate is why a submitter gets nothing whatever is free, or empty.
func (e *Executor) gate(submitter wire.NodeID, needs wire.Profile) wire.Refusal {
	peer := e.peers[submitter]
	switch {
	case e.draining:
		return wire.RefusedDraining
	case submitter != e.self && e.cfg.Trust(submitter) < e.cfg.MinTrust:
		return wire.RefusedTrust
	case needs.CPU == 0 || needs.Memory == 0:
		return wire.RefusedInvalid // would be free to ask for without end
	case e.idlers[submitter].until.After(e.now), e.active >= e.cfg.MaxRuns, peer != nil && peer.unacked >= e.cfg.MaxUnacked:
		return wire.RefusedBusy
	}
	if e.shares.over(e.now, submitter, needs, &e.ledger.total) {
		return wire.RefusedShare
	}
	return ""
}

// tooExpensive tells whether all the fuel that a task may use costs more than it
// may; without a limit of fuel there is no telling.
func tooExpensive(price, fuel, most uint64) bool {
	if most == 0 || price == 0 {
		return false
	}
	hi, lo := bits.Mul64(price, (fuel+999)/1000)
	return fuel == 0 || hi > 0 || lo > most
}

func (e *Executor) refuse(key Run, why wire.Refusal, detail string) {
	e.send(key.Submitter, wire.Refused{Ref: key.Ref, Why: why, Detail: detail, Free: e.ledger.Free()})
}

// cancel ends a run of which no result is wanted.
func (e *Executor) cancel(key Run) {
	r := e.runs[key]
	switch {
	case r == nil:
	case r.phase == runRunning, r.phase == runStopping:
		e.dismiss(r)
	default:
		e.forget(r)
	}
}

// dismiss stops a run and leaves nothing of it in the journal.
func (e *Executor) dismiss(r *run) {
	if !r.unwanted {
		e.out.Persist = append(e.out.Persist, Record{Key: runKey(r.Run)})
		e.live--
	}
	r.unwanted = true
	e.stop(r)
}

func (e *Executor) stop(r *run) {
	if r.phase == runRunning {
		r.phase = runStopping
		e.out.Effects = append(e.out.Effects, Stop{r.Run})
	}
}

// ended takes the outcome of a run that has stopped.
func (e *Executor) ended(key Run, o wire.Outcome) {
	r := e.runs[key]
	if r == nil || r.phase != runRunning && r.phase != runStopping {
		return
	}
	if r.unwanted {
		e.forget(r)
		return
	}
	if o.Status == wire.Cancelled { // by this node
		why := "given back: the node stops"
		if r.lapsed {
			why = "given back: its lease was not renewed"
		}
		o = wire.Outcome{Status: wire.Failed, Reason: wire.ReasonNodeLost, Fault: wire.FaultDrain,
			Message: why, Started: o.Started, FuelUsed: o.FuelUsed, FuelLimit: o.FuelLimit,
			MemoryPeakBytes: o.MemoryPeakBytes, Wall: o.Wall, Stdout: o.Stdout, Stderr: o.Stderr}
	}
	e.release(r)
	e.live--
	e.finish(r, o)
}

// finish signs and keeps what became of a run.
func (e *Executor) finish(r *run, o wire.Outcome) {
	e.keep(r, e.seal(r, o), e.now)
	e.persist(r)
}

// keep holds a result until it is acknowledged.
func (e *Executor) keep(r *run, envelope []byte, endedAt time.Time) {
	r.phase, r.envelope, r.endedAt, r.resend = runEnded, envelope, endedAt, e.cfg.ResendAfter
	e.live++
	e.peers[r.Submitter].unacked++
	e.sendDone(r)
	e.wakes.set(r.Run, e.now.Add(r.resend))
}

// seal signs a result. An outcome that is not valid, or too large, loses what can
// be done without.
func (e *Executor) seal(r *run, o wire.Outcome) []byte {
	o.Message = cut(o.Message, wire.MaxMessageText)
	result := wire.Result{Ref: r.Ref, Submitter: r.Submitter, Executor: e.self, Outcome: o}
	envelope, err := wire.Seal(result, e.cfg.Key)
	if err == nil && len(envelope) <= wire.MaxResult {
		return envelope
	}
	result.Files, result.Values = nil, nil
	if envelope, err = wire.Seal(result, e.cfg.Key); err == nil {
		return envelope
	}
	result.Outcome = wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Fault: wire.FaultNode,
		Message: cut("the executor cannot tell what happened: "+err.Error(), wire.MaxMessageText)}
	return must(wire.Seal(result, e.cfg.Key))
}

// cut shortens text to so many bytes, in valid UTF-8.
func cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most-len("…")], "?") + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

func (e *Executor) sendDone(r *run) {
	e.send(r.Submitter, wire.Done{Ref: r.Ref, Envelope: r.envelope, Free: e.ledger.Free()})
}

// wakeRun: a lease has ended, or a result was not acknowledged.
func (e *Executor) wakeRun(r *run) {
	switch {
	case r.phase == runReserved:
		e.idled(r.Submitter) // who does not want an offer says so
		e.forget(r)
	case r.phase == runRunning:
		r.lapsed = true
		e.stop(r)
	case r.phase == runStopping:
	case r.endedAt.Add(e.cfg.KeepUnacked).Before(e.now):
		e.forget(r)
	default:
		e.sendDone(r)
		r.resend = min(2*r.resend, maxResend)
		e.wakes.set(r.Run, e.now.Add(r.resend))
	}
}

// resendAll delivers what a submitter may have missed.
func (e *Executor) resendAll(submitter wire.NodeID) {
	peer := e.peers[submitter]
	if peer == nil {
		return
	}
	e.beatTo(submitter, peer)
	for _, r := range sortedRuns(peer) {
		if r.phase == runEnded {
			e.sendDone(r)
		}
	}
}

func (e *Executor) dropReservations(submitter wire.NodeID) {
	peer := e.peers[submitter]
	if peer == nil {
		return
	}
	for _, r := range sortedRuns(peer) {
		if r.phase == runReserved {
			e.forget(r)
		}
	}
}

// sortedRuns are a submitter's runs in an order that is the same every time.
func sortedRuns(p *submitterRuns) []*run {
	return slices.SortedFunc(maps.Values(p.runs), func(a, b *run) int {
		return cmp.Or(a.Task.Compare(b.Task), cmp.Compare(a.Attempt, b.Attempt))
	})
}

// beat tells every submitter what this node has of it.
func (e *Executor) beat() {
	for _, id := range slices.Sorted(maps.Keys(e.peers)) {
		e.beatTo(id, e.peers[id])
	}
}

func (e *Executor) beatTo(submitter wire.NodeID, peer *submitterRuns) {
	var refs []wire.Ref
	for _, r := range sortedRuns(peer) {
		if r.phase != runReserved && !r.unwanted {
			refs = append(refs, r.Ref)
		}
	}
	for some := range slices.Chunk(refs, wire.MaxRefs) {
		e.send(submitter, wire.Heartbeat{Attempts: some, Free: e.ledger.Free()})
	}
}

func (e *Executor) setDraining(ev SetDraining) {
	e.draining, e.drainAt, e.yieldAt = ev.On, time.Time{}, time.Time{}
	if !ev.On {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(e.peers)) {
		e.dropReservations(id)
	}
	e.drainAt = e.now.Add(max(ev.Grace, 0))
	if !ev.Stay {
		e.yieldAt = e.now.Add(CheckpointAfter)
		e.yieldAll()
	}
}

// yieldAll has what runs go on elsewhere, but for what has just begun: most of that is
// about to end.
func (e *Executor) yieldAll() {
	for _, id := range slices.Sorted(maps.Keys(e.peers)) {
		for _, r := range sortedRuns(e.peers[id]) {
			if r.phase == runRunning && !r.startedAt.Add(CheckpointAfter).After(e.now) {
				e.out.Effects = append(e.out.Effects, Yield{r.Run})
			}
		}
	}
}

// stopAll gives running tasks back.
func (e *Executor) stopAll() {
	for _, id := range slices.Sorted(maps.Keys(e.peers)) {
		for _, r := range sortedRuns(e.peers[id]) {
			e.stop(r)
		}
	}
}

func (e *Executor) persist(r *run) {
	rec := runRecord{journalVersion, r.Submitter, r.Ref, r.endedAt, r.envelope}
	e.out.Persist = append(e.out.Persist, Record{runKey(r.Run), encodeRecord(rec)})
}

func (e *Executor) add(key Run) *run {
	r := &run{Run: key}
	e.runs[key] = r
	task := taskOf{key.Submitter, key.Task}
	e.latest[task] = max(e.latest[task], key.Attempt)
	peer := e.peers[key.Submitter]
	if peer == nil {
		peer = &submitterRuns{runs: make(map[wire.Ref]*run)}
		e.peers[key.Submitter] = peer
	}
	peer.runs[key.Ref] = r
	return r
}

// release gives back what a run holds.
func (e *Executor) release(r *run) {
	e.keepOffer(r)
	e.active--
	e.shares.gave(r.Submitter, &r.allotment)
	if err := e.ledger.Release(r.allotment.ID); err != nil {
		panic(err) // every active run has one
	}
	if next, ok := e.shares.next(e.now); ok && next != r.Submitter {
		e.send(next, wire.Heartbeat{Free: e.ledger.Free()}) // there is room
	}
}

// forget lets go of a run, whatever its phase but running.
func (e *Executor) forget(r *run) {
	peer := e.peers[r.Submitter]
	switch r.phase {
	case runEnded:
		e.live--
		peer.unacked--
		e.out.Persist = append(e.out.Persist, Record{Key: runKey(r.Run)})
	default:
		e.release(r)
	}
	e.wakes.set(r.Run, time.Time{})
	delete(e.runs, r.Run)
	if task := (taskOf{r.Submitter, r.Task}); e.latest[task] == r.Attempt {
		delete(e.latest, task)
	}
	if delete(peer.runs, r.Ref); len(peer.runs) == 0 {
		delete(e.peers, r.Submitter)
	}
}
