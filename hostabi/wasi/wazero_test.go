package wasi_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/wasi"
)

// wazeroCaller is the Caller of a guest that runs on plain wazero.
type wazeroCaller struct {
	system *wasi.System
	memory api.Memory
	fuel   uint64
}

func (c *wazeroCaller) Memory() []byte {
	if c.memory == nil {
		return nil
	}
	b, _ := c.memory.Read(0, c.memory.Size())
	return b
}

func (c *wazeroCaller) Charge(units uint64) { c.fuel += units }

func (c *wazeroCaller) State(string) any { return c.system }

// host runs guests on one wazero runtime.
type host struct {
	wazero.Runtime
	caller *wazeroCaller
}

func newHost(t testing.TB, config wazero.RuntimeConfig) *host {
	t.Helper()
	ctx := context.Background()
	h := &host{wazero.NewRuntimeWithConfig(ctx, config), &wazeroCaller{}}
	t.Cleanup(func() { h.Close(ctx) })
	b := h.NewHostModuleBuilder(wasi.ModuleName)
	for _, f := range wasi.Module().Funcs {
		b.NewFunctionBuilder().WithGoModuleFunction(h.adapt(f), f.Params, f.Results).Export(f.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) adapt(f hostabi.Func) api.GoModuleFunc {
	return func(ctx context.Context, m api.Module, stack []uint64) {
		h.caller.memory = m.Memory()
		defer func() {
			switch r := recover().(type) {
			case nil:
			case hostabi.Exit:
				panic(sys.NewExitError(r.Code))
			default:
				panic(r)
			}
		}()
		f.Call(ctx, h.caller, stack)
	}
}

// run runs a guest's _start and returns its exit code.
func (h *host) run(t testing.TB, ctx context.Context, module wazero.CompiledModule, s *wasi.System) uint32 {
	t.Helper()
	h.caller.system, h.caller.fuel = s, 0
	m, err := h.InstantiateModule(ctx, module, wazero.NewModuleConfig().WithName(""))
	if m != nil {
		defer m.Close(ctx)
	}
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return 0
}

func newSystem(t testing.TB, cfg wasi.Config) *wasi.System {
	t.Helper()
	s, err := wasi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
