package placement

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/scheduler/wire"
)

const gib = 1 << 30

func testNode(id string, capacity wire.Capacity) Node {
	return Node{ID: wire.NodeID(id), Trust: 0.5, Free: capacity, Health: Health{SuccessRate: 1},
		Vector: &wire.Vector{Node: wire.NodeID(id), Total: capacity.AllFree(), Free: capacity}}
}

func plain(id string) Node { return testNode(id, wire.Capacity{CPU: 8000, Memory: 16 * gib}) }

func request() *Request {
	return &Request{Task: wire.TaskID{1}, Needs: wire.Profile{CPU: 1000, Memory: gib}, Placement: wire.PlaceAuto}
}

// The scene of the documents: a busy A100, a free 2080 Ti, and no GPU.
func TestSceneOf16A(t *testing.T) {
	gpu := func(name, capability string, memory uint64) wire.GPUDevice {
		return wire.GPUDevice{ID: "0", Name: name, Memory: memory * 1e9, Capability: capability, Available: true}
	}
	node := func(id string, trust float64, tasks int, left float64, gpus ...wire.GPUDevice) Node {
		n := testNode(id, wire.Capacity{CPU: 100_000, Memory: 1 << 40, GPUs: gpus})
		n.Trust, n.Tasks = trust, tasks
		n.Free.CPU = uint32(left * 100_000)
		return n
	}
	nodes := []Node{
		node("executor-a", 0.85, 5, 0.413, gpu("NVIDIA A100", "sm_80", 40)),
		node("executor-b", 0.65, 1, 0.8, gpu("RTX 2080 Ti", "sm_75", 24)),
		node("executor-c", 0.50, 0, 1),
	}
	w := Default()
	w.NoSpread = true
	got := NewRanker(w).Rank(&Request{Needs: wire.GPU(24, "sm_70")}, nodes)
	for i, want := range []struct {
		id    string
		score float64
		out   wire.Refusal
	}{{"executor-b", 0.680, ""}, {"executor-a", 0.564, ""}, {"executor-c", 0, wire.RefusedNoGPU}} {
		c := got[i]
		if string(c.Node.ID) != want.id || math.Abs(c.Score-want.score) > 0.0005 || c.Out != want.out {
			t.Errorf("%s with %.3f %s, want %s with %.3f %s", c.Node.ID, c.Score, c.Out, want.id, want.score, want.out)
		}
	}
}

