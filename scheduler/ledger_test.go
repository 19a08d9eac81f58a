package scheduler

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// Against a plain list of what is taken: nothing is given twice, and all comes
// back.
func TestLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := wire.Capacity{CPU: 4000, Memory: 100, Storage: 100, Network: 100}
		for i := range rapid.IntRange(0, 4).Draw(t, "gpus") {
			total.GPUs = append(total.GPUs, wire.GPUDevice{ID: fmt.Sprint(i), Memory: uint64(i)})
		}
		l := NewLedger(total)
		var taken []Allotment
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(taken) > 0 && rapid.Bool().Draw(t, "release") {
				i := rapid.IntRange(0, len(taken)-1).Draw(t, "which")
				if err := l.Release(taken[i].ID); err != nil {
					t.Fatal(err)
				}
				if err := l.Release(taken[i].ID); !errors.Is(err, ErrUnknownAllotment) {
					t.Fatalf("released twice: %v", err)
				}
				taken = slices.Delete(taken, i, i+1)
			} else {
				p := drawProfile(t)
				fits := l.CanFit(p)
				a, err := l.Reserve(p)
				if fits != (err == nil) || err != nil && !errors.Is(err, ErrNoCapacity) {
					t.Fatalf("%+v fits: %v, %v", p, fits, err)
				}
				if err == nil {
					taken = append(taken, a)
				}
			}
			checkLedger(t, l, taken)
		}
	})
}

func drawProfile(t *rapid.T) wire.Profile {
	p := wire.Profile{
		CPU:     rapid.Uint32Range(0, 3000).Draw(t, "cpu"),
		Memory:  rapid.Uint64Range(0, 60).Draw(t, "memory"),
		Storage: rapid.Uint64Range(0, 60).Draw(t, "storage"),
		Network: rapid.Uint64Range(0, 60).Draw(t, "network"),
	}
	if rapid.Bool().Draw(t, "gpu") {
		p.GPU = &wire.GPUSpec{
			Required: rapid.Bool().Draw(t, "required"), Count: rapid.Uint32Range(1, 3).Draw(t, "count"),
			Memory: rapid.Uint64Range(0, 3).Draw(t, "gpu memory"),
		}
	}
	return p
}

func checkLedger(t *rapid.T, l *Ledger, taken []Allotment) {
	want, busy := l.Total(), map[string]bool{}
	for _, a := range taken {
		want.CPU -= a.CPU
		want.Memory -= a.Memory
		want.Storage -= a.Storage
		want.Network -= a.Network
		for _, g := range a.GPUs {
			if busy[g.ID] {
				t.Fatalf("gpu %s is taken twice", g.ID)
			}
			busy[g.ID] = true
		}
	}
	got := l.Free()
	for i, g := range got.GPUs {
		if g.Available == busy[g.ID] {
			t.Fatalf("gpu %s is available: %v, busy: %v", g.ID, g.Available, busy[g.ID])
		}
		want.GPUs[i].Available = g.Available
	}
	if got.CPU != want.CPU || got.Memory != want.Memory || got.Storage != want.Storage || got.Network != want.Network {
		t.Fatalf("%+v free, want %+v", got, want)
	}
	if r := l.Ratio(); r < 0 || r > 1 || len(taken) == 0 && r != 1 {
		t.Fatalf("ratio %v with %d taken", r, len(taken))
	}
}

// Small tasks leave the large devices to those that need them, and what is a GPU
// only by name comes last. A task gets the memory that it asked for, or all.
func TestLedgerTakesTheSmallestGPU(t *testing.T) {
	l := NewLedger(wire.Capacity{GPUs: []wire.GPUDevice{
		{ID: "cpu", Memory: 12, Processor: true}, {ID: "a", Memory: 40}, {ID: "b", Memory: 24}, {ID: "c", Memory: 8},
	}})
	for _, c := range []struct {
		memory uint64
		want   string
	}{{10, "[{b 10}]"}, {10, "[{a 10}]"}, {10, "[{cpu 10}]"}, {10, "gpu"}, {0, "[{c 8}]"}} {
		a, err := l.Reserve(wire.Profile{GPU: &wire.GPUSpec{Required: true, Count: 1, Memory: c.memory}})
		got := fmt.Sprint(a.GPUs)
		if short := (*ShortageError)(nil); errors.As(err, &short) {
			got = string(short.Of)
		}
		if got != c.want {
			t.Errorf("%d: %s, want %s", c.memory, got, c.want)
		}
	}
}

// A GPU that is only preferred may be had or not.
func TestPreferredGPU(t *testing.T) {
	l := NewLedger(wire.Capacity{GPUs: []wire.GPUDevice{{ID: "a", Memory: 5}}})
	for _, want := range []string{"[{a 5}]", "[]"} {
		a, err := l.Reserve(wire.Profile{GPU: &wire.GPUSpec{Count: 1}})
		if err != nil || fmt.Sprint(a.GPUs) != want {
			t.Errorf("%v, %v; want %s", a.GPUs, err, want)
		}
	}
}

// The queue against a list that is sorted anew each time.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		var model []*task
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				j := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				q.remove(model[j])
				model = slices.Delete(model, j, j+1)
			} else {
				spec := &wire.Spec{Priority: wire.Priority(rapid.IntRange(1, 4).Draw(t, "priority")),
					Profile: wire.Profile{CPU: rapid.Uint32Range(1, 3).Draw(t, "cpu")}}
				came := time.Unix(rapid.Int64Range(1000, 1300).Draw(t, "time"), 0)
				task := newTask(wire.NewTaskID(came, [10]byte{byte(i)}), spec, "")
				q.push(task)
				model = append(model, task)
			}
			if q.len() != len(model) {
				t.Fatalf("%d tasks, want %d", q.len(), len(model))
			}
		}
		slices.SortFunc(model, func(a, b *task) int {
			came := func(t *task) int64 { return t.id.Time().Unix() - 60*int64(t.spec.Priority) }
			return cmp.Or(cmp.Compare(came(a), came(b)), a.id.Compare(b.id))
		})
		for _, want := range model {
			got := q.order[0].tasks[0]
			if got != want {
				t.Fatalf("%s of priority %d is first, want %s of %d", got.id, got.spec.Priority, want.id, want.spec.Priority)
			}
			q.remove(got)
		}
	})
}

// Timers against a map that is searched.
func TestTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timers, model := newTimers[int](), map[int]time.Time{}
		now := time.Unix(1000, 0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 5).Draw(t, "key")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				at := now.Add(time.Duration(rapid.IntRange(-2, 9).Draw(t, "in")) * time.Second)
				timers.set(key, at)
				model[key] = at
			case 1:
				timers.set(key, time.Time{})
				delete(model, key)
			case 2:
				now = now.Add(time.Second)
				for {
					key, ok := timers.pop(now)
					if !ok {
						break
					}
					if at, known := model[key]; !known || at.After(now) {
						t.Fatalf("%d is not due", key)
					}
					delete(model, key)
				}
			}
			var first time.Time
			for _, at := range model {
				first = earliest(first, at)
			}
			if got := timers.next(); !got.Equal(first) {
				t.Fatalf("next is %v, want %v", got, first)
			}
		}
	})
}
