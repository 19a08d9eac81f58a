package godwit

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// mesh starts three nodes with APIs that know each other.
func mesh(t testing.TB, n int) []*Node {
	t.Helper()
	var nodes []*Node
	for range n {
		cfg := Config{API: "127.0.0.1:0"}
		if len(nodes) > 0 {
			cfg.Bootstrap = nodes[0].Addrs()
		}
		nodes = append(nodes, start(t, cfg))
	}
	for _, node := range nodes {
		waitFor(t, func() bool {
			list, err := node.Workers(context.Background())
			return err == nil && len(list) == n
		})
	}
	return nodes
}

// noop is the module (module (func (export "_start"))).
var noop = []byte{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 10, 1, 6, '_', 's', 't', 'a', 'r', 't', 0, 0, 10, 4, 1, 2, 0, 0x0b}

func client(t testing.TB, n *Node) *api.Client {
	t.Helper()
	c, err := api.NewClient(api.ClientConfig{URL: "http://" + n.APIAddr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A task that does nothing, by the API of one of three nodes, one after the other.
func BenchmarkLatency(b *testing.B) {
	nodes := mesh(b, 3)
	c := client(b, nodes[0])
	id := putBytes(b, nodes[0], noop)
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		task, err := c.Run(b.Context(), api.Submission{Request: api.TaskRequest{Module: id}})
		if err != nil || task.Status != api.StatusSucceeded {
			b.Fatalf("%+v, %v", task, err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// A node in a process of its own: from its start until it is ready, and the memory
// that it takes when nothing happens.
func BenchmarkStart(b *testing.B) {
	var took []time.Duration
	rss := 0
	for b.Loop() {
		p := spawn(b, Config{})
		took = append(took, p.took)
		rss = residentKiB(b, p.cmd.Process.Pid)
		p.kill()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
	b.ReportMetric(float64(rss)/1024, "MiB-rss")
}

// residentKiB is the memory of a process that is in RAM (Linux).
func residentKiB(b *testing.B, pid int) (kib int) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		b.Fatal(err)
	}
	return kib
}

// As many tasks as many clients at once can get through three nodes.
func BenchmarkThroughput(b *testing.B) {
	nodes := mesh(b, 3)
	id := putBytes(b, nodes[0], noop)
	for _, n := range nodes[1:] {
		putBytes(b, n, noop)
	}
	const clients = 96
	var work sync.WaitGroup
	jobs := make(chan struct{})
	for i := range clients {
		c := client(b, nodes[i%3])
		work.Go(func() {
			for range jobs {
				task, err := c.Run(context.Background(), api.Submission{Request: api.TaskRequest{Module: id}})
				if err != nil || task.Status != api.StatusSucceeded {
					b.Errorf("%+v, %v", task, err)
				}
			}
		})
	}
	begun := time.Now()
	n := 0
	for b.Loop() {
		jobs <- struct{}{}
		n++
	}
	close(jobs)
	work.Wait()
	b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "tasks/s")
}