// Each of what counts changes who wins: without it b does.
func TestWinners(t *testing.T) {
	wish := func(r *Request, w wire.Wishes) { r.Hints = &wire.Hints{Wishes: w} }
	require := func(r *Request, w wire.Wishes) { r.Hints = &wire.Hints{Require: w} }
	ssd := map[string]string{"disk": "ssd"}
	big, small := testLink("big"), testLink("small")
	for _, c := range []struct {
		name   string
		change func(r *Request, w *Weighted, a, b *Node)
		want   string
	}{
		{"nothing", func(*Request, *Weighted, *Node, *Node) {}, "b"},
		{"trust", func(_ *Request, _ *Weighted, a, _ *Node) { a.Trust = 1 }, "a"},
		{"trust gate", func(_ *Request, _ *Weighted, _, b *Node) { b.Trust = 0.29 }, "a"},
		{"capacity", func(_ *Request, _ *Weighted, _, b *Node) { b.Free.CPU = 1000 }, "a"},
		{"memory", func(_ *Request, _ *Weighted, _, b *Node) { b.Free.Memory = gib - 1 }, "a"},
		{"queue", func(_ *Request, _ *Weighted, _, b *Node) { b.Tasks = 9 }, "a"},
		{"start", func(_ *Request, _ *Weighted, _, b *Node) { b.Start = time.Minute }, "a"},
		{"health", func(_ *Request, _ *Weighted, _, b *Node) { b.Health.SuccessRate = 0.8 }, "a"},
		{"failures", func(_ *Request, _ *Weighted, _, b *Node) { b.Health.ConsecutiveFailures = 1 }, "a"},
		{"draining", func(_ *Request, _ *Weighted, _, b *Node) { b.Out = wire.RefusedDraining }, "a"},
		{"distrust", func(_ *Request, _ *Weighted, _, b *Node) { b.Distrusts = true }, "a"},
		{"prefer", func(r *Request, _ *Weighted, _, _ *Node) { wish(r, wire.Wishes{Prefer: []wire.NodeID{"a"}}) }, "a"},
		{"require prefer", func(r *Request, _ *Weighted, _, _ *Node) { require(r, wire.Wishes{Prefer: []wire.NodeID{"a"}}) }, "a"},
		{"avoid", func(r *Request, _ *Weighted, _, _ *Node) { wish(r, wire.Wishes{Avoid: []wire.NodeID{"b"}}) }, "a"},
		{"require avoid", func(r *Request, _ *Weighted, _, _ *Node) { require(r, wire.Wishes{Avoid: []wire.NodeID{"b"}}) }, "a"},
		{"region", func(r *Request, _ *Weighted, a, _ *Node) {
			wish(r, wire.Wishes{Region: "eu"})
			a.Vector.Region = "eu"
		}, "a"},
		{"require region", func(r *Request, _ *Weighted, a, _ *Node) {
			require(r, wire.Wishes{Region: "eu"})
			a.Vector.Region = "eu"
		}, "a"},
		{"label", func(r *Request, _ *Weighted, a, _ *Node) {
			wish(r, wire.Wishes{Labels: []string{"disk=ssd"}})
			a.Vector.Labels = ssd
		}, "a"},
		{"require label", func(r *Request, _ *Weighted, a, _ *Node) {
			require(r, wire.Wishes{Labels: []string{"disk=ssd"}})
			a.Vector.Labels = ssd
		}, "a"},
		{"region as a label", func(r *Request, _ *Weighted, a, _ *Node) {
			wish(r, wire.Wishes{Labels: []string{"region=eu"}})
			a.Vector.Region = "eu"
		}, "a"},
		{"near", func(r *Request, _ *Weighted, a, _ *Node) {
			wish(r, wire.Wishes{Near: []wire.Link{big}})
			a.Vector.Blobs = wire.NewFilter([]wire.Link{big})
		}, "a"},
		{"near, by bytes", func(r *Request, _ *Weighted, a, b *Node) {
			wish(r, wire.Wishes{Near: []wire.Link{small, big, testLink("c")}, Sizes: []uint64{10, 1e9, 10}})
			a.Vector.Blobs = wire.NewFilter([]wire.Link{big})
			b.Vector.Blobs = wire.NewFilter([]wire.Link{small, testLink("c")})
		}, "a"},
		{"near, by offers", func(r *Request, _ *Weighted, a, b *Node) {
			wish(r, wire.Wishes{Near: []wire.Link{small, big}, Sizes: []uint64{10, 1e9}})
			a.Offered, a.Held = true, 1e9
			b.Offered, b.Held = true, 10
		}, "a"},
		{"require near", func(r *Request, _ *Weighted, a, _ *Node) {
			require(r, wire.Wishes{Near: []wire.Link{big}})
			a.Vector.Blobs = wire.NewFilter([]wire.Link{big})
		}, "a"},
		{"require near, by offers", func(r *Request, _ *Weighted, a, b *Node) {
			require(r, wire.Wishes{Near: []wire.Link{big}, Sizes: []uint64{1e9}})
			a.Offered, a.Held = true, 1e9
			b.Offered, b.Held = true, 1e8
		}, "a"},
		{"colocate", func(r *Request, _ *Weighted, _, _ *Node) { r.Beside = "a" }, "a"},
		{"require colocate", func(r *Request, _ *Weighted, _, _ *Node) {
			require(r, wire.Wishes{Colocate: wire.TaskID{7}})
			r.MustBeside = "a"
		}, "a"},
		{"gpu preferred", func(r *Request, _ *Weighted, a, _ *Node) {
			r.Needs.GPU = &wire.GPUSpec{Count: 1, Capability: "sm_70"}
			a.Free.GPUs = []wire.GPUDevice{{ID: "0", Capability: "sm_80", Available: true}}
		}, "a"},
		{"a real gpu", func(r *Request, _ *Weighted, a, b *Node) {
			r.Needs.GPU = &wire.GPUSpec{Required: true, Count: 1, Capability: "opencl_1.2"}
			for _, n := range []*Node{a, b} {
				n.Free.GPUs = []wire.GPUDevice{{ID: "0", Capability: "opencl_3.0", Available: true, Processor: n == b}}
				n.Vector.Total.GPUs = n.Free.GPUs
			}
			a.Tasks = 3
		}, "a"},
		{"cost", func(r *Request, _ *Weighted, _, b *Node) { r.MaxCost, r.Fuel, b.Vector.Cost = 10, 1001, 6 }, "a"},
		{"local only", func(r *Request, _ *Weighted, a, _ *Node) { r.Placement, a.Self = wire.PlaceLocal, true }, "a"},
		{"local preferred", func(_ *Request, w *Weighted, a, _ *Node) { w.Default.Local, a.Self = 0.5, true }, "a"},
		{"latency gate", func(_ *Request, w *Weighted, _, b *Node) { w.MaxLatency, b.RTT = time.Millisecond, time.Second }, "a"},
		{"class latency", func(r *Request, _ *Weighted, a, b *Node) {
			r.Class, a.RTT, b.RTT = wire.ClassLatency, time.Millisecond, 100*time.Millisecond
		}, "a"},
		{"class throughput", func(r *Request, _ *Weighted, a, b *Node) {
			r.Class, a.Free.CPU, b.Free.CPU, b.Trust = wire.ClassThroughput, 7000, 4000, 0.8
		}, "a"},
		{"the same without a class", func(_ *Request, _ *Weighted, a, b *Node) {
			a.Free.CPU, b.Free.CPU, b.Trust = 7000, 4000, 0.8
		}, "b"},
	} {
		nodes := []Node{plain("a"), plain("b")}
		nodes[0].Free.CPU = 7000 // b is a little better
		r, w := request(), Default()
		w.NoSpread = true
		c.change(r, w, &nodes[0], &nodes[1])
		got := NewRanker(w).Rank(r, nodes)
		if string(got[0].Node.ID) != c.want || got[0].Out != "" {
			t.Errorf("%s: %s %s wins", c.name, got[0].Node.ID, got[0].Out)
		}
		total := 0.0
		for _, term := range got[0].Terms {
			total += term.Weight
			if term.Value < 0 || term.Value > 1 {
				t.Errorf("%s: %+v", c.name, term)
			}
		}
		if math.Abs(total-1) > 1e-9 || got[0].Score < 0 || got[0].Score > 1 {
			t.Errorf("%s: score %v of weights that sum to %v", c.name, got[0].Score, total)
		}
	}
}

