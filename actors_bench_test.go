package godwit

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// createCounter makes a counter by way of a node.
func createCounter(t testing.TB, p *process, name string, hints api.Hints) {
	t.Helper()
	f, err := os.Open("examples/counter/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, err := p.client.PutFile(t.Context(), f, api.PutOptions{Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	request := api.ActorRequest{Name: name, Module: code.CID, Hints: hints}
	if _, err := p.client.CreateActor(t.Context(), api.ActorCreation{Request: request}); err != nil {
		t.Fatal(err)
	}
}

// ask asks an actor by way of a node.
func ask(t testing.TB, p *process, name, what string) string {
	t.Helper()
	_, reply, err := p.client.AskActor(t.Context(), api.ActorMessage{Name: name, Payload: []byte(what)})
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

// percentile is the value that so many of a hundred are below.
func percentile(times []time.Duration, p int) float64 {
	slices.Sort(times)
	return float64(times[min(len(times)*p/100, len(times)-1)]) / float64(time.Millisecond)
}

// BenchmarkActorFailover kills the process that an actor lives on, and takes the time
// until the next message is answered elsewhere; the client does not know where.
func BenchmarkActorFailover(b *testing.B) {
	nodes := spawnMesh(b, 4, Config{})
	createCounter(b, nodes[0], "counter", api.Hints{Avoid: []string{"require:" + nodes[0].ID}})
	count := 0
	var times []time.Duration
	for b.Loop() {
		a, err := nodes[0].client.Actor(b.Context(), "counter")
		if err != nil {
			b.Fatal(err)
		}
		host := nodes[slices.IndexFunc(nodes, func(p *process) bool { return p.ID == a.Node })]
		count++
		if got := ask(b, nodes[0], "counter", "inc"); got != strconv.Itoa(count) {
			b.Fatalf("%s, want %d", got, count)
		}
		host.cmd.Process.Kill()
		killed := time.Now()
		count++
		if got := ask(b, nodes[0], "counter", "inc"); got != strconv.Itoa(count) {
			b.Fatalf("after the kill %s, want %d", got, count)
		}
		times = append(times, time.Since(killed))
		host.kill()
		host.start()
		waitFor(b, func() bool {
			a, err := nodes[0].client.Actor(b.Context(), "counter")
			return err == nil && len(a.Replicas) >= 3 && len(a.Down)+len(a.Learning) == 0
		})
	}
	b.ReportMetric(percentile(times, 50), "ms-p50")
	b.ReportMetric(percentile(times, 99), "ms-p99")
}

// BenchmarkActorAsk is asks of one actor that three processes keep, through the API of
// a node that it does not live on, by so many clients at a time.
func BenchmarkActorAsk(b *testing.B) {
	nodes := spawnMesh(b, 3, Config{})
	createCounter(b, nodes[0], "counter", api.Hints{Prefer: []string{nodes[1].ID}})
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			work := make(chan struct{})
			var running sync.WaitGroup
			for range clients {
				running.Go(func() {
					for range work {
						if _, _, err := nodes[0].client.AskActor(b.Context(), api.ActorMessage{Name: "counter", Payload: []byte("inc")}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			running.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "asks/s")
		})
	}
}
