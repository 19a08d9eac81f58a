package runtime

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// hostile is a module that means harm.
type hostile struct {
	name   string
	binary func(t testing.TB) []byte
}

// file is a module under testdata/hostile.
func file(name string) hostile {
	return hostile{name, func(t testing.TB) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "hostile", name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}}
}

func made(name string, make func() []byte) hostile {
	return hostile{name, func(testing.TB) []byte { return make() }}
}

// endless never end by themselves, and use fuel while they run.
var endless = []hostile{
	file("loop_plain"), file("loop_nested"), file("loop_br_if"), file("loop_br_table"), file("loop_br_table_values"),
	file("loop_values"), file("loop_if"), file("loop_long"), file("dead_code"), file("names"),
	file("calls_mutual"), file("calls_indirect"),
	file("tail_self"), file("tail_mutual"), file("tail_indirect"), file("tail_loop"),
	file("fill"), file("fill_small"), file("copy"), file("grow"), file("grow_giant"), file("init_drop"),
	file("table_grow"), file("table_fill"), file("table_small"),
	file("start"), file("wait_loop"), file("write_4g"), file("write_none"), file("random"),
	made("call tree", func() []byte { return callTree(40) }),
	made("br_table of 10000", func() []byte { return branchTable(10_000, false) }),
	made("br_table of 10000 with loops", func() []byte { return branchTable(10_000, true) }),
	made("blocks", func() []byte { return blocks(10_000) }),
	made("nested blocks", func() []byte { return nested(wasm.OpBlock, 1000) }),
	made("nested loops", func() []byte { return nested(wasm.OpLoop, 1000) }),
	made("nested ifs", func() []byte { return nested(wasm.OpIf, 300) }),
	made("nested back", func() []byte { return nestedBack(300) }),
	made("loops and locals", func() []byte { return loopsLocals(300, 300) }),
	made("a step in dead code", deadStep),
	made("straight", func() []byte { return straight(300_000) }),
	made("functions", func() []byte { return functions(300) }),
	made("indirect", func() []byte { return indirectAll(300, 100) }),
	made("locals", func() []byte { return manyLocals(3000) }),
}

// throwing are endless by exceptions, which engines may find dear.
var throwing = []hostile{
	made("catch loop", catchLoop),
	made("throw loop", throwLoop),
	made("leave loop", tryLeave),
	made("throw from 100 frames", func() []byte { return throwDeep(100) }),
	made("throw from 5000 frames", func() []byte { return throwDeep(5000) }),
}

// deep recurse without end.
var deep = []hostile{
	file("deep"), file("deep_values"), file("deep_indirect"), file("deep_host"), file("deep_start"),
	made("ring", func() []byte { return recursionChain(7) }),
	made("long ring", func() []byte { return recursionChain(1000) }),
	made("100 locals", func() []byte { return recursion(100) }),
	made("5000 locals", func() []byte { return recursion(5000) }),
	made("try", tryRecursion),
	made("100 nested try", func() []byte { return tryNested(100) }),
}

// overshoot is how far beyond its limit a module may get, where one
// instruction or host call costs much: it is paid for before it is done.
var overshoot = map[string]uint64{
	"fill": 1 << 20, "copy": 1 << 20, "table_fill": 1 << 17, "write_4g": 1 << 26, "random": 1 << 18,
	"grow": 1 << 10, "grow_giant": 1 << 26, "table_grow": 1 << 17,
}

// ending is all that may be told about a run from outside, but for its time.
type ending struct {
	Status  Status
	Reason  Reason
	Message string
	Fuel    uint64
	Peak    uint64
	Memory  [sha256.Size]byte
}

// runToEnd runs a program and digests what it leaves.
func runToEnd(ctx context.Context, t testing.TB, m *Module, task Task) ending {
	t.Helper()
	task.Deterministic = true
	i, err := m.Instantiate(ctx, task)
	if i == nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err == nil {
		_, err = i.Call(ctx, startExport)
	}
	end := ending{Status: StatusSucceeded, Fuel: i.FuelUsed(), Peak: i.MemoryPeakBytes(), Memory: sha256.Sum256(i.Memory())}
	if err != nil {
		var guest *GuestError
		if !errors.As(err, &guest) {
			t.Fatal(err)
		}
		message, _, _ := strings.Cut(guest.Message, "\n")
		end.Status, end.Reason, end.Message = guest.Status, guest.Reason, message
	}
	return end
}

// bothEngines are a compiler, where there is one, and an interpreter.
func bothEngines(t testing.TB) []*Engine {
	engines := []*Engine{newEngine(t, Config{Kind: KindInterpreter})}
	if compilerSupported() {
		engines = append(engines, newEngine(t, Config{Kind: KindCompiler}))
	}
	return engines
}

