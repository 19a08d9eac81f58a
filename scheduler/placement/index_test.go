package placement

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// testLink is the CID of a text.
func testLink(text string) wire.Link {
	hash, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return wire.Link{Cid: cid.NewCidV1(cid.Raw, hash)}
}

// drawNode is a node of few kinds, so that equals are common.
func drawNode(t *rapid.T, id string) Node {
	n := plain(id)
	n.Free.CPU = rapid.SampledFrom([]uint32{0, 500, 1000, 4000, 8000, 9000}).Draw(t, "cpu")
	n.Free.Memory = rapid.SampledFrom([]uint64{gib / 2, gib, 16 * gib}).Draw(t, "memory")
	n.Trust = rapid.SampledFrom([]float64{0, 0.3, 0.5, 1}).Draw(t, "trust")
	n.Tasks = rapid.IntRange(0, 12).Draw(t, "tasks")
	n.RTT = rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}).Draw(t, "rtt")
	n.Turn = rapid.Uint64Range(0, 2).Draw(t, "turn")
	n.Out = rapid.SampledFrom([]wire.Refusal{"", "", "", wire.RefusedSilent, wire.RefusedDraining}).Draw(t, "out")
	n.Self = id == "1"
	if rapid.IntRange(0, 3).Draw(t, "failed") == 0 {
		n.Health = Health{SuccessRate: 0.8, ConsecutiveFailures: 1, AvgCompletion: time.Second}
	}
	v := n.Vector
	v.Cost = rapid.SampledFrom([]uint64{0, 5, 50}).Draw(t, "cost")
	v.Region = rapid.SampledFrom([]string{"", "eu"}).Draw(t, "region")
	if rapid.Bool().Draw(t, "labelled") {
		v.Labels = map[string]string{"disk": "ssd"}
	}
	if rapid.Bool().Draw(t, "holds") {
		v.Blobs = wire.NewFilter([]wire.Link{testLink("a")})
	}
	if rapid.Bool().Draw(t, "gpu") {
		v.Total.GPUs = []wire.GPUDevice{{ID: "0", Available: true}}
		n.Free.GPUs = []wire.GPUDevice{{ID: "0", Available: rapid.Bool().Draw(t, "available"), Processor: rapid.Bool().Draw(t, "processor")}}
	}
	return n
}

func drawRequest(t *rapid.T) *Request {
	r := request()
	r.Task[0], r.Task[15] = rapid.Byte().Draw(t, "task"), rapid.Byte().Draw(t, "task")
	r.Class = rapid.SampledFrom(classes[:]).Draw(t, "class")
	r.Hints = &wire.Hints{Wishes: drawWishes(t)}
	if rapid.IntRange(0, 3).Draw(t, "requires") == 0 {
		r.Hints.Require = drawWishes(t)
	}
	if rapid.IntRange(0, 3).Draw(t, "beside") == 0 {
		r.Beside, r.MustBeside = "2", "2"
	}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		r.Placement = wire.PlaceLocal
	case 1:
		r.Needs.GPU = &wire.GPUSpec{Required: rapid.Bool().Draw(t, "required"), Count: 1}
	case 2:
		r.MaxCost, r.Fuel = 10, 1000
	}
	return r
}

func drawWishes(t *rapid.T) (w wire.Wishes) {
	rarely := func() bool { return rapid.IntRange(0, 3).Draw(t, "wish") == 0 }
	if rarely() {
		w.Near, w.Sizes = []wire.Link{testLink("a"), testLink("b")}, []uint64{3, 1}
	}
	if rarely() {
		w.Prefer = []wire.NodeID{"3"}
	}
	if rarely() {
		w.Avoid = []wire.NodeID{"4"}
	}
	if rarely() {
		w.Region = "eu"
	}
	if rarely() {
		w.Labels = []string{"disk=ssd"}
	}
	if rarely() {
		w.Colocate = wire.TaskID{9}
	}
	return w
}

