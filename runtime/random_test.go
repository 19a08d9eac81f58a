package runtime

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
	"github.com/godwit-run/godwit/runtime/internal/wasmgen"
)

const (
	// enough is the fuel after which a random program counts as endless.
	enough = 300_000
	// fuelBound is how far the fuel used may lie from exact at a trap, and from
	// the limit when it runs out.
	fuelBound = 1 << 16
	// randomDepth is the call depth limit, below what either engine can do.
	randomDepth = 1000
)

// journal is what the host functions of a random program saw.
type journal struct {
	entries []string
	fuel    []uint64
	drowsy  *rand.Rand // if not nil, host functions suspend the guest now and then
}

// doze suspends the guest, perhaps, after it has been charged for nothing.
func (j *journal) doze(inst *Instance) {
	if j.drowsy == nil || !inst.MaySuspend() || j.drowsy.IntN(4) > 0 {
		return
	}
	inst.Charge(7)
	panic(hostabi.Suspend{})
}

func (j *journal) note(name string, inst *Instance, args ...uint64) uint64 {
	sum := sha256.Sum256(fmt.Append(nil, name, args, len(j.entries)))
	j.entries = append(j.entries, fmt.Sprint(name, args))
	if inst != nil {
		j.fuel = append(j.fuel, inst.FuelUsed())
	}
	return uint64(sum[0]) | uint64(sum[1])<<40
}

// call does what the host function of that name does.
func (j *journal) call(name string, inst *Instance, stack []uint64) {
	switch name {
	case "note":
		stack[0] = j.note(name, inst, uint64(uint32(stack[0])), stack[1])
	case "spend":
		j.note(name, inst, uint64(uint32(stack[0])))
		if inst != nil {
			inst.Charge(uint64(uint32(stack[0])) % 1000)
		}
	}
}

func byteTypes(types []wasm.ValType) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t)
	}
	return out
}

// randomHost is the host module of random programs for our engines.
func randomHost() hostabi.Module {
	m := hostabi.Module{Name: wasmgen.HostModule}
	for _, f := range wasmgen.HostFuncs() {
		m.Funcs = append(m.Funcs, hostabi.Func{
			Name: f.Name, Params: byteTypes(f.Params), Results: byteTypes(f.Results),
			Suspends: true,
			Call: func(_ context.Context, caller hostabi.Caller, stack []uint64) {
				caller.State(wasmgen.HostModule).(*journal).doze(caller.(*Instance))
				caller.State(wasmgen.HostModule).(*journal).call(f.Name, caller.(*Instance), stack)
			},
		})
	}
	return m
}

type journalKey struct{}

