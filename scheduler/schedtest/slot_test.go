package schedtest

import (
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Two submitters without room of their own race for the last slot: one wins it, and
// the other moves on to the node that is left, or waits until there is room.
func TestLastSlot(t *testing.T) {
	for _, c := range []struct {
		name      string
		placement wire.Placement
		cpu       []uint32 // of each node; the first two submit
		together  bool     // both tasks can run at once
	}{
		{"direct, one slot", wire.PlaceDirect, []uint32{1, 1, 1000}, false},
		{"direct, another node", wire.PlaceDirect, []uint32{1, 1, 1000, 1000}, true},
		{"auction, one slot", wire.PlaceAuction, []uint32{1, 1, 1000}, false},
		{"auction, another node", wire.PlaceAuction, []uint32{1, 1, 1000, 1000}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(40) {
				w, err := newWorld(Config{
					Seed: seed, Nodes: len(c.cpu), Calm: true, Placement: c.placement, Faults: 13 * time.Second,
					Capacity: func(i int) wire.Capacity { return wire.Capacity{CPU: c.cpu[i], Memory: 1 << 30} },
				}.withDefaults())
				if err != nil {
					t.Fatal(err)
				}
				w.cfg.Tasks = 0
				w.took = func(wire.TaskID) time.Duration { return 3 * time.Second }
				spec := func(n *node) wire.Spec {
					s := w.newSpec(n.id)
					s.Profile, s.Deadline = wire.Profile{CPU: 1000, Memory: 1 << 20}, 0
					return s
				}
				w.after(8*time.Second, func() {
					for _, n := range w.nodes[:2] {
						n.submit(w.newID(), spec(n))
					}
				})
				running, most := 0, 0
				for step := time.Duration(0); step < 4*time.Second; step += 10 * time.Millisecond {
					w.after(8*time.Second+step, func() {
						running = 0
						for _, n := range w.nodes {
							running += len(n.running)
						}
						most = max(most, running)
					})
				}
				report, err := runWorld(w)
				if err != nil {
					t.Fatal(err)
				}
				if report.Ends["succeeded "] != 2 || report.Runs != 2 {
					t.Fatalf("seed %d: %+v", seed, report)
				}
				if most != 1 && !c.together || most != 2 && c.together {
					t.Fatalf("seed %d: %d at once", seed, most)
				}
			}
		})
	}
}