// What nobody meets keeps everybody out for good, and the summary says what it was.
func TestImpossible(t *testing.T) {
	require := func(w wire.Wishes) func(*Request, *Weighted, *Node) {
		return func(r *Request, _ *Weighted, _ *Node) { r.Hints = &wire.Hints{Require: w} }
	}
	for want, change := range map[string]func(r *Request, w *Weighted, n *Node){
		"2 of 2 nodes: to be avoided":            require(wire.Wishes{Avoid: []wire.NodeID{"a", "b"}}),
		"2 of 2 nodes: not the node asked for":   require(wire.Wishes{Prefer: []wire.NodeID{"c"}}),
		"2 of 2 nodes: in another region":        require(wire.Wishes{Region: "eu"}),
		"2 of 2 nodes: without a required label": require(wire.Wishes{Labels: []string{"disk=ssd"}}),
		"2 of 2 nodes: without the data":         require(wire.Wishes{Near: []wire.Link{testLink("x")}}),
		"2 of 2 nodes: not beside that task":     require(wire.Wishes{Colocate: wire.TaskID{7}}),
		"2 of 2 nodes: not trusted enough":       func(_ *Request, _ *Weighted, n *Node) { n.Trust = 0.2 },
		"2 of 2 nodes: does not trust this node": func(_ *Request, _ *Weighted, n *Node) { n.Distrusts = true },
		"2 of 2 nodes: too far away":             func(_ *Request, w *Weighted, n *Node) { w.MaxLatency, n.RTT = 1, 2 },
		"2 of 2 nodes: too expensive":            func(r *Request, _ *Weighted, n *Node) { r.MaxCost, r.Fuel, n.Vector.Cost = 1, 1000, 2 },
		"2 of 2 nodes: not this node":            func(r *Request, _ *Weighted, _ *Node) { r.Placement = wire.PlaceLocal },
		"2 of 2 nodes: not enough cpu":           func(r *Request, _ *Weighted, _ *Node) { r.Needs.CPU = 9000 },
		"2 of 2 nodes: no such gpu":              func(r *Request, _ *Weighted, _ *Node) { r.Needs = wire.GPU(24, "sm_70") },
	} {
		nodes := []Node{plain("a"), plain("b")}
		r, w := request(), Default()
		for i := range nodes {
			change(r, w, &nodes[i])
		}
		got := NewRanker(w).Rank(r, nodes)
		if Summary(got) != want || !got[0].Never || !got[1].Never {
			t.Errorf("%s, %v; want %s", Summary(got), got[0].Never, want)
		}
	}
}

