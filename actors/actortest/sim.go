package actortest

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// Config is a simulation. The zero value of a field means its default.
type Config struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Nodes, Actors and Replicas of each actor. Defaults 5, 3 and 3.
	Nodes, Actors, Replicas int
	// Calls of clients, made during Faults. Default 150.
	Calls int
	// Faults is how long things go wrong, in virtual time. Default 20 s.
	Faults time.Duration
	// Settle is how long everything then has to come to its end. Default 2 min.
	Settle time.Duration
	// Calm leaves the faults out.
	Calm bool
	// Burn has one node never come back from the faults, nor its disk.
	Burn bool
	// Brief leaves out what makes an actor wait in the middle of a message: it cannot be
	// captured then.
	Brief bool
	// Controls has clients upgrade actors, and actors spawn others, as well.
	Controls bool
	// MaxEvents is how many events there may be. Default 500,000.
	MaxEvents int
	// Checkpoint is the time between checkpoints of an actor that works. Default 100 ms.
	Checkpoint time.Duration
}

func (c Config) withDefaults() Config {
	c.Nodes = cmp.Or(c.Nodes, 5)
	c.Actors = cmp.Or(c.Actors, 3)
	c.Replicas = min(cmp.Or(c.Replicas, 3), c.Nodes)
	c.Calls = cmp.Or(c.Calls, 150)
	c.Faults = cmp.Or(c.Faults, 20*time.Second)
	c.Settle = cmp.Or(c.Settle, 2*time.Minute)
	c.MaxEvents = cmp.Or(c.MaxEvents, 500_000)
	c.Checkpoint = cmp.Or(c.Checkpoint, 100*time.Millisecond)
	return c
}

// Report is what a simulation came to.
type Report struct {
	// Events that happened, and a hash of all of them in order.
	Events int
	Trace  uint64
	// Crashes and pauses of nodes, elections that were won, checkpoints that were
	// agreed on, replicas that were replaced, deliveries that failed, calls that were answered and that were not.
	Crashes, Pauses, Elections, Checkpoints, Replaced, Failures, Answered, Unknown int
	// Repeated is the most work that an activation did again that another had done: the
	// time from the first to the last of it, when it was done first.
	Repeated time.Duration
	// Gap is the longest time from a crash of a leader's node to the activation after it.
	Gap time.Duration
}

// Violation is an invariant that did not hold.
type Violation struct {
	Seed uint64
	What string
	// Last are the last events before it.
	Last []string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s\nlast events:\n  %s\nrepeat it with: go test ./actors/actortest -run Seeds -seed %d -seeds 1 -v",
		v.What, strings.Join(v.Last, "\n  "), v.Seed)
}

// Run simulates. Its error is the configuration's, or a *Violation.
func Run(cfg Config) (report Report, err error) {
	w, err := newWorld(cfg.withDefaults())
	if err != nil {
		return Report{}, err
	}
	defer func() {
		if p := recover(); p != nil {
			v, ok := p.(*Violation)
			if !ok {
				panic(p)
			}
			report, err = w.report, v
		}
	}()
	w.run()
	return w.report, nil
}

// start is when every simulation begins.
var start = time.Unix(1_700_000_000, 0).UTC()

// world is all that is simulated.
type world struct {
	cfg    Config
	rng    *rand.Rand
	now    time.Time
	events eventHeap
	seq    uint64

	nodes  []*node
	byID   map[wire.NodeID]*node
	actors []*actor
	byName map[string]*actor
	byKey  map[wire.ActorID]*actor
	cut    map[pair]bool
	calm   bool

	check  checker
	report Report
	last   []string
}

// actor is what the world knows of an actor.
type actor struct {
	id   wire.ActorID
	name string
	base wire.Base
}

// event is something that is going to happen.
type event struct {
	at  time.Time
	seq uint64
	do  func()
}

func newWorld(cfg Config) (*world, error) {
	w := &world{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0xac7045)), now: start, byID: make(map[wire.NodeID]*node),
		byName: make(map[string]*actor), byKey: make(map[wire.ActorID]*actor), cut: make(map[pair]bool), calm: cfg.Calm,
	}
	w.check.init(w)
	for i := range cfg.Nodes {
		n := newNode(w, i)
		w.nodes = append(w.nodes, n)
		w.byID[n.id] = n
	}
	for i := range cfg.Actors {
		if err := w.newActor(i); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) run() {
	for _, n := range w.nodes {
		n.boot()
	}
	for i := range w.cfg.Calls {
		w.after(w.upTo(w.cfg.Faults), func() { w.call(i) })
	}
	if !w.calm {
		w.after(w.upTo(time.Second), w.fault)
	}
	w.after(w.cfg.Faults, w.heal)
	end := start.Add(w.cfg.Faults + w.cfg.Settle)
	for len(w.events) > 0 && w.now.Before(end) && !(w.now.After(start.Add(w.cfg.Faults)) && w.check.done()) {
		e := heap.Pop(&w.events).(*event)
		w.now = e.at
		e.do()
		if w.report.Events++; w.report.Events > w.cfg.MaxEvents {
			w.violated("something goes on for ever")
		}
	}
	w.check.atEnd()
}

// after lets something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, &event{w.now.Add(d), w.seq, do})
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// faulty is chance, while there are faults.
func (w *world) faulty(p float64) bool { return !w.calm && w.chance(p) }

func (w *world) seed() (s wire.Seed) {
	binary.BigEndian.PutUint64(s[:], w.rng.Uint64())
	s[15] = 1
	return s
}

// note writes an event into the trace.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%9.4fs ", w.now.Sub(start).Seconds()) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, w.report.Trace)) // never fails
	_, _ = h.Write([]byte(line))
	w.report.Trace = h.Sum64()
	if w.last = append(w.last, line); len(w.last) > 800 {
		w.last = w.last[400:]
	}
}

// violated ends the simulation.
func (w *world) violated(format string, args ...any) {
	panic(&Violation{w.cfg.Seed, fmt.Sprintf(format, args...), w.last[max(0, len(w.last)-200):]})
}

// eventHeap has the earliest event first, and of two at one time the older.
type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].seq, h[j].seq)) < 0
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(*event)) }

// Pop implements heap.Interface.
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