func drawPolicy(t *rapid.T) Policy {
	o := rapid.SampledFrom([]Options{
		{}, {PreferLocal: true}, {MaxLatency: 100 * time.Millisecond}, {Weights: map[string]float64{"trust": 0, "spread": 0.7}},
		{Algorithm: RoundRobin}, {Algorithm: PerformanceAware}, {Strategy: Random}, {Strategy: LeastLoaded, LoadMetric: CPUUsage},
	}).Draw(t, "options")
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if w, ok := p.(*Weighted); ok {
		w.NoSpread = rapid.Bool().Draw(t, "no spread")
	}
	if rapid.IntRange(0, 5).Draw(t, "own") == 0 {
		return struct{ Policy }{p} // as one that this package does not know
	}
	return p
}

// Whatever happens to its nodes, an index finds what the dumb ranker finds.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := drawPolicy(t)
		x, k := NewIndex(policy), NewRanker(policy)
		t.Repeat(map[string]func(*rapid.T){
			"put":    func(t *rapid.T) { x.Put(drawNode(t, drawID(t))) },
			"remove": func(t *rapid.T) { x.Remove(wire.NodeID(drawID(t))) },
			"change": func(t *rapid.T) {
				if n := x.Node(wire.NodeID(drawID(t))); n != nil {
					*n = drawNode(t, string(n.ID))
					x.Changed(n.ID)
				}
			},
			"": func(t *rapid.T) { compareRanks(t, x, k) },
		})
	})
}

func drawID(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 12).Draw(t, "node")) }

func compareRanks(t *rapid.T, x *Index, k *Ranker) {
	r := drawRequest(t)
	want := k.Rank(r, x.Nodes())
	got := x.Rank(r)
	if len(got) != len(want) {
		t.Fatalf("%d candidates of %d", len(got), len(want))
	}
	for i := range want {
		a, b := got[i], want[i]
		if a.Node != b.Node || a.Out != b.Out || a.Never != b.Never || a.Score != b.Score || a.Factor != b.Factor {
			t.Fatalf("candidate %d: %s %q %v %v, want %s %q %v %v", i, a.Node.ID, a.Out, a.Never, a.Score, b.Node.ID, b.Out, b.Never, b.Score)
		}
		if reasons := x.Reasons(r, a.Node); reasons.Score != a.Score || !slices.Equal(reasons.Terms, b.Terms) {
			t.Fatalf("reasons %+v, want %+v", reasons, b)
		}
	}
	tried := map[wire.NodeID]bool{wire.NodeID(drawID(t)): true, wire.NodeID(drawID(t)): true}
	node, score, fit := x.Best(r, tried)
	wantNode, wantScore, wantFit := k.Best(r, x.Nodes(), tried)
	if node != wantNode || score != wantScore || fit != wantFit {
		t.Fatalf("best %v %v %v, want %v %v %v", node, score, fit, wantNode, wantScore, wantFit)
	}
}