// A task that is to be beside another one waits until that has a node.
func TestColocateMayCome(t *testing.T) {
	r, n := request(), plain("a")
	r.Hints, r.MayCome = &wire.Hints{Require: wire.Wishes{Colocate: wire.TaskID{7}}}, true
	if out, never := Check(r, &n); out != wire.RefusedColocate || never {
		t.Error(out, never)
	}
}

// The weights of the configuration count, and only in proportion.
func TestWeights(t *testing.T) {
	nodes := []Node{plain("a"), plain("b")}
	nodes[0].Trust, nodes[1].Free.CPU = 1, 4000
	nodes[0].Free.CPU = 2000
	for _, c := range []struct {
		o    Options
		r    wire.Class
		want string
	}{
		{Options{}, wire.ClassDefault, "a"},
		{Options{Weights: map[string]float64{"trust": 0, "spread": 0}}, wire.ClassDefault, "b"},
		{Options{ThroughputWeights: map[string]float64{"trust": 0, "spread": 0}}, wire.ClassDefault, "a"},
		{Options{ThroughputWeights: map[string]float64{"trust": 0, "spread": 0}}, wire.ClassThroughput, "b"},
		{Options{LatencyWeights: map[string]float64{"trust": 0, "spread": 0, "rtt": 0}}, wire.ClassLatency, "b"},
		{Options{Weights: map[string]float64{"trust": 40, "capacity": 30, "queue": 20, "spread": 10}}, wire.ClassDefault, "a"},
	} {
		p, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		r := request()
		r.Class = c.r
		if got := NewRanker(p).Rank(r, nodes)[0]; string(got.Node.ID) != c.want {
			t.Errorf("%+v: %s wins with %+v", c.o, got.Node.ID, got.Terms)
		}
	}
	for _, bad := range []map[string]float64{{"beauty": 1}, {"trust": -1}, {"trust": math.NaN()}, {"trust": math.Inf(1)}, {"trust": 1e-300}} {
		if _, err := New(Options{LatencyWeights: bad}); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// What keeps a node out, and whether that may pass.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change func(r *Request, n *Node)
		out    wire.Refusal
		never  bool
	}{
		{func(*Request, *Node) {}, "", false},
		{func(_ *Request, n *Node) { n.Free.CPU = 999 }, wire.RefusedCPU, false},
		{func(r *Request, _ *Node) { r.Needs.CPU = 8001 }, wire.RefusedCPU, true},
		{func(r *Request, _ *Node) { r.Needs.Storage = 1 }, wire.RefusedStorage, true},
		{func(r *Request, _ *Node) { r.Needs.Network = 1 }, wire.RefusedNetwork, true},
		{func(r *Request, _ *Node) { r.Needs.GPU = &wire.GPUSpec{Required: true, Count: 1} }, wire.RefusedNoGPU, true},
		{func(r *Request, _ *Node) { r.Needs.GPU = &wire.GPUSpec{Count: 1} }, "", false},
		{func(r *Request, n *Node) {
			r.Needs.GPU = &wire.GPUSpec{Required: true, Count: 1}
			n.Vector.Total.GPUs = []wire.GPUDevice{{ID: "0"}}
			n.Free.GPUs = n.Vector.Total.GPUs
		}, wire.RefusedGPU, false},
		{func(_ *Request, n *Node) { n.Out = wire.RefusedSilent }, wire.RefusedSilent, false},
		{func(r *Request, _ *Node) { r.Placement = wire.PlaceLocal }, wire.RefusedLocal, true},
		{func(r *Request, n *Node) { r.MaxCost, n.Vector.Cost = 1, 1 }, wire.RefusedCost, true}, // fuel without a limit
		{func(r *Request, n *Node) { r.MaxCost, r.Fuel, n.Vector.Cost = 1<<40, 1<<62, 1<<62 }, wire.RefusedCost, true},
	} {
		r, n := request(), plain("a")
		c.change(r, &n)
		if out, never := Check(r, &n); out != c.out || never != c.never {
			t.Errorf("%q, %v; want %q, %v", out, never, c.out, c.never)
		}
	}
}

