package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/godwit-run/godwit/internal/api"
)

// demoLoad is what became of a hundred tasks.
type demoLoad struct {
	what   string
	nodes  map[string]int // by peer id, how many ended there
	ended  int            // how many succeeded, each counted once
	moved  int            // how many took more than one attempt
	took   time.Duration
	median time.Duration // from submission to the end
}

// load submits many tasks to the first node and waits for all. When a fifth have
// ended it kills victim, unless that is nil.
func (d *demo) load(what string, victim *demoNode) error {
	module, err := d.program("primes/primes.wasm")
	if err != nil {
		return err
	}
	var (
		mu    sync.Mutex
		tasks []api.Task
		times []time.Duration
		once  sync.Once
	)
	start := time.Now()
	group, ctx := errgroup.WithContext(d.ctx)
	for range demoTasks {
		group.Go(func() error {
			began := time.Now()
			task, err := d.nodes[0].client.Run(ctx, api.Submission{Request: api.TaskRequest{
				Module: module, Name: "primes", Args: []string{demoPrimes},
				Limits: api.Limits{MemoryBytes: 16 << 20},
			}})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			tasks, times = append(tasks, task), append(times, time.Since(began))
			if victim != nil && len(tasks) >= demoTasks/5 {
				once.Do(victim.kill)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	l := demoLoad{what: what, nodes: map[string]int{}, took: time.Since(start)}
	if err := l.count(tasks); err != nil {
		return err
	}
	slices.Sort(times)
	l.median = times[len(times)/2]
	d.tally = append(d.tally, l)
	fmt.Fprintf(d.out, "%d tasks ended, each once, in %v; %d of them on their second try\n", l.ended, round(l.took), l.moved)
	return nil
}

// count checks that every task succeeded, and each is another.
func (l *demoLoad) count(tasks []api.Task) error {
	seen := map[string]bool{}
	for _, t := range tasks {
		if err := taskEnding(t); err != nil {
			return err
		}
		if seen[t.ID] {
			return fmt.Errorf("task %s ended twice", t.ID)
		}
		seen[t.ID] = true
		l.nodes[t.Node]++
		l.ended++
		if t.Attempts > 1 {
			l.moved++
		}
	}
	return nil
}
