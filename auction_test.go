package godwit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// lastRound is the last look for a node of a task.
func lastRound(t testing.TB, n *Node, id string) scheduler.Round {
	t.Helper()
	task, err := wire.ParseTaskID(id)
	if err != nil {
		t.Fatal(err)
	}
	var x scheduler.Explanation
	if err := n.ask(context.Background(), func() { x, _ = n.loop.submitter.Explain(task) }); err != nil {
		t.Fatal(err)
	}
	if len(x.Rounds) == 0 {
		t.Fatalf("nothing is known of how %s was placed", id)
	}
	return x.Rounds[len(x.Rounds)-1]
}

// Three nodes bid for a task: all of them answer, long before the window ends, and
// the one that has its data gets it.
func TestAuctionOfNodes(t *testing.T) {
	nodes := mesh(t, 3)
	module := putBytes(t, nodes[0], noop)
	data := putBytes(t, nodes[2], make([]byte, 1<<20))
	for range 3 { // the first one has to open streams
		task := run(t, nodes[0], api.TaskRequest{Module: module, Placement: "auction", Hints: api.Hints{Near: []string{data}}})
		r := lastRound(t, nodes[0], task.ID)
		if len(r.Answers) != 3 || r.Chosen != nodes[2].self || r.Took > 450*time.Millisecond {
			t.Errorf("%+v", r)
		}
		for _, a := range r.Answers {
			if a.Said != scheduler.SaidOffered || a.After <= 0 || (a.Offer.Held > 0) != (a.Node == nodes[2].self) {
				t.Errorf("%+v of %+v", a, a.Offer)
			}
		}
	}
	for _, n := range nodes { // what was offered and not taken up is free again
		waitFor(t, func() bool {
			w, err := n.Self(t.Context())
			return err == nil && w.Running == 0 && w.AvailableRatio == 1
		})
	}
	for name, want := range map[string]string{
		"godwit_placement_offers_sent_total": "3", "godwit_placement_wins_total": "0", "godwit_placement_losses_total": "3",
	} {
		if got := scrape(t, nodes[1])[name]; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := scrape(t, nodes[2])["godwit_placement_wins_total"]; got != "3" {
		t.Errorf("%s wins, want 3", got)
	}
	if got := scrape(t, nodes[0])["godwit_placement_score_count"]; got != "3" {
		t.Errorf("%s scores, want 3", got)
	}
}

// A task that may not cost more than the dearer nodes take goes to the cheap one, or
// nowhere.
func TestMaxCostOfNodes(t *testing.T) {
	a := start(t, Config{NoRun: true})
	start(t, Config{Bootstrap: a.Addrs(), Cost: 3})
	cheap := start(t, Config{Bootstrap: a.Addrs(), Cost: 2})
	waitFor(t, func() bool {
		list, err := a.Workers(t.Context())
		return err == nil && len(list) == 3
	})
	module := putBytes(t, a, noop)
	wants := make(map[string]string)
	for _, placement := range []string{"auction", "direct"} {
		for cost, want := range map[float64]string{2.5: cheap.ID(), 1: ""} {
			task, _, err := a.Submit(t.Context(), api.Submission{Request: api.TaskRequest{
				Module: module, Placement: placement, MaxCost: cost, Limits: api.Limits{Fuel: 1000}}})
			if err != nil {
				t.Fatal(err)
			}
			wants[task.ID] = want
		}
	}
	for id, want := range wants {
		task, err := a.Wait(t.Context(), id)
		if err != nil || task.Node != want || (want == "") != (task.Reason == string(wire.ReasonNotPlaced)) {
			t.Errorf("%+v, %v", task, err)
		}
	}
}

// From a task's acceptance to an offer's being taken up, among twenty nodes.
func BenchmarkAuction(b *testing.B) { benchmarkPlacing(b, 20, wire.PlaceAuction) }

// From the choice of a node to its reservation, among three.
func BenchmarkDirect(b *testing.B) { benchmarkPlacing(b, 3, wire.PlaceDirect) }

func benchmarkPlacing(b *testing.B, n int, placement wire.Placement) {
	nodes := mesh(b, n)
	module := putBytes(b, nodes[0], noop)
	place := func() scheduler.Round {
		task, _, err := nodes[0].Submit(context.Background(), api.Submission{Request: api.TaskRequest{
			Module: module, Placement: string(placement), Hints: api.Hints{Avoid: []string{"require:" + nodes[0].ID()}}}})
		if err != nil {
			b.Fatal(err)
		}
		if task, err = nodes[0].Wait(context.Background(), task.ID); err != nil || task.Status != api.StatusSucceeded {
			b.Fatalf("%+v, %v", task, err)
		}
		return lastRound(b, nodes[0], task.ID)
	}
	for warm := 0; warm < 20; { // streams are opened, modules fetched, gossip's mesh formed
		r := place()
		if !slices.ContainsFunc(r.Answers, func(a scheduler.Answer) bool { return a.Said == scheduler.SaidSilent }) {
			warm++
		}
	}
	var took []time.Duration
	answers := 0
	for b.Loop() {
		r := place()
		took = append(took, r.Took)
		for _, a := range r.Answers {
			if a.Said != scheduler.SaidSilent {
				answers++
			}
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-p50")
	b.ReportMetric(ms(took[len(took)*99/100]), "ms-p99")
	b.ReportMetric(float64(answers)/float64(len(took)), "answers")
}

// Many auctions at once do not stand in one another's way.
func BenchmarkAuctions(b *testing.B) {
	nodes := mesh(b, 5)
	module := putBytes(b, nodes[0], noop)
	var work sync.WaitGroup
	jobs := make(chan struct{})
	for i := range 32 {
		n := nodes[i%len(nodes)]
		work.Go(func() {
			for range jobs {
				task, _, err := n.Submit(context.Background(), api.Submission{Request: api.TaskRequest{Module: module, Placement: "auction"}})
				if err == nil {
					task, err = n.Wait(context.Background(), task.ID)
				}
				if err != nil || task.Status != api.StatusSucceeded {
					b.Error(fmt.Errorf("%+v, %w", task, err))
				}
			}
		})
	}
	begun, n := time.Now(), 0
	for b.Loop() {
		jobs <- struct{}{}
		n++
	}
	close(jobs)
	work.Wait()
	b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "tasks/s")
}
