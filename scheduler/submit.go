package scheduler

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// queueRetry is what a client is told to wait when the queue is full.
const queueRetry = time.Second

// maxName is the most bytes of a client's name, and of an idempotency key.
const maxName = 255

// submit accepts a task, or says why not.
func (s *Submitter) submit(ev Submit) error {
	if err := s.checkSubmit(&ev); err != nil {
		return err
	}
	spec := ev.Spec
	t := newTask(ev.ID, &spec, ev.Key)
	t.client, t.created = ev.Client, s.now
	if spec.Deadline > 0 {
		t.deadline = s.now.Add(spec.Deadline)
	}
	if err := s.clients.seen(t); err != nil {
		return err
	}
	if s.waiting >= s.cfg.MaxQueued {
		return &BusyError{queueRetry, "queue is full"}
	}
	if wait := s.clients.wait(s.now, t.client); wait > 0 {
		return &BusyError{wait, "rate of this submitter"}
	}
	s.clients.spend(t.client)
	s.clients.remember(t)
	s.tasks[t.id] = t
	s.lineUp(t)
	s.out.Persist = append(s.out.Persist, Record{specPrefix + t.id.String(), encodeRecord(specRecord{journalVersion, spec})})
	s.persist(t)
	s.out.Sync = true
	return nil
}

func (s *Submitter) checkSubmit(ev *Submit) error {
	switch {
	case ev.ID.IsZero() || s.tasks[ev.ID] != nil:
		return fmt.Errorf("task id %s is not fresh: %w", ev.ID, wire.ErrInvalid)
	case ev.Spec.Submitter != s.cfg.Self:
		return fmt.Errorf("submitter %s is not this node: %w", ev.Spec.Submitter, wire.ErrInvalid)
	case max(len(ev.Client), len(ev.Key)) > maxName || !utf8.ValidString(ev.Client) || !utf8.ValidString(ev.Key):
		return fmt.Errorf("client or idempotency key longer than %d bytes, or not UTF-8: %w", maxName, wire.ErrInvalid)
	}
	return ev.Spec.Validate()
}

func newTask(id wire.TaskID, spec *wire.Spec, key string) *task {
	t := &task{id: id, spec: spec, key: key, needs: spec.Needs()}
	if key != "" {
		t.digest = digest(*spec)
	}
	return t
}

// digest is of what a client has asked for: not of what this node found out besides.
func digest(spec wire.Spec) [sha256.Size]byte {
	spec.Hints.Sizes, spec.Hints.Require.Sizes = nil, nil
	return sha256.Sum256(encodeRecord(&spec))
}

// cancelTask ends a task at once; its executor is told.
func (s *Submitter) cancelTask(id wire.TaskID) error {
	t := s.tasks[id]
	if t == nil {
		return fmt.Errorf("task %s: %w", id, ErrUnknownTask)
	}
	if t.phase != phaseEnded {
		s.abandon(t, Cancelled, wire.ReasonNone, "cancelled by its submitter")
	}
	return nil
}

// Restore takes what was persisted before a restart. Errors wrap [ErrJournal].
func (s *Submitter) Restore(now time.Time, records []Record) (Ready, error) {
	s.begin(now)
	specs := make(map[wire.TaskID]*wire.Spec)
	var saved []taskRecord
	for _, rec := range records {
		if id, ok := strings.CutPrefix(rec.Key, specPrefix); ok {
			r, err := decodeRecord(rec, func(r *specRecord) uint64 { return r.Version })
			if err != nil {
				return Ready{}, err
			}
			taskID, err := wire.ParseTaskID(id)
			if err != nil {
				return Ready{}, fmt.Errorf("record %q: %w: %w", rec.Key, ErrJournal, err)
			}
			specs[taskID] = &r.Spec
			continue
		}
		if id, ok := strings.CutPrefix(rec.Key, healthPrefix); ok {
			if err := s.restoreHealth(id, rec); err != nil {
				return Ready{}, err
			}
			continue
		}
		r, err := decodeRecord(rec, func(r *taskRecord) uint64 { return r.Version })
		if err != nil {
			return Ready{}, err
		}
		saved = append(saved, r)
	}
	slices.SortFunc(saved, func(a, b taskRecord) int { return cmp.Or(a.Ended.Compare(b.Ended), a.ID.Compare(b.ID)) })
	for i := range saved {
		if err := s.restore(&saved[i], specs[saved[i].ID]); err != nil {
			return Ready{}, err
		}
	}
	return s.out, nil
}

func (s *Submitter) restore(r *taskRecord, spec *wire.Spec) error {
	if spec == nil {
		return fmt.Errorf("task %s without a spec: %w", r.ID, ErrJournal)
	}
	t := newTask(r.ID, spec, r.Key)
	t.client, t.failures, t.number, t.attempts, t.rounds = r.Client, r.Failures, r.Number, r.Attempts, r.Rounds
	t.spent = r.Number > 0
	t.state, t.reason, t.message = r.State, r.Reason, r.Message
	t.created, t.started, t.ended, t.envelope = r.Created, r.Started, r.Ended, r.Envelope
	if spec.Deadline > 0 {
		t.deadline = t.created.Add(spec.Deadline)
	}
	s.tasks[t.id] = t
	s.clients.remember(t)
	if t.state.Ended() {
		t.phase = phaseEnded
		s.ended = append(s.ended, t)
		return restoreResult(t)
	}
	if n := len(t.attempts); n > 0 && t.attempts[n-1].Ended.IsZero() {
		s.rejoin(t)
		return nil
	}
	s.lineUp(t)
	return nil
}

func restoreResult(t *task) error {
	if t.envelope == nil {
		return nil
	}
	result, err := wire.OpenTrusted[wire.Result](t.envelope) // from our own disk
	if err != nil {
		return fmt.Errorf("task %s: %w: %w", t.id, ErrJournal, err)
	}
	t.result = &result
	return nil
}

// rejoin waits for the executor that had the task before the restart. What it may
// not have got is sent again.
func (s *Submitter) rejoin(t *task) {
	t.node, t.renewAt = t.attempts[len(t.attempts)-1].Node, s.now
	if t.state == Running {
		t.seen = s.now.Add(s.cfg.Rejoin - s.cfg.LostAfter)
		s.enter(t, phaseRunning)
		return
	}
	t.answerBy, t.resendAt = s.now.Add(s.cfg.Rejoin), s.now.Add(s.cfg.AnswerTimeout/2)
	s.enter(t, phaseAssigning)
	s.sendAssign(t)
}