// The sorter orders as comparison does, whatever the scores.
func TestSorter(t *testing.T) {
	var s sorter
	rapid.Check(t, func(t *rapid.T) {
		nodes := make([]Node, rapid.SampledFrom([]int{0, 1, 2, 30, fewKeys - 1, fewKeys, 400}).Draw(t, "n"))
		list := make([]Candidate, len(nodes))
		for i := range list {
			nodes[i].ID = wire.NodeID(fmt.Sprint(i))
			list[i] = Candidate{Node: &nodes[i], Score: rapid.Float64Range(0, 1).Draw(t, "score")}
			if rapid.Bool().Draw(t, "coarse") {
				list[i].Score = float64(int(list[i].Score*4)) / 4
			}
			list[i].Out = rapid.SampledFrom([]wire.Refusal{"", "", wire.RefusedCPU, wire.RefusedTrust}).Draw(t, "out")
		}
		want := slices.Clone(list)
		slices.SortStableFunc(want, func(a, b Candidate) int { return compare(7, &a, &b) })
		got := s.sort(7, list)
		if slices.CompareFunc(got, want, func(a, b Candidate) int { return cmp.Compare(a.Node.ID, b.Node.ID) }) != 0 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func indexOf(nodes []Node) *Index {
	x := NewIndex(Default())
	for _, n := range nodes {
		x.Put(n)
	}
	return x
}

func TestIndexAllocatesNothing(t *testing.T) {
	r, x := request(), indexOf(manyNodes(1000))
	r.Hints = &wire.Hints{Wishes: wire.Wishes{Near: []wire.Link{testLink("a")}, Region: "eu"}}
	work := func() {
		x.Rank(r)
		x.Best(r, nil)
		x.Changed(x.Nodes()[7].ID)
	}
	work()
	work() // the two lists of candidates take turns
	if n := testing.AllocsPerRun(100, work); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// median reports the median time of f besides the mean, which other programs on the
// machine make longer.
func median(b *testing.B, f func(i int)) {
	b.ReportAllocs()
	times := make([]time.Duration, 0, 1<<20)
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		f(i)
		if len(times) < cap(times) {
			times = append(times, time.Since(begun))
		}
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns")
}

func BenchmarkIndex(b *testing.B) {
	plainly, wishing := request(), request()
	wishing.Hints = &wire.Hints{
		Wishes:  wire.Wishes{Near: []wire.Link{testLink("a")}, Region: "eu", Avoid: []wire.NodeID{"x"}},
		Require: wire.Wishes{Labels: []string{"disk=ssd"}},
	}
	for _, n := range []int{100, 10_000} {
		nodes := manyNodes(n)
		for i := range nodes {
			nodes[i].Vector.Labels = map[string]string{"disk": []string{"ssd", "hdd"}[i%2]}
			nodes[i].Vector.Blobs = wire.NewFilter([]wire.Link{testLink(string(nodes[i].ID[:i%36]))})
		}
		x := indexOf(nodes)
		for _, c := range []struct {
			name string
			r    *Request
		}{{"plain", plainly}, {"wishes", wishing}} {
			b.Run(fmt.Sprintf("best/%s/nodes=%d", c.name, n), func(b *testing.B) {
				median(b, func(i int) {
					c.r.Task[9] = byte(i)
					x.Best(c.r, nil)
				})
			})
			b.Run(fmt.Sprintf("all/%s/nodes=%d", c.name, n), func(b *testing.B) {
				median(b, func(i int) {
					c.r.Task[9] = byte(i)
					x.Rank(c.r)
				})
			})
		}
		b.Run(fmt.Sprintf("change/nodes=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				x.Changed(nodes[i%n].ID)
			}
		})
	}
}

// odd is a policy of one's own that knows no bounds.
type odd struct{ value, weight, factor float64 }

func (o odd) Judge(c *Candidate, r *Request) {
	if c.Refuse(Check(r, c.Node)); c.Out == "" {
		c.Add("odd", o.value, o.weight)
		c.Add("trust", c.Node.Trust, 1)
		c.Scale(o.factor)
	}
}

// Whatever a policy adds, a score is a number from 0 to 1, and so are its terms.
func TestScoresAreBounded(t *testing.T) {
	numbers := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 0.5, 2, math.MaxFloat64}
	for _, value := range numbers {
		for _, weight := range numbers {
			for _, factor := range numbers {
				x := NewIndex(odd{value, weight, factor})
				x.Put(Node{ID: "n", Trust: 0.5, Vector: &wire.Vector{}})
				c := x.Reasons(&Request{}, x.Node("n"))
				for _, n := range []float64{c.Score, c.Factor, c.Terms[0].Value, c.Terms[0].Weight} {
					if !(n >= 0 && n <= 1) {
						t.Fatalf("value %v, weight %v, factor %v: %+v", value, weight, factor, c)
					}
				}
			}
		}
	}
}
