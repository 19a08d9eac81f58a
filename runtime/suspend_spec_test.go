package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// specHost is the part of the module spectest that engines can provide: its functions.
func specHost() hostabi.Module {
	m := hostabi.Module{Name: "spectest"}
	for name, params := range map[string][]api.ValueType{
		"print": nil, "print_i32": {api.ValueTypeI32}, "print_i64": {api.ValueTypeI64}, "print_f32": {api.ValueTypeF32},
		"print_f64": {api.ValueTypeF64}, "print_i32_f32": {api.ValueTypeI32, api.ValueTypeF32},
		"print_f64_f64": {api.ValueTypeF64, api.ValueTypeF64},
	} {
		m.Funcs = append(m.Funcs, hostabi.Func{Name: name, Params: params, Call: func(context.Context, hostabi.Caller, []uint64) {}})
	}
	return m
}

// specSuspender runs scripts on an engine that cannot suspend and, suspended as often as can
// be, on two that can.
type specSuspender struct {
	plain   *Engine
	engines []*Engine

	rng          *rand.Rand
	jumps, hops  int
	calls, loads int
	foreign      int
	cannot       map[string]int // modules that cannot be suspended, by why
}

// maxSpecJumps is how often one call is suspended. (Endless recursion is among them.)
const maxSpecJumps = 40

// TestSuspendSpecification suspends the specification's own tests at every safepoint, and
// goes on in other instances, of the compiler and the interpreter in turn. Results, traps,
// fuel and state must be those of an undisturbed run.
func TestSuspendSpecification(t *testing.T) {
	root := filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
	host := []hostabi.Module{specHost()}
	s := &specSuspender{plain: newEngine(t, Config{HostModules: host}), rng: rand.New(rand.NewPCG(1, 1)), cannot: make(map[string]int)}
	for _, kind := range kinds() {
		e := newEngine(t, Config{Kind: kind, HostModules: host, Suspend: true})
		e.slices = sliceBounds{1, 1}
		s.engines = append(s.engines, e)
	}
	for _, suite := range specSuites {
		scripts, err := filepath.Glob(filepath.Join(root, suite, "testdata", "*.json"))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("no specification tests in %s: %v", suite, err)
		}
		for _, path := range scripts {
			if err := s.script(path); err != nil {
				t.Errorf("%s/%s: %v", suite, filepath.Base(path), err)
			}
		}
	}
	t.Logf("%d modules, %d calls, %d suspensions, %d hops; %d cannot be captured, and not suspended: %v",
		s.loads, s.calls, s.jumps, s.hops, s.foreign, s.cannot)
	if s.jumps < 1000 {
		t.Errorf("only %d suspensions", s.jumps)
	}
}

func (s *specSuspender) script(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var script struct{ Commands []specCommand }
	if err := json.Unmarshal(text, &script); err != nil {
		return err
	}
	for n := 0; n < len(script.Commands); n++ {
		if c := &script.Commands[n]; c.Type == "module" {
			err := s.module(path, c, script.Commands[n+1:])
			if errors.Is(err, ErrNotCapturable) {
				s.foreign++ // the script gives it references of its own
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.Filename, err)
			}
		}
	}
	return nil
}

// module makes the calls that the script makes of a module, up to the next.
func (s *specSuspender) module(path string, c *specCommand, rest []specCommand) (err error) {
	binary, err := os.ReadFile(filepath.Join(filepath.Dir(path), c.Filename))
	if err != nil {
		return err
	}
	plain, err := s.plain.Load(context.Background(), binary)
	if err != nil {
		return nil // it imports what no engine has, or is not supported
	}
	defer plain.Close()
	var modules []*Module
	for _, e := range s.engines {
		m, err := e.Load(context.Background(), binary)
		if err != nil {
			return err
		}
		defer m.Close()
		modules = append(modules, m)
	}
	if why := modules[0].Unsuspendable(); why != "" {
		_, why, _ = strings.Cut(why, " ") // without the number
		_, why, _ = strings.Cut(why, " ")
		s.cannot[why]++
		return nil
	}
	s.loads++
	return s.run(binary, plain, modules, rest)
}

func (s *specSuspender) run(binary []byte, plain *Module, modules []*Module, rest []specCommand) (err error) {
	ctx := context.Background()
	w := &wanderer{modules: modules, rng: s.rng, task: func() Task { return Task{Limits: Limits{CallDepth: randomDepth}} }}
	defer func() { s.jumps, s.hops = s.jumps+w.jumps, s.hops+w.hops }()
	stay, wantErr := plain.Instantiate(ctx, w.task())
	if stay == nil {
		return wantErr
	}
	defer func() { err = errors.Join(err, stay.Close()) }()
	var gotErr error
	if w.at, gotErr = modules[0].Instantiate(ctx, w.task()); w.at == nil {
		return gotErr
	}
	defer func() { err = errors.Join(err, w.at.Close()) }()
	module, err := wasm.Decode(binary)
	if err != nil {
		return err
	}
	over, err := w.agree(stay, nil, nil, nil, gotErr, wantErr)
	for n := 0; n < len(rest) && rest[n].Type != "module" && err == nil && !over; n++ {
		if a := rest[n].Action; a.Type == "invoke" && a.Module == "" {
			over, err = s.call(ctx, w, stay, module, &rest[n])
		}
	}
	return err
}

func (s *specSuspender) call(ctx context.Context, w *wanderer, stay *Instance, module *wasm.Module, c *specCommand) (over bool, err error) {
	s.calls++
	args := slotsOf(c.Action.Args)
	want, wantErr := stay.Call(ctx, c.Action.Field, args...)
	jumps := w.jumps
	got, gotErr := w.call(ctx, c.Action.Field, args, func(uint64) uint64 {
		if w.jumps-jumps > maxSpecJumps {
			return never
		}
		return 0
	})
	over, err = w.agree(stay, exportType(module, c.Action.Field).Results, got, want, gotErr, wantErr)
	if err != nil {
		err = fmt.Errorf("line %d: %s: %w", c.Line, c.Action.Field, err)
	}
	return over, err
}
