package scheduler

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// health is what was seen of the work of nodes. It outlives a node's place in the
// view, and a restart: a node that failed is not new because it was away. Failures
// are forgotten with time, so that it gets another chance.
type health struct {
	records map[wire.NodeID]*workRecord
	most    int
	unsaved map[wire.NodeID]struct{}
	savedAt time.Time
}

// workRecord is what was seen of a node up to some time, as it is kept on disk.
type workRecord struct {
	Version  uint64        `cbor:"v"`
	Rate     float64       `cbor:"rate"` // of successes of late, from 0 to 1
	Average  time.Duration `cbor:"avg"`  // of its tasks' times; 0 if none has ended
	Failures int           `cbor:"failures,omitempty"`
	At       time.Time     `cbor:"at"`
}

const (
	healthPrefix = "health/"
	// newest is the weight of the newest task.
	newest = 0.2
	// healthHalfLife is after what time half of what speaks against a node is
	// forgotten.
	healthHalfLife = 10 * time.Minute
	// maxFailures is from what number on failures count no further.
	maxFailures = 10
	// saveHealth is the least time between two writings.
	saveHealth = 10 * time.Second
	// keepHealth is how long a record is kept of a node that gets no tasks.
	keepHealth = 24 * time.Hour
)

func newHealth(most int) health {
	return health{records: make(map[wire.NodeID]*workRecord), most: most, unsaved: make(map[wire.NodeID]struct{})}
}

// of is the health of a node as of now; that of one never tried is good.
func (h *health) of(now time.Time, id wire.NodeID) placement.Health {
	r := h.records[id]
	if r == nil {
		return placement.Health{SuccessRate: 1}
	}
	left := r.left(now)
	return placement.Health{
		SuccessRate: 1 - (1-r.Rate)*left, AvgCompletion: r.Average,
		ConsecutiveFailures: int(float64(r.Failures)*left + 0.5),
	}
}

// left is the part of what speaks against a node that is not forgotten yet.
func (r *workRecord) left(now time.Time) float64 {
	return math.Exp2(-max(now.Sub(r.At).Seconds(), 0) / healthHalfLife.Seconds())
}

// worked notes how an attempt on a node went.
func (h *health) worked(now time.Time, id wire.NodeID, ok bool, took time.Duration) {
	was := h.of(now, id)
	r := h.record(id)
	r.Rate, r.Failures, r.At = was.SuccessRate*(1-newest), min(was.ConsecutiveFailures+1, maxFailures), now
	if ok {
		r.Rate, r.Failures = r.Rate+newest, 0
		if r.Average == 0 {
			r.Average = took
		}
		r.Average += time.Duration(newest * float64(took-r.Average))
	}
	h.unsaved[id] = struct{}{}
}

// record is that of a node; a new one takes the place of the oldest if there are too
// many.
func (h *health) record(id wire.NodeID) *workRecord {
	if r := h.records[id]; r != nil {
		return r
	}
	if len(h.records) >= h.most {
		h.forget(h.oldest())
	}
	r := &workRecord{Version: journalVersion, Rate: 1}
	h.records[id] = r
	return r
}

func (h *health) oldest() (oldest wire.NodeID) {
	for id, r := range h.records {
		first := h.records[oldest]
		if first == nil || r.At.Before(first.At) || r.At.Equal(first.At) && id < oldest {
			oldest = id
		}
	}
	return oldest
}

func (h *health) forget(id wire.NodeID) {
	delete(h.records, id)
	h.unsaved[id] = struct{}{}
}

// keepHealth has the records written that have changed, once in a while: losing the
// newest in a crash does little harm.
func (s *Submitter) keepHealth() {
	h := &s.view.health
	if len(h.unsaved) == 0 || s.now.Sub(h.savedAt) < saveHealth {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(h.unsaved)) {
		rec := Record{Key: healthPrefix + id.String()}
		if r := h.records[id]; r != nil {
			rec.Value = encodeRecord(r)
		}
		s.out.Persist = append(s.out.Persist, rec)
	}
	h.savedAt = s.now
	clear(h.unsaved)
}

// restoreHealth takes a record from before a restart.
func (s *Submitter) restoreHealth(id string, rec Record) error {
	r, err := decodeRecord(rec, func(r *workRecord) uint64 { return r.Version })
	if err != nil {
		return err
	}
	node, err := wire.ParseNodeID(id)
	if err != nil || !(r.Rate >= 0 && r.Rate <= 1) || r.Failures < 0 || r.Average < 0 {
		return fmt.Errorf("record %q: no health: %w", rec.Key, ErrJournal)
	}
	h := &s.view.health
	if s.now.Sub(r.At) > keepHealth || len(h.records) >= h.most {
		s.out.Persist = append(s.out.Persist, Record{Key: rec.Key})
		return nil
	}
	h.records[node] = &r
	return nil
}
