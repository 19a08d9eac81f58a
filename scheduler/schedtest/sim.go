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
	// Policy ranks nodes. Default placement.Default().
	Policy placement.Policy
}

func (c Config) withDefaults() Config {
	c.Nodes = cmp.Or(c.Nodes, 5)
	c.Tasks = cmp.Or(c.Tasks, 40)
	c.Faults = cmp.Or(c.Faults, time.Minute)
	c.Settle = cmp.Or(c.Settle, 15*time.Minute)
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
	// Runs that executors started; Crashes of nodes.
	Runs, Crashes int
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

	check  checker
	report Report
	last   []string
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
	for i := range cfg.Liars {
		l := newLiar(w, cfg.Nodes+i)
		w.liars = append(w.liars, l)
		w.byID[l.id] = l
	}
	return w, nil
}

func (w *world) run() {
	for _, n := range w.nodes {
		n.boot(nil)
	}
	for _, l := range w.liars {
		l.announce()
	}
	for range w.cfg.Tasks {
		w.after(w.upTo(w.cfg.Faults), w.submit)
	}
	if !w.calm {
		w.after(w.upTo(5*time.Second), w.fault)
	}
	w.after(w.cfg.Faults, w.heal)
	end := start.Add(w.cfg.Faults + w.cfg.Settle)
	for len(w.events) > 0 && w.now.Before(end) && !(w.now.After(start.Add(w.cfg.Faults)) && w.check.done()) {
		e := heap.Pop(&w.events).(*event)
		w.now = e.at
		e.do()
		w.report.Events++
		w.check.always()
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

// submit hands a new task to some node, which may not be there.
func (w *world) submit() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up {
		return
	}
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], w.rng.Uint64())
	id := wire.NewTaskID(w.now, random)
	n.submit(id, w.newSpec(n.id))
	if w.chance(0.08) {
		w.after(w.upTo(5*time.Second), func() { n.cancel(id) })
	}
}

// newSpec makes up a task.
func (w *world) newSpec(submitter wire.NodeID) wire.Spec {
	s := wire.Spec{
		Submitter: submitter, Module: module, Placement: wire.PlaceAuto,
		Priority: wire.Priority(1 + w.rng.IntN(4)), Retries: uint32(w.rng.IntN(6)),
		Profile: wire.Profile{CPU: uint32(50 + w.rng.IntN(800)), Memory: uint64(1+w.rng.IntN(300)) << 20},
	}
	if w.chance(0.2) {
		s.Profile.GPU = &wire.GPUSpec{Required: w.chance(0.5), Count: uint32(1 + w.rng.IntN(2))}
	}
	if w.chance(0.05) {
		s.Profile.CPU = wire.MaxCPU // nobody has that
	}
	if w.chance(0.2) {
		s.Deadline = w.upTo(30*time.Second) + time.Millisecond
	}
	if w.chance(0.3) {
		s.Limits.Fuel = 1 << 40
	}
	return s
}

var module = func() wire.Link {
	l, err := wire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe")
	if err != nil {
		panic(err) // a constant
	}
	return l
}()

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