// plainRuntime is wazero as it is.
func plainRuntime(t testing.TB, kind Kind) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	rc := wazero.NewRuntimeConfigInterpreter()
	if kind == KindCompiler {
		rc = wazero.NewRuntimeConfigCompiler()
	}
	r := wazero.NewRuntimeWithConfig(ctx, rc.WithCoreFeatures(features))
	t.Cleanup(func() { r.Close(ctx) })
	b := r.NewHostModuleBuilder(wasmgen.HostModule)
	for _, f := range wasmgen.HostFuncs() {
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(ctx context.Context, stack []uint64) {
			ctx.Value(journalKey{}).(*journal).call(f.Name, nil, stack)
		}), byteTypes(f.Params), byteTypes(f.Results)).Export(f.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// outcome is all that can be seen of a run.
type outcome struct {
	calls   []string // results of each call
	end     string   // what ended the run early: a trap's cause or a reason
	memory  [32]byte // hash of the linear memory
	globals []uint64
	host    []string // host calls and their arguments

	fuel   uint64
	atHost []uint64 // fuel used at each host call
}

func (o *outcome) trapped() bool { return o.end != "" && !o.spent() && !o.overflowed() }
func (o *outcome) spent() bool   { return o.end == string(ReasonOutOfFuel) }
func (o *outcome) overflowed() bool {
	return strings.HasPrefix(o.end, "stack overflow")
}

// behaviour is what metering must not change.
func (o *outcome) behaviour() string {
	return fmt.Sprintf("calls %v, end %q, memory %x, globals %v, host %v", o.calls, o.end, o.memory[:4], o.globals, o.host)
}

// all is what must be the same on every engine and repetition.
func (o *outcome) all() string {
	return fmt.Sprintf("fuel %d, at host %v, %s", o.fuel, o.atHost, o.behaviour())
}

// resultText shows results, of references only whether they are null: their
// bits are addresses.
func resultText(types []wasm.ValType, values []uint64) string {
	var b strings.Builder
	for _, t := range types {
		switch {
		case t.IsRef():
			fmt.Fprintf(&b, " %v", values[0] != 0)
		case t == wasm.V128:
			fmt.Fprintf(&b, " %x", values[:2])
			values = values[1:]
		case t == wasm.I32 || t == wasm.F32:
			fmt.Fprintf(&b, " %x", uint32(values[0]))
		default:
			fmt.Fprintf(&b, " %x", values[0])
		}
		values = values[1:]
	}
	return b.String()
}

func exportType(m *wasm.Module, name string) wasm.FuncType {
	i := slices.IndexFunc(m.Exports, func(x wasm.Export) bool { return x.Name == name })
	return m.FuncTypeOf(m.Exports[i].Index)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// cause is the cause of a trap, without what came of it.
func cause(message string) string {
	message = strings.TrimPrefix(firstLine(message), "the memory limit was reached; ")
	return strings.TrimPrefix(message, "wasm error: ")
}

// runPlain runs a program on wazero, without fuel.
func runPlain(r wazero.Runtime, p *wasmgen.Program) (*outcome, error) {
	var j journal
	o := &outcome{}
	ctx := context.WithValue(context.Background(), journalKey{}, &j)
	c, err := r.CompileModule(ctx, p.Binary)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	inst, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, errStart
	}
	defer inst.Close(ctx)
	for _, call := range p.Calls {
		results, err := inst.ExportedFunction(call.Name).Call(ctx, call.Args...)
		if err != nil {
			o.end = cause(err.Error())
			break
		}
		o.calls = append(o.calls, resultText(exportType(p.Module, call.Name).Results, results))
	}
	if m := inst.ExportedMemory(wasmgen.Memory); m != nil {
		b, _ := m.Read(0, m.Size())
		o.memory = sha256.Sum256(b)
	}
	for _, name := range p.Globals {
		o.globals = append(o.globals, inst.ExportedGlobal(name).Get())
	}
	o.host = j.entries
	return o, nil
}

// errStart: the program failed before it could be called.
var errStart = errors.New("the program did not start")

// runMetered runs a program on an engine of ours with slices of the given size.
func runMetered(m *Module, p *wasmgen.Program, fuel uint64, slice int64) (*outcome, error) {
	var j journal
	o := &outcome{}
	ctx := context.Background()
	m.engine.slices = sliceBounds{slice, slice}
	inst, err := m.Instantiate(ctx, Task{
		State:  map[string]any{wasmgen.HostModule: &j},
		Limits: Limits{Fuel: fuel, CallDepth: randomDepth},
	})
	if inst == nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	defer inst.Close()
	for i := 0; err == nil && i < len(p.Calls); i++ {
		var results []uint64
		if results, err = inst.Call(ctx, p.Calls[i].Name, p.Calls[i].Args...); err == nil {
			o.calls = append(o.calls, resultText(exportType(p.Module, p.Calls[i].Name).Results, results))
		}
	}
	o.host, o.atHost, o.fuel = j.entries, j.fuel, inst.FuelUsed()
	if inst.guest != nil {
		o.look(inst, p)
	}
	return o, o.ended(err)
}

// look notes the state that a program has left.
func (o *outcome) look(inst *Instance, p *wasmgen.Program) {
	if m := inst.Memory(); m != nil {
		o.memory = sha256.Sum256(m)
	}
	for _, name := range p.Globals {
		o.globals = append(o.globals, inst.guest.ExportedGlobal(name).Get())
	}
}

// ended notes how a call ended. An error that is not the guest's is returned.
func (o *outcome) ended(err error) error {
	guest, ok := errors.AsType[*GuestError](err)
	switch {
	case !ok:
		return err
	case guest.Reason == ReasonTrap || guest.Reason == ReasonOutOfMemory:
		o.end = cause(guest.Message)
	default:
		o.end = string(guest.Reason)
	}
	return nil
}

// bench is what random programs run on.
type bench struct {
	compiler, interpreter kit

	programs, ended, trapped, endless, overflows int
	fuel                                         uint64
	trapError, overrun                           int64 // the largest seen
}

// kit is all that runs programs in one way.
type kit struct {
	plain             wazero.Runtime
	engine, reference *Engine
}

func newBench(t testing.TB) *bench {
	b := &bench{interpreter: newKit(t, KindInterpreter)}
	b.compiler = b.interpreter
	if compilerSupported() {
		b.compiler = newKit(t, KindCompiler)
	}
	return b
}

func newKit(t testing.TB, kind Kind) kit {
	cfg := Config{Kind: kind, HostModules: []hostabi.Module{randomHost()}}
	k := kit{plainRuntime(t, kind), newEngine(t, cfg), newEngine(t, cfg)}
	k.reference.rewrite = meter.RewriteReference
	return k
}

// plain is the wazero to compare with. Its compiler gets try_table wrong: when an
// exception has been caught, locals have the values that they had on entry
// (wazero issue 2503, fixed after 1.12).
func (b *bench) plain(p *wasmgen.Program) wazero.Runtime {
	for i := range p.Module.Codes {
		r := wasm.NewReader(p.Module.Codes[i].Body, 0)
		for in := (wasm.Instr{}); r.Next(&in); {
			if in.Op == wasm.OpTryTable {
				return b.interpreter.plain
			}
		}
	}
	return b.compiler.plain
}

// specimen is one program in all its forms.
type specimen struct {
	*bench
	*wasmgen.Program
	compiled, interpreted, metered *Module // metered by the reference
}

// check runs a program in every way and says what differs.
func (b *bench) check(p *wasmgen.Program) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	b.programs++
	s := specimen{bench: b, Program: p}
	for to, engine := range map[**Module]*Engine{
		&s.compiled: b.compiler.engine, &s.interpreted: b.interpreter.engine, &s.metered: b.compiler.reference,
	} {
		if *to, err = engine.Load(context.Background(), p.Binary); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, (*to).Close()) }()
	}
	return s.compare()
}

