package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	goruntime "runtime"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// features are the WebAssembly proposals that guests may use.
const features = api.CoreFeaturesV2 |
	experimental.CoreFeaturesThreads |
	experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst |
	experimental.CoreFeaturesExceptionHandling

// Engine loads modules and runs them. It is safe for use by many goroutines;
// a process wants one.
type Engine struct {
	cfg     Config
	main    func() (wazero.Runtime, error) // of the engine's kind; made at need
	interp  func() (wazero.Runtime, error) // the interpreter; made at need
	cache   *diskCache
	pool    *linmem.Pool
	hosts   map[string]hostabi.Module
	rewrite func(*wasm.Module) (meter.Plan, error)
	slices  sliceBounds

	mu       sync.Mutex
	closed   bool
	runtimes []wazero.Runtime // those shared by modules
	modules  map[cid.Cid]*loaded
}

// New makes an engine.
func New(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, modules: make(map[cid.Cid]*loaded), hosts: make(map[string]hostabi.Module), rewrite: meter.Rewrite,
		slices: sliceBounds{minSlice, maxSlice},
	}
	if cfg.Suspend {
		e.rewrite = meter.RewriteSuspendable
	}
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) open() error {
	var err error
	if e.pool, err = linmem.New(linmem.Config{MaxIdle: e.cfg.IdleMemories}); err != nil {
		return err
	}
	if e.cache, err = openDiskCache(e.cfg.CacheDir, e.cfg.Suspend); err != nil {
		return err
	}
	for _, m := range append([]hostabi.Module{wasi.Module(), wasi.UnstableModule()}, e.cfg.HostModules...) {
		if _, taken := e.hosts[m.Name]; taken || m.Name == "" || m.Name == meter.HostModule {
			return fmt.Errorf("host module name %q is empty or taken", m.Name)
		}
		e.hosts[m.Name] = m
	}
	e.interp = sync.OnceValues(func() (wazero.Runtime, error) { return e.shared(wazero.NewRuntimeConfigInterpreter()) })
	e.main = e.interp
	if e.compiles() {
		e.main = sync.OnceValues(func() (wazero.Runtime, error) { return e.shared(wazero.NewRuntimeConfigCompiler()) })
	}
	return nil
}

// shared is a backend that lives as long as the engine.
func (e *Engine) shared(rc wazero.RuntimeConfig) (wazero.Runtime, error) {
	r, err := e.backend(rc, maps.Values(e.hosts))
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.runtimes = append(e.runtimes, r)
	}
	return r, err
}

// backend makes a wazero runtime with host modules.
func (e *Engine) backend(rc wazero.RuntimeConfig, hosts iter.Seq[hostabi.Module]) (wazero.Runtime, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, rc.WithCoreFeatures(features).WithDebugInfoEnabled(false))
	if err := registerMeter(ctx, r); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	for m := range hosts {
		if err := register(ctx, r, m); err != nil {
			return nil, errors.Join(err, r.Close(ctx))
		}
	}
	return r, nil
}

func (e *Engine) compiles() bool {
	return e.cfg.Kind == KindCompiler || e.cfg.Kind == KindAuto && compilerSupported()
}

// compilerSupported tells whether wazero has a compiler for this machine.
func compilerSupported() bool {
	switch goruntime.GOARCH {
	case "amd64", "arm64":
		switch goruntime.GOOS {
		case "linux", "darwin", "freebsd", "netbsd", "windows":
			return true
		}
	}
	return false
}

// Kind tells how this engine runs guests: KindCompiler or KindInterpreter.
func (e *Engine) Kind() Kind {
	if e.compiles() {
		return KindCompiler
	}
	return KindInterpreter
}

// Close frees all that the engine holds. Instances must have been closed.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	var errs []error
	ctx := context.Background()
	for _, l := range e.modules {
		errs = append(errs, l.free())
	}
	for _, r := range e.runtimes {
		errs = append(errs, r.Close(ctx))
	}
	if e.pool != nil {
		errs = append(errs, e.pool.Close())
	}
	return errors.Join(errs...)
}

// register makes a host module importable.
func register(ctx context.Context, r wazero.Runtime, m hostabi.Module) error {
	b := r.NewHostModuleBuilder(m.Name)
	for _, f := range m.Funcs {
		b.NewFunctionBuilder().WithName(f.Name).
			WithGoFunction(hostFunction(m.Name+"."+f.Name, f), f.Params, f.Results).Export(f.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("host module %s: %w", m.Name, err)
	}
	return nil
}
