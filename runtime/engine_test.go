package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// exporting is a module that exports one function under its name.
func exporting(name string, t wasm.FuncType, f func(c *body), more ...func(m *wasm.Module)) []byte {
	var c body
	f(&c)
	c.op(wasm.OpEnd)
	m := wasm.Module{
		Types: []wasm.FuncType{t}, Funcs: []uint32{0}, Codes: []wasm.Code{{Body: c.b}},
		Exports: []wasm.Export{{Name: name, Kind: wasm.KindFunc}},
	}
	for _, f := range more {
		f(&m)
	}
	return m.Encode()
}

// importing adds an imported function, which becomes function 0.
func importing(module, name string) func(m *wasm.Module) {
	return func(m *wasm.Module) {
		m.Imports = append(m.Imports, wasm.Import{Module: module, Name: name, Kind: wasm.KindFunc})
		m.Exports[0].Index = 1
	}
}

func withMemory(pages uint64) func(m *wasm.Module) {
	return func(m *wasm.Module) {
		m.Memories = []wasm.MemoryType{{Limits: wasm.Limits{Min: pages}}}
		m.Exports = append(m.Exports, wasm.Export{Name: "memory", Kind: wasm.KindMemory})
	}
}

func TestConcurrentLoad(t *testing.T) {
	e := newEngine(t, Config{})
	binary := file("calls_mutual").binary(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			m, err := e.Load(t.Context(), binary)
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := e.Run(t.Context(), m, Task{Limits: Limits{Fuel: 10_000}}); err != nil || r.Reason != ReasonOutOfFuel {
				t.Errorf("%+v, %v", r, err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(e.modules) != 0 {
		t.Errorf("%d modules are left when all are closed", len(e.modules))
	}
}

func TestConcurrentRuns(t *testing.T) {
	for _, e := range bothEngines(t) {
		m := load(t, e, file("calls_mutual").binary(t))
		want := runToEnd(t.Context(), t, m, Task{Limits: Limits{Fuel: 300_000}})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 4 {
					if got := runToEnd(t.Context(), t, m, Task{Limits: Limits{Fuel: 300_000}}); got != want {
						t.Errorf("%+v, alone: %+v", got, want)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestClose(t *testing.T) {
	e, err := New(Config{Kind: KindInterpreter})
	if err != nil {
		t.Fatal(err)
	}
	binary := exporting("f", wasm.FuncType{}, func(*body) {})
	first, err := e.Load(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	second, err := e.Load(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	i, err := second.Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal("a module whose sibling was closed:", err)
	}
	for range 2 {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := i.Call(t.Context(), "f"); !errors.Is(err, ErrClosed) {
		t.Errorf("call on a closed instance: %v", err)
	}
	if err := errors.Join(second.Close(), e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Load(t.Context(), binary); !errors.Is(err, ErrClosed) {
		t.Errorf("load on a closed engine: %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	e := newEngine(t, Config{Kind: KindInterpreter, MaxModuleBytes: 1000})
	hello, err := os.ReadFile("../examples/hello/hello.wasm")
	if err != nil {
		t.Fatal(err)
	}
	invalid := func(err error) bool {
		_, ok := errors.AsType[*InvalidModuleError](err)
		return ok
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	for _, c := range []struct {
		what   string
		binary []byte
		ok     func(error) bool
		text   string
	}{
		{"empty", nil, is(ErrNotWasm), ""},
		{"text", []byte("(module)"), is(ErrNotWasm), ""},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), is(ErrComponent), ""},
		{"another version", []byte("\x00asm\x02\x00\x00\x00"), invalid, ""},
		{"truncated", hello[:len(hello)-10], invalid, "offset"},
		{"too large", make([]byte, 1001), is(ErrModuleTooLarge), "1001"},
		{"ill typed", exporting("f", wasm.FuncType{}, func(c *body) { c.i32(1) }), invalid, "offset"},
	} {
		_, err := e.Load(t.Context(), c.binary)
		if err == nil || !c.ok(err) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if len(e.modules) != 0 {
		t.Errorf("%d modules are kept that could not be loaded", len(e.modules))
	}
}

func TestMissingImports(t *testing.T) {
	e := newEngine(t, Config{Kind: KindInterpreter})
	nop := func(c *body) {}
	for _, c := range []struct{ module, name, text string }{
		{"env", "emscripten_resize_heap", `env.emscripten_resize_heap`},
		{wasiModule, "fd_teleport", wasiModule + ".fd_teleport"},
		{wasiModule, "fd_close", "[i32] -> [i32]"},
		{"godwit:meter", "check", "godwit:meter.check"},
	} {
		_, err := e.Load(t.Context(), exporting("f", wasm.FuncType{}, nop, importing(c.module, c.name)))
		missing, ok := errors.AsType[*MissingImportsError](err)
		if !ok || len(missing.Imports) != 1 || !strings.Contains(missing.Imports[0], c.text) {
			t.Errorf("%s.%s: %v", c.module, c.name, err)
		}
	}
}

// TestMemoryLimit: memories and tables may take all of the limit and not a byte
// more.
func TestMemoryLimit(t *testing.T) {
	grow := exporting("grow", wasm.FuncType{Params: []wasm.ValType{I32}, Results: []wasm.ValType{I32}},
		func(c *body) { c.u32(wasm.OpLocalGet, 0).u32(wasm.OpMemoryGrow, 0) }, withMemory(2),
		func(m *wasm.Module) {
			m.Tables = []wasm.Table{{Type: wasm.TableType{Elem: FuncRef, Limits: wasm.Limits{Min: 10}}}}
		})
	const page = 65536
	for _, e := range bothEngines(t) {
		m := load(t, e, grow)
		for _, c := range []struct {
			limit uint64
			grow  uint64
			want  uint32
			peak  uint64
		}{
			{2*page + 80, 0, 2, 2*page + 80},
			{2*page + 80, 1, 1<<32 - 1, 2*page + 80},
			{5*page + 80, 3, 2, 5*page + 80},
			{5*page + 79, 3, 1<<32 - 1, 2*page + 80},
			{5*page + 80, 4, 1<<32 - 1, 2*page + 80},
			{5*page + 80, 1<<32 - 1, 1<<32 - 1, 2*page + 80},
		} {
			i, err := m.Instantiate(t.Context(), Task{Limits: Limits{Memory: c.limit}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := i.Call(t.Context(), "grow", c.grow)
			if err != nil || uint32(got[0]) != c.want || i.MemoryPeakBytes() != c.peak || uint64(len(i.Memory())) != c.peak-80 {
				t.Errorf("limit %d, grow %d: %v, %v, peak %d, %d bytes", c.limit, c.grow, got, err, i.MemoryPeakBytes(), len(i.Memory()))
			}
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		}
		r, err := e.Run(t.Context(), m, Task{Invoke: "grow", InvokeArgs: []string{"0"}, Limits: Limits{Memory: 2*page + 79}})
		if err != nil || r.Reason != ReasonOutOfMemory {
			t.Errorf("a limit below what the module starts with: %+v, %v", r, err)
		}
	}
}

// TestOutOfMemory: a guest that fails after it was refused memory failed for
// want of memory.
func TestOutOfMemory(t *testing.T) {
	e := newEngine(t, Config{})
	greedy := load(t, e, exporting("_start", wasm.FuncType{}, func(c *body) {
		c.i32(100).u32(wasm.OpMemoryGrow, 0).i32(0).op(wasm.OpI32LtS).open(wasm.OpIf).op(wasm.OpUnreachable, wasm.OpEnd)
	}, withMemory(1)))
	for limit, want := range map[uint64]Reason{100 << 16: ReasonOutOfMemory, 101 << 16: ReasonNone} {
		r, err := e.Run(t.Context(), greedy, Task{Limits: Limits{Memory: limit}})
		if err != nil || r.Reason != want {
			t.Errorf("limit %d: %+v, %v", limit, r, err)
		}
	}
}

// payment is a host module whose functions charge, panic and exit.
func payment(calls *int) hostabi.Module {
	void := func(name string, f func(caller hostabi.Caller)) hostabi.Func {
		return hostabi.Func{Name: name, Call: func(_ context.Context, c hostabi.Caller, _ []uint64) { f(c) }}
	}
	return hostabi.Module{Name: "payment", Funcs: []hostabi.Func{
		void("pay", func(c hostabi.Caller) { c.Charge(1000); *calls++ }),
		void("panic", func(hostabi.Caller) { panic("a bug") }),
		void("bounds", func(c hostabi.Caller) { c.Memory()[1<<20] = 1 }),
		void("exit", func(hostabi.Caller) { panic(hostabi.Exit{Code: 7}) }),
		void("trap", func(hostabi.Caller) { panic(hostabi.Trap{Message: "its own doing"}) }),
		void("fault", func(hostabi.Caller) { panic(hostabi.Fault{Err: io.ErrClosedPipe}) }),
		void("state", func(c hostabi.Caller) { *c.State("payment").(*int)++ }),
		{
			Name: "add", Params: []api.ValueType{api.ValueTypeI32, api.ValueTypeI64}, Results: []api.ValueType{api.ValueTypeI64},
			Call: func(_ context.Context, _ hostabi.Caller, stack []uint64) {
				stack[0] = uint64(uint32(stack[0])) + stack[1]
			},
		},
		{Name: "block", Call: func(ctx context.Context, _ hostabi.Caller, _ []uint64) { <-ctx.Done() }},
	}}
}

func TestHostFunctions(t *testing.T) {
	var calls int
	e := newEngine(t, Config{HostModules: []hostabi.Module{payment(&calls)}})
	calling := func(name string) *Module {
		return load(t, e, exporting("_start", wasm.FuncType{}, func(c *body) { c.u32(wasm.OpCall, 0).u32(wasm.OpCall, 0) }, importing("payment", name)))
	}
	pay := calling("pay")
	for limit, want := range map[uint64]int{2002: 2, 2001: 1, 1001: 1, 1000: 0, 1: 0} {
		calls = 0
		r, err := e.Run(t.Context(), pay, Task{Limits: Limits{Fuel: limit}})
		if err != nil || calls != want || (r.Status == StatusSucceeded) != (limit == 2002) {
			t.Errorf("with %d: paid for %d calls, %+v, %v", limit, calls, r, err)
		}
		if limit == 2002 && r.FuelUsed != 2002 || limit < 2002 && r.Reason != ReasonOutOfFuel {
			t.Errorf("with %d: %+v", limit, r)
		}
	}
	for _, name := range []string{"panic", "bounds"} {
		if r, err := e.Run(t.Context(), calling(name), Task{}); err == nil || !strings.Contains(err.Error(), "payment."+name) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if r, err := e.Run(t.Context(), calling("exit"), Task{}); err != nil || r.Reason != ReasonExit || r.ExitCode != 7 {
		t.Errorf("exit: %+v, %v", r, err)
	}
	if r, err := e.Run(t.Context(), calling("trap"), Task{}); err != nil || r.Reason != ReasonTrap || r.Message != "its own doing" {
		t.Errorf("trap: %+v, %v", r, err)
	}
	if r, err := e.Run(t.Context(), calling("fault"), Task{}); !errors.Is(err, io.ErrClosedPipe) || err.Error() != io.ErrClosedPipe.Error() {
		t.Errorf("fault: %+v, %v", r, err)
	}
	counter := 0
	if _, err := e.Run(t.Context(), calling("state"), Task{State: map[string]any{"payment": &counter}}); err != nil || counter != 2 {
		t.Errorf("state: %d, %v", counter, err)
	}
	r, err := e.Run(t.Context(), calling("block"), Task{Limits: Limits{WallTime: 20 * time.Millisecond}})
	if err != nil || r.Reason != ReasonTimeout {
		t.Errorf("block: %+v, %v", r, err)
	}
}

func TestHostModuleNames(t *testing.T) {
	for _, name := range []string{"", wasiModule, "godwit:meter"} {
		e, err := New(Config{HostModules: []hostabi.Module{{Name: name}}})
		if err == nil {
			t.Errorf("host module %q was taken", name)
			e.Close()
		}
	}
}

func TestInvoke(t *testing.T) {
	e := newEngine(t, Config{})
	i32, i64, f32, f64 := wasm.I32, wasm.I64, wasm.F32, wasm.F64
	types := []wasm.ValType{i32, i64, f32, f64}
	m := load(t, e, exporting("same", wasm.FuncType{Params: types, Results: types}, func(c *body) {
		for x := range uint32(4) {
			c.u32(wasm.OpLocalGet, x)
		}
	}))
	for _, c := range []struct{ args, want string }{
		{"1 2 2.5 -0.125", "1 2 2.5 -0.125"},
		{"-1 -9223372036854775808 nan inf", "-1 -9223372036854775808 NaN +Inf"},
		{"0xffffffff 0xffffffffffffffff -0 1e308", "-1 -1 -0 1e+308"},
		{"4294967295 18446744073709551615 1e-45 5e-324", "-1 -1 1e-45 5e-324"},
	} {
		r, err := e.Run(t.Context(), m, Task{Invoke: "same", InvokeArgs: strings.Fields(c.args)})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Trim(fmt.Sprint(r.Values), "[]"); got != c.want || r.FuelUsed != 4 {
			t.Errorf("%s: %s with %d fuel, want %s", c.args, got, r.FuelUsed, c.want)
		}
	}
	for _, c := range []struct {
		name, args string
		want       error
	}{
		{"same", "1 2 3", ErrArguments}, {"same", "1 2 3 4 5", ErrArguments}, {"same", "x 2 3 4", ErrArguments},
		{"same", "4294967296 2 3 4", ErrArguments}, {"same", "1.5 2 3 4", ErrArguments}, {"other", "", ErrNoExport}, {"", "", ErrNoExport},
	} {
		if r, err := e.Run(t.Context(), m, Task{Invoke: c.name, InvokeArgs: strings.Fields(c.args)}); !errors.Is(err, c.want) {
			t.Errorf("%s %s: %+v, %v", c.name, c.args, r, err)
		}
	}
}

// TestReactor: _initialize runs before the export that is called, once.
func TestReactor(t *testing.T) {
	e := newEngine(t, Config{})
	b := exporting("get", wasm.FuncType{Results: []wasm.ValType{I32}}, func(c *body) { c.u32(wasm.OpGlobalGet, 0) },
		func(m *wasm.Module) {
			var c body
			c.u32(wasm.OpGlobalGet, 0).i32(1).op(wasm.OpI32Add).u32(wasm.OpGlobalSet, 0).op(wasm.OpEnd)
			m.Types = append(m.Types, wasm.FuncType{})
			m.Funcs = append(m.Funcs, 1)
			m.Codes = append(m.Codes, wasm.Code{Body: c.b})
			m.Globals = []wasm.Global{{Type: wasm.GlobalType{Type: I32, Mutable: true}, Init: wasm.ConstI32(41)}}
			m.Exports = append(m.Exports, wasm.Export{Name: "_initialize", Kind: wasm.KindFunc, Index: 1})
		})
	m := load(t, e, b)
	for range 2 {
		r, err := e.Run(t.Context(), m, Task{Invoke: "get"})
		if err != nil || len(r.Values) != 1 || r.Values[0].String() != "42" || r.FuelUsed != 5 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestStartFunction: it is paid for like the rest, and segments before it.
func TestStartFunction(t *testing.T) {
	for _, e := range bothEngines(t) {
		m := load(t, e, exporting("f", wasm.FuncType{}, func(c *body) { c.i32(1).op(wasm.OpDrop) }, withMemory(1), func(m *wasm.Module) {
			m.Start = new(uint32)
			m.Data = []wasm.Data{{Offset: wasm.ConstI32(0), Bytes: make([]byte, 64*5+63)}}
		}))
		for limit := uint64(1); limit < 12; limit++ {
			r, err := e.Run(t.Context(), m, Task{Invoke: "f", Limits: Limits{Fuel: limit}})
			if err != nil || (r.Status == StatusSucceeded) != (limit >= 9) || limit >= 9 && r.FuelUsed != 9 {
				t.Errorf("limit %d: %+v, %v", limit, r, err)
			}
		}
	}
}

// TestDeterministic: guests that look at clocks and randomness see the same
// each time.
func TestDeterministic(t *testing.T) {
	binary := caseGuest(t, "clock")
	var first string
	for _, e := range bothEngines(t) {
		m := load(t, e, binary)
		for range 3 {
			r, out := runOnce(t, e, m, Task{Args: []string{"clock", "show"}})
			got := fmt.Sprint(r.Status, r.FuelUsed, r.MemoryPeakBytes, out)
			if first == "" {
				first = got
			}
			if got != first || r.Status != StatusSucceeded || out == "" {
				t.Errorf("%s\nbefore:\n%s", got, first)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	e := newEngine(t, Config{})
	i32 := wasm.FuncType{Params: []wasm.ValType{I32}}
	b := exporting("_start", wasm.FuncType{}, func(*body) {}, importing(wasiModule, "proc_exit"), func(m *wasm.Module) {
		m.Types = append(m.Types, i32)
		m.Imports[0].Func = 1
	}, withMemory(1))
	for code, want := range map[int32]uint32{0: 0, 1: 1, 42: 42, 255: 255} {
		var c body
		c.i32(code).u32(wasm.OpCall, 0).op(wasm.OpUnreachable, wasm.OpEnd)
		m, err := wasm.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		m.Codes[0].Body = c.b
		r, err := e.Run(t.Context(), load(t, e, m.Encode()), Task{})
		if err != nil || r.ExitCode != want || (r.Status == StatusSucceeded) != (want == 0) {
			t.Errorf("exit %d: %+v, %v", code, r, err)
		}
	}
}

// TestStoppedBefore: a context that is done runs nothing.
func TestStoppedBefore(t *testing.T) {
	e := newEngine(t, Config{})
	m := load(t, e, file("start").binary(t))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := e.Run(cancelled, m, Task{})
	if err != nil || r.Status != StatusCancelled || r.FuelUsed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	r, err = e.Run(late, m, Task{})
	if err != nil || r.Reason != ReasonTimeout {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestStoppedWaiting: a guest that waits for input or sleeps is stopped.
func TestStoppedWaiting(t *testing.T) {
	e := newEngine(t, Config{})
	silent, _ := io.Pipe()
	for _, c := range []struct {
		guest string
		task  Task
	}{
		{"sha256sum", Task{Stdin: silent}},
		{"poll", Task{}},
	} {
		m := example(t, e, "sha256sum")
		if c.guest == "poll" {
			m = load(t, e, file("poll").binary(t))
		}
		c.task.Limits.WallTime = 30 * time.Millisecond
		start := time.Now()
		r, err := e.Run(t.Context(), m, c.task)
		if err != nil || r.Reason != ReasonTimeout || time.Since(start) > stopWithin {
			t.Errorf("%s: %+v, %v after %v", c.guest, r, err, time.Since(start))
		}
	}
}

// TestEnded: an instance that has trapped takes no more calls.
func TestEnded(t *testing.T) {
	e := newEngine(t, Config{})
	i, err := load(t, e, file("unreachable").binary(t)).Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err := i.Call(t.Context(), "nothing"); !errors.Is(err, ErrNoExport) {
		t.Error(err)
	}
	if _, err := i.Call(t.Context(), startExport, 1); !errors.Is(err, ErrArguments) {
		t.Error(err)
	}
	var guest *GuestError
	if _, err := i.Call(t.Context(), startExport); !errors.As(err, &guest) || guest.Reason != ReasonTrap || errors.Is(err, ErrEnded) {
		t.Error(err)
	}
	if _, err := i.Call(t.Context(), startExport); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

// TestOutputLimits: what a guest prints, keeps and opens is bounded.
func TestOutputLimits(t *testing.T) {
	e := newEngine(t, Config{})
	var out bytes.Buffer
	r, err := e.Run(t.Context(), load(t, e, file("write_4g").binary(t)),
		Task{Stdout: &out, Limits: Limits{OutputBytes: 10_000, Fuel: 5_000_000}})
	if err != nil || out.Len() > 10_000 || r.Status != StatusFailed {
		t.Errorf("%d bytes written, %+v, %v", out.Len(), r, err)
	}
}

func TestLimitsValidate(t *testing.T) {
	e := newEngine(t, Config{Kind: KindInterpreter})
	m := load(t, e, exporting("f", wasm.FuncType{}, func(*body) {}))
	for _, l := range []Limits{{Fuel: MaxFuel + 1}, {WallTime: -1}, {CallDepth: -1}, {CallDepth: MaxCallDepth + 1}, {OutputBytes: -1}, {OpenFiles: -1}} {
		if r, err := e.Run(t.Context(), m, Task{Invoke: "f", Limits: l}); err == nil {
			t.Errorf("%+v: %+v", l, r)
		}
	}
	for _, c := range []Config{{Kind: "quick"}, {MaxModuleBytes: -1}, {CompileWorkers: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// cached runs hello on a new engine with a cache folder.
func cached(t *testing.T, dir string) {
	t.Helper()
	e := newEngine(t, Config{CacheDir: dir})
	testHello(t, e)
}

func cacheFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("cache files %q, %v", files, err)
	}
	return files
}

func TestDiskCache(t *testing.T) {
	for _, c := range []struct {
		what   string
		damage func(b []byte) []byte
	}{
		{"untouched", func(b []byte) []byte { return b }},
		{"empty", func(b []byte) []byte { return nil }},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }},
		{"cut by one byte", func(b []byte) []byte { return b[:len(b)-1] }},
		{"longer", func(b []byte) []byte { return append(b, 0) }},
		{"first byte", func(b []byte) []byte { b[0] ^= 1; return b }},
		{"middle byte", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"last byte", func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b }},
		{"zeros", func(b []byte) []byte { clear(b); return b }},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			cached(t, dir)
			for _, path := range cacheFiles(t, dir) {
				b, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(path, c.damage(b), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			cached(t, dir)
			cached(t, dir)
		})
	}
}

// TestDiskCacheHit: what is in the cache is what runs.
func TestDiskCacheHit(t *testing.T) {
	dir := t.TempDir()
	cached(t, dir)
	e := newEngine(t, Config{CacheDir: dir})
	e.rewrite = nil // would panic
	testHello(t, e)
}

// TestDiskCacheUnwritable: a cache that can't be used stops nothing but an
// engine that can't even make the folder.
func TestDiskCacheUnwritable(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, Config{CacheDir: dir, Kind: KindInterpreter})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	testHello(t, e)
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{CacheDir: notADir}); err == nil || !strings.Contains(err.Error(), "cache") {
		t.Errorf("a file as cache folder: %v", err)
	}
}

// TestConcurrentDiskCache: engines that share a cache folder do not disturb
// each other.
func TestConcurrentDiskCache(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { cached(t, dir) })
	}
	wg.Wait()
}