// compare runs our meter first: the others do not bound the call depth.
func (s *specimen) compare() error {
	got, err := s.agree(enough)
	if err != nil {
		return err
	}
	if got.overflowed() {
		s.overflows++
		return nil
	}
	want, err := runMetered(s.metered, s.Program, enough, maxSlice)
	switch {
	case err != nil:
		return fmt.Errorf("reference: %w", err)
	case got.spent() != want.spent():
		return fmt.Errorf("metered:   %s\nreference: %s", got.all(), want.all())
	case got.spent():
		s.endless++
		return s.below(enough / 7)
	}
	if err := s.exact(got, want); err != nil {
		return err
	}
	if strings.HasPrefix(got.end, "at instantiation: ") {
		// wazero passes over element segments that don't fit, and then may not end.
		return s.limits(got, want)
	}
	plain, err := runPlain(s.plain(s.Program), s.Program)
	if err == nil && plain.behaviour() != got.behaviour() {
		return fmt.Errorf("plain:   %s\nmetered: %s", plain.behaviour(), got.behaviour())
	}
	if err != nil && err != errStart {
		return err
	}
	return s.limits(got, want)
}

// agree runs on both engines, with slices of several sizes, which must make no
// difference, and gives the outcome.
func (s *specimen) agree(limit uint64) (*outcome, error) {
	first, err := runMetered(s.compiled, s.Program, limit, maxSlice)
	if err != nil {
		return nil, fmt.Errorf("compiler: %w", err)
	}
	for _, again := range []struct {
		what  string
		on    *Module
		slice int64
	}{
		{"interpreter", s.interpreted, maxSlice}, {"interpreter, slices of 1", s.interpreted, 1},
		{"compiler, slices of 1", s.compiled, 1}, {"compiler, slices of 97", s.compiled, 97},
	} {
		o, err := runMetered(again.on, s.Program, limit, again.slice)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", again.what, err)
		}
		if o.all() != first.all() {
			return nil, fmt.Errorf("limit %d: engines or slices differ\ncompiler: %s\n%s: %s", limit, first.all(), again.what, o.all())
		}
	}
	return first, nil
}