// same runs a module three times on each engine and demands the same ending.
func same(t *testing.T, h hostile, limits Limits) ending {
	t.Helper()
	var first *ending
	binary := h.binary(t)
	for _, e := range bothEngines(t) {
		m := load(t, e, binary)
		for repetition := range 3 {
			got := runToEnd(t.Context(), t, m, Task{Limits: limits})
			if first == nil {
				first = &got
			}
			if got != *first {
				t.Fatalf("repetition %d on the %s: %+v, before: %+v", repetition, e.Kind(), got, *first)
			}
		}
	}
	return *first
}

// TestHostileFuel runs modules that never end, with a limit.
func TestHostileFuel(t *testing.T) {
	for _, h := range slices.Concat(endless, throwing) {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			const limit = 2_000_000
			end := same(t, h, Limits{Fuel: limit, Memory: 256 << 20})
			if end.Reason != ReasonOutOfFuel {
				t.Fatalf("%+v", end)
			}
			if end.Fuel < limit || end.Fuel > limit+fuelBound+overshoot[h.name] {
				t.Errorf("stopped after %d of %d", end.Fuel, limit)
			}
			t.Logf("stopped %d beyond", end.Fuel-limit)
		})
	}
}

// TestHostileRecursion runs modules that recurse without end.
func TestHostileRecursion(t *testing.T) {
	for _, h := range deep {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			end := same(t, h, Limits{Fuel: 1e9})
			if end.Reason != ReasonTrap || !strings.Contains(end.Message, "stack overflow") {
				t.Errorf("%+v", end)
			}
			end = same(t, h, Limits{Fuel: 1e9, CallDepth: MaxCallDepth})
			if end.Reason != ReasonTrap || !strings.Contains(end.Message, "stack overflow") {
				t.Errorf("at the greatest depth: %+v", end)
			}
			t.Logf("fuel %d", end.Fuel)
		})
	}
}

// stopWithin is how late a guest may be stopped: 10 ms, and what a busy
// machine's scheduler adds to that.
const stopWithin = 250 * time.Millisecond

// TestHostileStopped stops modules that never end, by deadline and by
// cancellation.
func TestHostileStopped(t *testing.T) {
	stuck := []hostile{file("wait"), file("poll")}
	for _, e := range bothEngines(t) {
		for _, h := range slices.Concat(stuck, endless, throwing) {
			t.Run(string(e.Kind())+"/"+h.name, func(t *testing.T) {
				m := load(t, e, h.binary(t))
				stoppedByDeadline(t, m)
				stoppedByCancel(t, m)
			})
		}
	}
}

func stoppedByDeadline(t *testing.T, m *Module) {
	const limit = 20 * time.Millisecond
	start := time.Now()
	_, err := realRun(t.Context(), m, Task{Limits: Limits{WallTime: limit}})
	late := time.Since(start) - limit
	if guest, ok := errors.AsType[*GuestError](err); !ok || guest.Reason != ReasonTimeout {
		t.Errorf("deadline: %v", err)
	}
	if late > stopWithin {
		t.Errorf("deadline: %v late", late)
	}
	t.Logf("deadline: %v late", late)
}

func stoppedByCancel(t *testing.T, m *Module) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled time.Time
	time.AfterFunc(20*time.Millisecond, func() { cancelled = time.Now(); cancel() })
	_, err := realRun(ctx, m, Task{})
	late := time.Since(cancelled)
	if guest, ok := errors.AsType[*GuestError](err); !ok || guest.Status != StatusCancelled {
		t.Errorf("cancel: %v", err)
	}
	if late > stopWithin {
		t.Errorf("cancel: %v late", late)
	}
	t.Logf("cancel: %v late", late)
}

// realRun runs a program by the real clock; the error is how it ended.
func realRun(ctx context.Context, m *Module, task Task) (*Instance, error) {
	i, err := m.Instantiate(ctx, task)
	if i == nil {
		return nil, err
	}
	if err == nil {
		_, err = i.Call(ctx, startExport)
	}
	return i, errors.Join(err, i.Close())
}

// TestHostileRefused loads modules that want what no guest gets.
func TestHostileRefused(t *testing.T) {
	e := newEngine(t, Config{Kind: KindInterpreter})
	for _, name := range []string{"import_check", "import_fuel", "import_wait", "import_memory"} {
		_, err := e.Load(t.Context(), file(name).binary(t))
		var missing *MissingImportsError
		if !errors.As(err, &missing) || len(missing.Imports) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Load(t.Context(), file("tables_huge").binary(t)); err == nil || !strings.Contains(err.Error(), "tables") {
		t.Errorf("huge tables: %v", err)
	}
	r, err := e.Run(t.Context(), load(t, e, file("memory_huge").binary(t)), Task{})
	if err != nil || r.Reason != ReasonOutOfMemory {
		t.Errorf("huge memory: %+v, %v", r, err)
	}
}

// TestHostileTrap: the guest's own unreachable is a trap, whatever the fuel.
func TestHostileTrap(t *testing.T) {
	want := same(t, file("unreachable"), Limits{Fuel: 100})
	if want.Reason != ReasonTrap || want.Message != "unreachable" {
		t.Errorf("the guest's own unreachable: %+v", want)
	}
}
