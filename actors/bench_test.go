package actors_test

import (
	"fmt"
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// Messages through one actor with three replicas, each on disk on two nodes at least
// when it is acknowledged.
func BenchmarkReplicated(b *testing.B) {
	c := newCluster(b, 3, nil)
	s := c.nodes[0].create("counter", actors.CreateOptions{Module: c.module("counter")})
	benchmarkAsks(b, c.node(s.Node), 256, func(int64) string { return "counter" })
}

// Messages through a hundred actors of one node, each with three replicas, from about
// twenty clients of each on two processors.
func BenchmarkAllOfANode(b *testing.B) {
	c := newCluster(b, 3, nil)
	module := c.module("counter")
	n := c.nodes[0]
	for i := range 100 {
		n.create(fmt.Sprint("counter", i), actors.CreateOptions{Module: module})
	}
	benchmarkAsks(b, n, 1024, func(i int64) string { return fmt.Sprint("counter", i%100) })
}

// Messages that nobody waits for the effect of, through an actor with one replica: as a
// client that has many to say sends them.
func BenchmarkLocalSendAll(b *testing.B) {
	n := oneReplica(b)
	const together = 512
	payloads := slices.Repeat([][]byte{[]byte("inc")}, together)
	b.SetParallelism(8)
	before := processor()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for k := together; k == together; {
			for k = 0; k < together && pb.Next(); {
				k++
			}
			if _, err := n.SendAll(b.Context(), "counter", payloads[:k]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((processor()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// oneReplica is a node that has an actor, the counter, for itself.
func oneReplica(b *testing.B) *node {
	c := newCluster(b, 1, nil)
	n := c.nodes[0]
	n.create("counter", actors.CreateOptions{Module: c.module("counter"), Replicas: 1})
	return n
}

// The same by clients that wait for each.
func BenchmarkLocalSend(b *testing.B) {
	n := oneReplica(b)
	b.SetParallelism(512)
	before := processor()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := n.Send(b.Context(), "counter", []byte("inc"), actors.MessageOptions{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((processor()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processor is the processor time that this process has used: what a machine that is
// busy with other work does not change.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkAsks(b *testing.B, n *node, parallelism int, name func(int64) string) {
	var count atomic.Int64
	for i := range int64(100) { // all are awake
		if _, err := n.Ask(b.Context(), name(i), []byte("get"), actors.MessageOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetParallelism(parallelism)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := n.Ask(b.Context(), name(count.Add(1)), []byte("inc"), actors.MessageOptions{})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// From the death of an actor's node to the answer of another one.
func BenchmarkFailover(b *testing.B) {
	c := newCluster(b, 3, nil)
	module := c.module("counter")
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprint("counter", i)
		s := c.nodes[0].create(name, actors.CreateOptions{Module: module})
		leader := c.node(s.Node)
		rest := c.but(leader)
		rest.ask(name, "inc", "1")
		began := time.Now()
		leader.kill()
		rest.ask(name, "inc", "2")
		took = append(took, time.Since(began))
		leader.start()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// From a message for an idle actor to its answer.
func BenchmarkWake(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprint(replicas), func(b *testing.B) {
			c := newCluster(b, 3, func(cfg *actors.Config) { cfg.ParkAfter = 20 * time.Millisecond })
			n := c.nodes[0]
			n.create("counter", actors.CreateOptions{Module: c.module("counter"), Replicas: replicas})
			var took []time.Duration
			for b.Loop() {
				c.await("rest", func() bool { return n.Stats().Running == 0 })
				began := time.Now()
				if _, err := n.Ask(b.Context(), "counter", []byte("inc"), actors.MessageOptions{}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		})
	}
}

// What an idle actor costs a node that has a replica of it in memory, and that it leaves no
// goroutine behind: of those that have begun once, and of those that were made idle. Time
// is that of making them, on all nodes together, which are in one process.
func BenchmarkIdle(b *testing.B) {
	for _, idle := range []bool{false, true} {
		for _, nodes := range []int{1, 3} {
			b.Run(fmt.Sprintf("begun=%v/replicas=%d", !idle, nodes), func(b *testing.B) { benchmarkIdle(b, nodes, idle) })
		}
	}
}

func benchmarkIdle(b *testing.B, nodes int, idle bool) {
	c := newCluster(b, nodes, func(cfg *actors.Config) { cfg.ParkAfter = 500 * time.Millisecond })
	n := c.nodes[0]
	o := actors.CreateOptions{Module: c.module("counter"), Idle: idle}
	for i := range 100 { // what a node has once, it has
		n.create(fmt.Sprint("first", i), o)
	}
	c.rest()
	before, goroutines, cpu := heap(), goruntime.NumGoroutine(), processor()
	var made atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n.create(fmt.Sprint("idle", made.Add(1)), o)
		}
	})
	b.StopTimer()
	c.rest()
	b.ReportMetric(float64((processor()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(heap()-before)/float64(made.Load())/float64(nodes), "bytes/replica")
	b.ReportMetric(float64(goruntime.NumGoroutine()-goroutines), "goroutines")
	n.ask("idle1", "inc", "1")
}

// rest waits until no actor is at work.
func (c *cluster) rest() {
	c.await("rest", func() bool {
		return !slices.ContainsFunc(c.nodes, func(n *node) bool { return n.Stats().Running != 0 })
	})
}

func heap() int64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
