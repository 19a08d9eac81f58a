package runtime

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/state"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// specWorld is one way to run a script: its modules, metered or not, may import
// anything from each other, which the engine does not let them do.
type specWorld struct {
	name    string
	rewrite rewriter // nil: unmetered
	runtime wazero.Runtime
	resolve map[string]api.Module // what is registered
	named   map[string]api.Module
	current api.Module
	order   []api.Memory // of all that were instantiated, nil where there is none
	tanks   map[api.Module]*specTank
}

// specTank is the fuel of one module.
type specTank struct {
	fuel, depth api.MutableGlobal
	granted     int64
}

// specSlice is small, so that guests often pass through the host.
const specSlice = 20

// refusal is why a module was not instantiated.
type refusal struct{ error }

func newSpecWorld(t *testing.T, name string, config wazero.RuntimeConfig, rewrite rewriter, spectest []byte) *specWorld {
	ctx := context.Background()
	w := &specWorld{
		name: name, rewrite: rewrite,
		runtime: wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(features)),
		resolve: make(map[string]api.Module), named: make(map[string]api.Module), tanks: make(map[api.Module]*specTank),
	}
	t.Cleanup(func() { w.runtime.Close(ctx) })
	host := w.runtime.NewHostModuleBuilder(meter.HostModule)
	i64, i32 := []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI32}
	host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(w.check), i64, nil).Export(meter.HostCheck)
	host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(w.tableGrow), i64, i32).Export(meter.HostTableGrow)
	host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(w.wait), i64, nil).Export(meter.HostWait)
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := w.runtime.InstantiateWithConfig(ctx, spectest, wazero.NewModuleConfig().WithName("spectest"))
	if err != nil {
		t.Fatal(err)
	}
	w.resolve["spectest"] = m
	return w
}

func (w *specWorld) String() string { return w.name }

func (w *specWorld) module(name string) api.Module {
	if name == "" {
		return w.current
	}
	return w.named[name]
}

// check grants the module that calls another slice.
func (w *specWorld) check(_ context.Context, m api.Module, stack []uint64) {
	tank := w.tanks[m]
	if left := int64(tank.fuel.Get()); left < 0 {
		tank.granted += specSlice - left
		tank.fuel.Set(specSlice)
	}
	if int64(tank.depth.Get()) < 0 {
		panic(errors.New("stack overflow"))
	}
}

func (w *specWorld) tableGrow(_ context.Context, _ api.Module, stack []uint64) { stack[0] = 1 }

// wait is over at once.
func (w *specWorld) wait(context.Context, api.Module, []uint64) {}

// used is the fuel used so far, of all modules.
func (w *specWorld) used() int64 {
	var sum int64
	for _, t := range w.tanks {
		sum += t.granted - int64(t.fuel.Get())
	}
	return sum
}

// instantiate makes a module of this world. It becomes the current one if the
// script wants it to.
func (w *specWorld) instantiate(c *specCommand, binary []byte) error {
	if c.Type == "module" {
		w.current = nil
	}
	decoded, err := wasm.Decode(binary)
	if err != nil {
		return &refusal{err}
	}
	hasMemory := decoded.MemoryCount() > 0
	binary, plan, initial, err := w.prepare(decoded, binary)
	if err != nil {
		return &refusal{err}
	}
	ctx := experimental.WithImportResolver(context.Background(), func(name string) api.Module { return w.resolve[name] })
	compiled, err := w.runtime.CompileModule(ctx, binary)
	if err != nil {
		return &refusal{err}
	}
	m, err := w.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return instantiationError(err)
	}
	if err := fillSpec(m, initial); err != nil {
		return errors.New("instantiation")
	}
	if err := w.begin(m, plan); err != nil {
		return err
	}
	if c.Type != "module" {
		return nil
	}
	var memory api.Memory
	if hasMemory {
		memory = m.Memory()
	}
	w.order = append(w.order, memory)
	w.current = m
	if c.Name != "" {
		w.named[c.Name] = m
	}
	return nil
}

// instantiationError tells traps from imports that are missing or do not fit.
func instantiationError(err error) error {
	var msg = err.Error()
	for _, trap := range []string{"wasm error", "start function", "out of bounds", "data[", "element["} {
		if strings.Contains(msg, trap) {
			return errors.New("instantiation")
		}
	}
	return &refusal{err}
}

// prepare rewrites a module, if it is to be metered, as Engine.Load does. One whose
// data goes where an imported global says keeps its segments.
func (w *specWorld) prepare(m *wasm.Module, binary []byte) ([]byte, meter.Plan, state.Initial, error) {
	if w.rewrite == nil {
		return binary, meter.Plan{}, nil, nil
	}
	guest := state.Of(m)
	plan, err := w.rewrite(m)
	if err != nil {
		return nil, meter.Plan{}, nil, err
	}
	initial, err := state.InitialOf(m)
	if errors.Is(err, wasm.ErrConst) {
		return m.Encode(), plan, nil, nil
	}
	if err == nil {
		_, err = state.Expose(m, guest, state.Code{SetsTables: plan.SetsTables, Drops: plan.Drops, Refers: plan.Refers})
	}
	return m.Encode(), plan, initial, err
}

// fillSpec copies the initial data, wherever the memory comes from.
func fillSpec(m api.Module, initial state.Initial) error {
	var bytes []byte
	if len(initial) > 0 { // m.Memory() is not nil when there is none
		bytes, _ = m.Memory().Read(0, m.Memory().Size())
	}
	return initial.Copy(bytes)
}

// begin notes a metered module's fuel and runs its start function.
func (w *specWorld) begin(m api.Module, plan meter.Plan) error {
	if w.rewrite == nil {
		return nil
	}
	fuel, ok1 := m.ExportedGlobal(plan.Fuel).(api.MutableGlobal)
	depth, ok2 := m.ExportedGlobal(plan.Depth).(api.MutableGlobal)
	if !ok1 || !ok2 {
		return &refusal{fmt.Errorf("no globals %q and %q", plan.Fuel, plan.Depth)}
	}
	w.tanks[m] = &specTank{fuel: fuel, depth: depth}
	if plan.Start == "" {
		return nil
	}
	if _, err := w.invoke(m, plan.Start, nil); err != nil {
		return errors.New("instantiation")
	}
	return nil
}

func (w *specWorld) invoke(m api.Module, name string, args []uint64) ([]uint64, error) {
	for _, t := range w.tanks {
		t.depth.Set(DefaultCallDepth)
	}
	if m == nil {
		return nil, &refusal{errors.New("no such module")}
	}
	f := m.ExportedFunction(name)
	if f == nil {
		return nil, &refusal{fmt.Errorf("no export %q", name)}
	}
	results, err := f.Call(context.Background(), args...)
	return lowHalves(results, f.Definition().ResultTypes()), err
}

// lowHalves clears what the compiler leaves above results of 32 bits.
func lowHalves(results []uint64, types []api.ValueType) []uint64 {
	at := 0
	for _, t := range types {
		switch {
		case at >= len(results):
		case t == api.ValueTypeI32 || t == api.ValueTypeF32:
			results[at] &= 1<<32 - 1
		case t == byte(V128):
			at++
		}
		at++
	}
	return results
}

// digests are of the memories of all modules, in the order of instantiation.
func (w *specWorld) digests() [][sha256.Size]byte {
	digests := make([][sha256.Size]byte, len(w.order))
	for i, m := range w.order {
		if m == nil {
			continue
		}
		b, _ := m.Read(0, m.Size())
		digests[i] = sha256.Sum256(b)
	}
	return digests
}
