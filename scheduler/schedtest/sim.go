package schedtest

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// Config is a simulation. The zero value of a field means its default.
type Config struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Nodes that are honest, and Liars that are not. Defaults 5 and 0.
	Nodes, Liars int
	// Tasks are submitted during Faults. Default 40.
	Tasks int
	// Faults is how long things go wrong, in virtual time. Default 60 s.
	Faults time.Duration
	// Settle is how long accepted tasks then have to end. Default 15 min.
	Settle time.Duration
	// Calm leaves the faults out.
	Calm bool
	// Skew is how far the nodes' clocks may be off, either way. Default 2 min.
	Skew time.Duration
	// Policy ranks nodes. Default placement.Default().
	Policy placement.Policy
	// Placement is how tasks are placed. Default wire.PlaceAuto.
	Placement wire.Placement
	// Capacity is what a node has. Default: up to 2.5 cores, 1 GiB and two GPUs.
	Capacity func(node int) wire.Capacity
	// Long is which part of the tasks runs for up to 21 s, with checkpoints, of which some
	// are asked to migrate. Default 0.
	Long float64
	// Progress, if not nil, is called after each event with the virtual time that has
	// passed, the number of events, and how many accepted tasks have not ended.
	Progress func(passed time.Duration, events, open int)
}

// maxView is of how many others a node in a large mesh knows: everyone of all would
// take more memory than a machine has.
const maxView = 256

func (c Config) withDefaults() Config {
	c.Nodes = cmp.Or(c.Nodes, 5)
	c.Tasks = cmp.Or(c.Tasks, 40)
	c.Faults = cmp.Or(c.Faults, time.Minute)
	c.Settle = cmp.Or(c.Settle, 15*time.Minute)
	c.Skew = cmp.Or(c.Skew, 2*time.Minute)
	c.Placement = cmp.Or(c.Placement, wire.PlaceAuto)
	return c
}

// Report is what a simulation came to.
type Report struct {
	// Events that happened, and a hash of all of them in order.
	Events int
	Trace  uint64
	// Accepted tasks, and how they ended: "succeeded", "failed exit" and so on.
	Accepted int
	Ends     map[string]int
	// Resumed are runs that went on from a checkpoint, Yielded those that were suspended.
	Resumed, Yielded int
	// Runs that executors started; Crashes of nodes; Auctions held.
	Runs, Crashes, Auctions int
	// Messages that were sent, of which Pings and their answers; Vectors said.
	Messages, Pings, Vectors int
	// Suspicions of nodes by others, and Deaths, of which False were wrong.
	Suspicions, Deaths, FalseDeaths int
	// Took is the virtual time until the last task had ended.
	Took time.Duration
}

// Violation is an invariant that did not hold.
type Violation struct {
	Seed uint64
	What string
	// Last are the last events before it.
	Last []string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s\nlast events:\n  %s\nrepeat it with: go test ./scheduler/schedtest -run Seeds -seed %d -seeds 1 -v",
		v.What, strings.Join(v.Last, "\n  "), v.Seed)
}

// Run simulates. Its error is the configuration's, or a *Violation.
func Run(cfg Config) (report Report, err error) {
	w, err := newWorld(cfg.withDefaults())
	if err != nil {
		return Report{}, err
	}
	return runWorld(w)
}

func runWorld(w *world) (report Report, err error) {
	defer func() {
		if v, ok := recover().(*Violation); ok {
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

	nodes []*node
	liars []*liar
	byID  map[wire.NodeID]peer
	cut   map[pair]bool
	calm  bool

	// computations are what tasks are, madeOf the checkpoints that were made of them.
	computations map[scheduler.Kept]*computation
	madeOf       map[scheduler.Kept]map[wire.Point]made

	// took, unless nil, is how long a task runs, and then succeeds.
	took func(wire.TaskID) time.Duration

	check   checker
	touched []*node // by the event
	report  Report
	last    []string
}

// peer is whoever receives messages.
type peer interface {
	receive(from wire.NodeID, m wire.Message)
	name() string
}

// event is something that is going to happen.
type event struct {
	at  time.Time
	seq uint64
	do  func()
}

func newWorld(cfg Config) (*world, error) {
	w := &world{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x60d317)), now: start,
		byID: make(map[wire.NodeID]peer), cut: make(map[pair]bool), calm: cfg.Calm,
		computations: make(map[scheduler.Kept]*computation), madeOf: make(map[scheduler.Kept]map[wire.Point]made),
	}
	w.check.init(w)
	w.report.Ends = make(map[string]int)
	for i := range cfg.Nodes {
		n, err := newNode(w, i)
		if err != nil {
			return nil, err
		}
		w.nodes = append(w.nodes, n)
		w.byID[n.id] = n
	}
	for i, n := range w.nodes {
		n.hears = w.audience(i)
	}
	for i := range cfg.Liars {
		l := newLiar(w, cfg.Nodes+i)
		w.liars = append(w.liars, l)
		w.byID[l.id] = l
	}
	return w, nil
}

// audience are the nodes that hear what a node says of itself: all, or in a large
// mesh some, which are others for each.
func (w *world) audience(of int) []*node {
	if len(w.nodes) <= maxView {
		return w.nodes
	}
	list := []*node{w.nodes[of]}
	for _, i := range w.rng.Perm(len(w.nodes))[:maxView] {
		if i != of {
			list = append(list, w.nodes[i])
		}
	}
	return list
}

func (w *world) run() {
	for _, n := range w.nodes {
		w.after(w.upTo(min(time.Second, w.cfg.Faults/2)), func() { n.boot(nil) })
	}
	for _, l := range w.liars {
		l.announce()
	}
	for range w.cfg.Tasks {
		w.after(w.upTo(w.cfg.Faults), w.submit)
	}
	if !w.calm { // as many for each node in a large mesh as in a small one
		for range 1 + len(w.nodes)/20 {
			w.after(w.upTo(5*time.Second), w.fault)
		}
	}
	w.after(w.cfg.Faults, w.heal)
	end := start.Add(w.cfg.Faults + w.cfg.Settle)
	for len(w.events) > 0 && w.now.Before(end) && !(w.now.After(start.Add(w.cfg.Faults)) && w.check.done()) {
		e := heap.Pop(&w.events).(*event)
		w.now, w.touched = e.at, w.touched[:0]
		e.do()
		w.report.Events++
		w.check.always()
		if w.cfg.Progress != nil {
			w.cfg.Progress(w.now.Sub(start), w.report.Events, w.check.open)
		}
	}
	w.check.atEnd()
	for _, n := range w.nodes {
		n.count()
	}
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

// note writes an event into the trace.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%9.3fs ", w.now.Sub(start).Seconds()) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, w.report.Trace)) // never fails
	_, _ = h.Write([]byte(line))
	w.report.Trace = h.Sum64()
	if w.last = append(w.last, line); len(w.last) > 400 {
		w.last = w.last[200:]
	}
}

// violated ends the simulation.
func (w *world) violated(format string, args ...any) {
	panic(&Violation{w.cfg.Seed, fmt.Sprintf(format, args...), w.last[max(0, len(w.last)-200):]})
}

// eventHeap orders events by time, and those of one time as they were made.
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
	*h = old[:len(old)-1]
	return e
}