func TestSummary(t *testing.T) {
	list := func(outs ...wire.Refusal) (l []Candidate) {
		for _, out := range outs {
			l = append(l, Candidate{Out: out})
		}
		return l
	}
	for _, c := range []struct {
		list []Candidate
		want string
	}{
		{nil, "no node is known"},
		{list(""), "1 of 1 nodes fit"},
		{list("", "", wire.RefusedCPU), "2 of 3 nodes fit; 1: not enough cpu"},
		{list(wire.RefusedMemory, wire.RefusedMemory, wire.RefusedMemory, wire.RefusedDraining), "3 of 4 nodes: not enough memory; 1: draining"},
	} {
		if got := Summary(c.list); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Who asks for a GPU that nobody has is told so, and what there is.
func TestSummaryOfDevices(t *testing.T) {
	with := func(out wire.Refusal, gpus ...wire.GPUDevice) Candidate {
		n := plain("a")
		n.Vector.Total.GPUs = gpus
		return Candidate{Node: &n, Out: out}
	}
	small := wire.GPUDevice{Memory: 8 << 30, Capability: "sm_75"}
	for _, c := range []struct {
		list []Candidate
		want string
	}{
		{[]Candidate{with("")}, "1 of 1 nodes fit"},
		{[]Candidate{with(wire.RefusedNoGPU), with(wire.RefusedGPU)}, "1 of 2 nodes: no such gpu; 1: such a gpu is taken"},
		{[]Candidate{with(wire.RefusedNoGPU, small, small), with(wire.RefusedDraining), with(wire.RefusedNoGPU)},
			"2 of 3 nodes: no such gpu; 1: draining (asked for 2 × sm_80 with 16.0 GiB; nodes have 2 × sm_75 with 8.0 GiB on 1, none on 1)"},
		{[]Candidate{with(wire.RefusedNoGPU), with(wire.RefusedNoGPU)},
			"2 of 2 nodes: no such gpu (asked for 2 × sm_80 with 16.0 GiB; nodes have none on 2)"},
	} {
		r := request()
		r.Needs.GPU = &wire.GPUSpec{Required: true, Count: 2, Memory: 16 << 30, Capability: "sm_80"}
		if got := SummaryFor(r, c.list); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A crowd of equal tasks does not meet on one of equal nodes.
func TestSpread(t *testing.T) {
	nodes := make([]Node, 10)
	for i := range nodes {
		nodes[i] = plain(fmt.Sprint(i))
	}
	wins := map[wire.NodeID]int{}
	for i := range 1000 {
		r := request()
		r.Task = wire.TaskID{byte(i), byte(i >> 8)}
		wins[NewRanker(Default()).Rank(r, nodes)[0].Node.ID]++
	}
	for id, n := range wins {
		if n < 50 || n > 150 {
			t.Errorf("node %s wins %d of 1000", id, n)
		}
	}
	if len(wins) != len(nodes) {
		t.Errorf("%d nodes win", len(wins))
	}
}

// The policies of the configuration.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		change func(a, b *Node)
		want   string
	}{
		{"default", Options{}, func(a, b *Node) { b.Free.CPU = 1000 }, "a"},
		{"turns", Options{Algorithm: RoundRobin}, func(a, b *Node) { a.Turn, b.Turn, b.Free.CPU = 7, 6, 1000 }, "b"},
		{"never chosen", Options{Algorithm: RoundRobin}, func(a, b *Node) { a.Turn = 1 << 40 }, "b"},
		{"fewest tasks", Options{Algorithm: CapabilityBased}, func(a, b *Node) { a.Tasks, b.Free.CPU = 1, 1000 }, "b"},
		{"least cpu", Options{Algorithm: CapabilityBased, LoadMetric: CPUUsage}, func(a, b *Node) { a.Tasks, b.Free.CPU = 5, 1000 }, "a"},
		{"least memory", Options{Algorithm: CapabilityBased, LoadMetric: MemoryUsage}, func(a, b *Node) { b.Free.Memory = 2 * gib }, "a"},
		{"healthy", Options{Algorithm: PerformanceAware}, func(a, b *Node) { b.Health.SuccessRate = 0.5 }, "a"},
		{"fast", Options{Algorithm: PerformanceAware}, func(a, b *Node) {
			a.Health.AvgCompletion, b.Health.AvgCompletion = time.Second, time.Minute
		}, "a"},
		{"fast but busy", Options{Algorithm: PerformanceAware}, func(a, b *Node) {
			a.Health.AvgCompletion, b.Health.AvgCompletion, a.Tasks = 10*time.Second, 11*time.Second, 3
		}, "b"},
		{"least loaded", Options{Strategy: LeastLoaded}, func(a, b *Node) { b.Tasks = 1 }, "a"},
		{"performance", Options{Strategy: Performance}, func(a, b *Node) { b.Health.SuccessRate = 0.5 }, "a"},
		{"capable, by performance", Options{Algorithm: CapabilityBased, Strategy: Performance}, func(a, b *Node) { b.Health.SuccessRate, a.Tasks = 0.5, 1 }, "a"},
		{"local", Options{Algorithm: RoundRobin, PreferLocal: true}, func(a, b *Node) { a.Self, a.Turn = true, 99 }, "a"},
		{"latency", Options{Algorithm: RoundRobin, MaxLatency: 100 * time.Millisecond}, func(a, b *Node) { b.RTT, a.Turn = time.Second, 99 }, "a"},
		{"trust", Options{Algorithm: RoundRobin}, func(a, b *Node) { b.Trust, a.Turn = 0.2, 99 }, "a"},
	} {
		p, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		nodes := []Node{plain("a"), plain("b")}
		c.change(&nodes[0], &nodes[1])
		if got := NewRanker(p).Rank(request(), nodes)[0]; string(got.Node.ID) != c.want || len(got.Terms) == 0 {
			t.Errorf("%s: %s wins with %+v", c.name, got.Node.ID, got.Terms)
		}
	}
	for _, bad := range []Options{{Algorithm: "best"}, {Strategy: "x"}, {LoadMetric: "y"}, {MaxLatency: -1}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// Random is by hash: the same for a task, different for others.
func TestRandom(t *testing.T) {
	p, err := New(Options{Strategy: Random})
	if err != nil {
		t.Fatal(err)
	}
	nodes := []Node{plain("a"), plain("b")}
	nodes[1].Free.CPU = 1000
	wins := map[wire.NodeID]int{}
	for i := range 200 {
		r := request()
		r.Task = wire.TaskID{byte(i)}
		wins[NewRanker(p).Rank(r, nodes)[0].Node.ID]++
	}
	if wins["a"] < 60 || wins["b"] < 60 {
		t.Errorf("%v", wins)
	}
}

// Best is the first of Rank, whoever was tried.
func TestBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := make([]Node, rapid.IntRange(0, 12).Draw(t, "nodes"))
		tried := map[wire.NodeID]bool{}
		for i := range nodes {
			nodes[i] = plain(fmt.Sprint(i))
			nodes[i].Free.CPU = rapid.Uint32Range(900, 1100).Draw(t, "cpu")
			nodes[i].Trust = float64(rapid.IntRange(0, 4).Draw(t, "trust")) / 4
			tried[nodes[i].ID] = rapid.Bool().Draw(t, "tried")
		}
		w := Default()
		w.NoSpread = rapid.Bool().Draw(t, "no spread")
		k := NewRanker(w)
		var want *Node
		score, fits := 0.0, false
		for _, c := range k.Rank(request(), nodes) {
			fits = fits || c.Out == ""
			if want == nil && c.Out == "" && !tried[c.Node.ID] {
				want, score = c.Node, c.Score
			}
		}
		if got, s, fit := k.Best(request(), nodes, tried); got != want || s != score || fit != fits {
			t.Fatalf("%+v with %v, %v; want %+v with %v, %v", got, s, fit, want, score, fits)
		}
	})
}

func manyNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = plain(fmt.Sprintf("%036d", i*7919))
		nodes[i].Free.CPU = uint32(i * 7919 % 8000)
		nodes[i].Tasks = i % 5
	}
	return nodes
}

func TestRankAllocatesNothing(t *testing.T) {
	nodes, r, k := manyNodes(100), request(), NewRanker(Default())
	k.Rank(r, nodes)
	k.Best(r, nodes, nil)
	if n := testing.AllocsPerRun(100, func() { k.Rank(r, nodes); k.Best(r, nodes, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRank(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		nodes, r, k := manyNodes(n), request(), NewRanker(Default())
		b.Run(fmt.Sprintf("best/nodes=%d", n), func(b *testing.B) {
			for b.Loop() {
				k.Best(r, nodes, nil)
			}
		})
		b.Run(fmt.Sprintf("all/nodes=%d", n), func(b *testing.B) {
			for b.Loop() {
				k.Rank(r, nodes)
			}
		})
	}
}