// exact compares with the reference.
func (s *specimen) exact(got, want *outcome) error {
	diff := int64(got.fuel - want.fuel)
	switch {
	case got.behaviour() != want.behaviour():
		return fmt.Errorf("metered:   %s\nreference: %s", got.behaviour(), want.behaviour())
	case !slices.Equal(got.atHost, want.atHost):
		return fmt.Errorf("fuel at host calls %v, the reference says %v", got.atHost, want.atHost)
	case !got.trapped() && diff != 0, max(diff, -diff) > fuelBound:
		return fmt.Errorf("fuel %d, the reference says %d (%+d); %s", got.fuel, want.fuel, diff, got.behaviour())
	}
	s.fuel += want.fuel
	s.trapError = max(s.trapError, diff, -diff)
	if got.trapped() {
		s.trapped++
	} else {
		s.ended++
	}
	return nil
}

// limits runs with limits around what the program takes.
func (s *specimen) limits(got, want *outcome) error {
	for _, limit := range []uint64{want.fuel, want.fuel + 1} {
		o, err := s.agree(max(limit, 1))
		if err != nil {
			return err
		}
		if o.all() != got.all() {
			return fmt.Errorf("without limit:     %s\nwith the limit %d: %s", got.all(), limit, o.all())
		}
	}
	if got.trapped() {
		return nil
	}
	for _, limit := range []uint64{want.fuel - 1, want.fuel / 2, want.fuel / 7, 1} {
		if limit > 0 && limit < want.fuel {
			if err := s.below(limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// below runs with a limit below what the program takes.
func (s *specimen) below(limit uint64) error {
	got, err := s.agree(limit)
	switch {
	case err != nil:
		return err
	case got.overflowed():
		s.overflows++
		return nil
	case !got.spent():
		return fmt.Errorf("limit %d should not suffice: %s", limit, got.all())
	case got.fuel < limit || got.fuel > limit+fuelBound:
		return fmt.Errorf("limit %d: stopped at %d (%+d)", limit, got.fuel, int64(got.fuel-limit))
	}
	s.overrun = max(s.overrun, int64(got.fuel-limit))
	return nil
}

// choices are the bytes that make the program of a seed.
func choices(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, r.IntN(6000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// seeds is how many random programs to check, and from which one on:
// GODWIT_SEEDS=N or GODWIT_SEEDS=FROM+N.
func seeds(t *testing.T, usual uint64) (first, n uint64) {
	t.Helper()
	text := os.Getenv("GODWIT_SEEDS")
	if text == "" {
		return 0, usual
	}
	var err error
	from, count, ok := strings.Cut(text, "+")
	if ok {
		if first, err = strconv.ParseUint(from, 10, 64); err != nil {
			t.Fatal(err)
		}
	} else {
		count = from
	}
	if n, err = strconv.ParseUint(count, 10, 64); err != nil {
		t.Fatal(err)
	}
	return first, n
}

// TestRandomPrograms compares engines, meters and limits on random programs.
// With GODWIT_SHRINK=FILE a smaller program that fails is written there.
func TestRandomPrograms(t *testing.T) {
	b := newBench(t)
	first, n := seeds(t, 1200)
	for seed := first; seed < first+n; seed++ {
		data := choices(seed)
		err := b.check(wasmgen.Generate(data))
		if err == nil {
			continue
		}
		t.Errorf("seed %d: %v\nto repeat: GODWIT_SEEDS=%d+1 go test -run TestRandomPrograms ./runtime", seed, err, seed)
		if file := os.Getenv("GODWIT_SHRINK"); file != "" {
			small := wasmgen.Generate(b.shrink(data, err))
			t.Errorf("smaller: %v\n%s", b.check(small), listing(small))
			if err := os.WriteFile(file, small.Binary, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d programs: %d ended, %d trapped, %d endless, %d overflowed the stack; %d units; fuel off by at most %d at traps; limits overrun by at most %d",
		b.programs, b.ended, b.trapped, b.endless, b.overflows, b.fuel, b.trapError, b.overrun)
}

// FuzzMetered does the same for programs that a fuzzer makes up. What it covers
// depends on time (slices), so that the fuzzer would minimize for long: give
// -fuzzminimizetime=10x.
func FuzzMetered(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(choices(seed))
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := b.check(wasmgen.Generate(data)); err != nil {
			t.Fatal(err)
		}
	})
}
