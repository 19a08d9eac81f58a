package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/blobs/unixfscid"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/state"
	"github.com/godwit-run/godwit/runtime/internal/suspend"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Module is a module ready to run. Modules of the same bytes share one
// compilation.
type Module struct {
	engine *Engine
	*loaded
	close sync.Once
}

// loaded is what all Modules of the same bytes share.
type loaded struct {
	refs int // guarded by Engine.mu
	once sync.Once
	err  error

	id          cid.Cid
	plan        plan
	initial     state.Initial  // what its data segments put into memory
	runtime     wazero.Runtime // that compiled it
	compiled    wazero.CompiledModule
	own         []interface{ Close(context.Context) error } // to close with it
	exports     map[string]wasm.FuncType
	hosts       map[string]hostabi.Module // what it imports, no more: making a host function takes microseconds
	memory      uint64                    // bytes at start, of all memories and tables
	elements    int64                     // of all tables at start
	wasi        bool                      // it imports WASI
	interpreted bool                      // its code is
	misfit      bool                      // an active element segment does not fit its table
	whole       bool                      // its memory has more than maxPages to begin with
	shared      bool                      // its memory is shared, so it may not move
	clones      *cloneCache               // nil if it cannot be suspended
	code        *diskCache                // that has its machine code, if one has
}

// plan is what the rewriters say of their work.
type plan struct {
	meter.Plan
	State   state.Plan
	Suspend suspend.Plan
}

// rewritten is what the rewriters make of a module.
type rewritten struct {
	plan   plan
	module []byte
	// base is the module before it was given the save path; nil if it has none.
	base []byte
}

// Load decodes, validates, meters and compiles a module, or finds it in the
// cache. It keeps no reference to the bytes once it has returned. The error is
// ErrNotWasm, ErrComponent or ErrModuleTooLarge, or a *InvalidModuleError or
// *MissingImportsError.
func (e *Engine) Load(ctx context.Context, binary []byte) (*Module, error) {
	if len(binary) > e.cfg.MaxModuleBytes {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrModuleTooLarge, len(binary), e.cfg.MaxModuleBytes)
	}
	l, err := e.retain(unixfscid.SumBytes(binary))
	if err != nil {
		return nil, err
	}
	l.once.Do(func() {
		l.err = errors.New("loading the module failed") // should load panic
		l.err = e.load(ctx, l, binary)
	})
	if l.err != nil {
		e.release(l)
		return nil, l.err
	}
	return &Module{engine: e, loaded: l}, nil
}

func (e *Engine) retain(id cid.Cid) (*loaded, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fmt.Errorf("engine: %w", ErrClosed)
	}
	l := e.modules[id]
	if l == nil {
		l = &loaded{id: id}
		e.modules[id] = l
	}
	l.refs++
	return l, nil
}

// release drops a reference; the last one frees the compiled code.
func (e *Engine) release(l *loaded) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.refs--
	if l.err != nil && e.modules[l.id] == l {
		delete(e.modules, l.id) // the next Load tries anew
	}
	if l.refs > 0 || e.closed {
		return nil
	}
	if e.modules[l.id] == l {
		delete(e.modules, l.id)
	}
	return l.free()
}

// free frees the compiled code.
func (l *loaded) free() error {
	var errs []error
	for _, c := range l.own {
		errs = append(errs, c.Close(context.Background()))
	}
	l.own = nil
	return errors.Join(errs...)
}

func (e *Engine) load(ctx context.Context, l *loaded, binary []byte) error {
	m, err := wasm.Decode(binary)
	if err != nil {
		return invalidModule(err)
	}
	if missing := e.missingImports(m); missing != nil {
		return &MissingImportsError{missing}
	}
	if err := l.describe(m); err != nil {
		return err
	}
	l.hosts = e.imported(m)
	r, ok := e.cache.get(l.id)
	if ok = ok && e.fits(&r, m); !ok {
		if r, err = e.transform(l, m); err != nil {
			return err
		}
		if err := e.cache.put(l.id, &r); err != nil {
			return err
		}
	} else if l.initial, err = state.InitialOf(m); err != nil {
		return invalidModule(err)
	}
	l.plan = r.plan
	if r.base != nil {
		l.clones = newCloneCache(&r)
	}
	return e.compile(experimental.WithCompilationWorkers(ctx, e.cfg.CompileWorkers), l, r.module)
}

// fits tells whether a module from the cache is what this engine would make.
func (e *Engine) fits(r *rewritten, m *wasm.Module) bool {
	return !e.cfg.Suspend || slices.Equal(r.plan.Suspend.Code.Blocking, e.blocking(m))
}

// blocking lists the imported functions that may suspend the guest.
func (e *Engine) blocking(m *wasm.Module) (list []uint32) {
	index := uint32(0)
	for i := range m.Imports {
		imp := &m.Imports[i]
		if imp.Kind != wasm.KindFunc {
			continue
		}
		for _, f := range e.hosts[imp.Module].Funcs {
			if f.Name == imp.Name && f.Suspends {
				list = append(list, index)
			}
		}
		index++
	}
	return list
}

// transform makes of a module what is compiled.
func (e *Engine) transform(l *loaded, m *wasm.Module) (r rewritten, err error) {
	guest, blocking := state.Of(m), e.blocking(m)
	m.NumberFuncs() // for the stacks of traps
	p := &r.plan
	if p.Plan, err = e.rewrite(m); err != nil { // which validates it
		return r, invalidModule(err)
	}
	if l.initial, err = state.InitialOf(m); err != nil {
		return r, invalidModule(err)
	}
	if p.State, err = state.Expose(m, guest, state.Code{SetsTables: p.SetsTables, Drops: p.Drops, Refers: p.Refers || p.Ref != 0}); err != nil {
		return r, invalidModule(err)
	}
	m.CleanCustoms()
	if p.Save == 0 {
		r.module = m.Encode()
		return r, nil
	}
	r.base = m.Encode()
	code := suspend.Code{Added: uint32(m.ImportedFuncs() - guest.ImportedFuncs), Save: p.Save, Ref: p.Ref, Check: p.Check, Fuel: p.FuelGlobal, Pauses: p.Pauses, Blocking: blocking}
	if p.Suspend, err = suspendable(m, p, code); err != nil {
		return r, invalidModule(err)
	}
	if r.module = m.Encode(); p.Suspend.Refused != "" {
		r.base = nil
	}
	return r, nil
}

// suspendable gives a module the save path.
func suspendable(m *wasm.Module, p *plan, code suspend.Code) (suspend.Plan, error) {
	if p.State.Hidden != "" {
		return suspend.Plan{Refused: p.State.Hidden, Code: code}, nil
	}
	s, err := suspend.Rewrite(m, code)
	s.Code = code
	return s, err
}

// compile makes machine code. Modules that catch exceptions are interpreted:
// what wazero 1.12 compiles them to forgets changes of locals in a try_table
// (its issue 2503) and copies the whole stack at each; and so are modules that
// would take the compiler beyond all bounds, or make it panic.
func (e *Engine) compile(ctx context.Context, l *loaded, metered []byte) error {
	l.interpreted = !e.compiles() || l.plan.Catches || l.plan.Tangled
	if !l.interpreted {
		if e.cache != nil && e.compileCached(ctx, l, metered) == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := l.compileWith(ctx, e.main, metered)
		if !errors.Is(err, errCompilerPanicked) {
			return err
		}
		l.interpreted = true
	}
	return l.compileWith(ctx, e.interp, metered)
}

// compileWith makes the code with a backend that modules share.
func (l *loaded) compileWith(ctx context.Context, backend func() (wazero.Runtime, error), metered []byte) (err error) {
	if l.runtime, err = backend(); err != nil {
		return err
	}
	if l.compiled, err = compileModule(ctx, l.runtime, metered); err != nil {
		return invalidModule(err)
	}
	l.own = append(l.own, l.compiled)
	return nil
}

// errCompilerPanicked means that wazero's compiler has a fault that a module touches.
var errCompilerPanicked = errors.New("the compiler panicked")

// compileModule makes a panic of wazero's compiler an error. With more than one worker it
// panics where nobody can recover; see Config.CompileWorkers.
func compileModule(ctx context.Context, r wazero.Runtime, binary []byte) (compiled wazero.CompiledModule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCompilerPanicked, p)
		}
	}()
	return r.CompileModule(ctx, binary)
}

// compileCached compiles with a folder for the module's machine code. wazero
// trusts what it finds in there, so it is checked first; and it takes a runtime for
// each folder, so the module gets one of its own. Whatever fails is a reason to do
// without the cache, not to fail.
func (e *Engine) compileCached(ctx context.Context, l *loaded, metered []byte) error {
	code, err := e.cache.machineCode(l.id)
	if err != nil {
		return err
	}
	runtime, err := e.backend(wazero.NewRuntimeConfigCompiler().WithCompilationCache(code), maps.Values(l.hosts))
	if err != nil {
		return errors.Join(err, code.Close(ctx))
	}
	compiled, err := compileModule(ctx, runtime, metered)
	if err == nil {
		err = e.cache.seal(l.id)
	}
	if err != nil {
		return errors.Join(err, runtime.Close(ctx), code.Close(ctx))
	}
	l.runtime, l.compiled, l.code = runtime, compiled, e.cache
	l.own = append(l.own, runtime, code)
	return nil
}

// imported is the part of the host modules that a module imports. All of it is there.
func (e *Engine) imported(m *wasm.Module) map[string]hostabi.Module {
	hosts := make(map[string]hostabi.Module, 1)
	seen := make(map[[2]string]bool, len(m.Imports))
	for i := range m.Imports {
		module, name := m.Imports[i].Module, m.Imports[i].Name
		if seen[[2]string{module, name}] {
			continue
		}
		seen[[2]string{module, name}] = true
		part := hosts[module]
		part.Name = module
		for _, f := range e.hosts[module].Funcs {
			if f.Name == name {
				part.Funcs = append(part.Funcs, f)
			}
		}
		hosts[module] = part
	}
	return hosts
}

// describe notes what instantiation and calls need to know.
func (l *loaded) describe(m *wasm.Module) error {
	l.exports = exportedFunctions(m)
	for i := range m.Imports {
		name := m.Imports[i].Module
		l.wasi = l.wasi || name == wasi.ModuleName || name == wasi.UnstableName
	}
	for _, t := range m.Tags {
		if int(t) < len(m.Types) && slices.Contains(m.Types[t].Params, V128) {
			return invalidModule(errors.New("exceptions that carry v128 values are not supported"))
		}
	}
	for i := range m.Memories {
		l.whole = m.Memories[i].Limits.Min > maxPages
		l.memory += m.Memories[i].Limits.Min << 16
		l.shared = m.Memories[i].Limits.Shared
	}
	for i := range m.Tables {
		min := m.Tables[i].Type.Limits.Min
		if min > maxElements || l.elements+int64(min) > maxElements {
			return invalidModule(fmt.Errorf("tables of more than %d elements", maxElements))
		}
		l.elements += int64(min)
	}
	l.memory += uint64(l.elements) * elementBytes
	l.misfit = slices.ContainsFunc(m.Elems, func(e wasm.Elem) bool { return misfits(m, &e) })
	return nil
}

// misfits tells whether an active element segment goes beyond its table. wazero 1.12
// passes over it; by the specification (2.0, section 4.5.4) it is a trap.
func misfits(m *wasm.Module, e *wasm.Elem) bool {
	offset, known := e.Offset.I32()
	if e.Mode != wasm.Active || !known || int64(e.Table) >= int64(len(m.Tables)) {
		return false
	}
	return uint64(offset)+uint64(e.Len()) > m.Tables[e.Table].Type.Limits.Min
}

// exportedFunctions lists the types of a module's exported functions.
func exportedFunctions(m *wasm.Module) map[string]wasm.FuncType {
	types := m.FuncTypes()
	exports := make(map[string]wasm.FuncType, len(m.Exports))
	for i := range m.Exports {
		x := &m.Exports[i]
		if x.Kind == wasm.KindFunc && int64(x.Index) < int64(len(types)) && int64(types[x.Index]) < int64(len(m.Types)) {
			exports[x.Name] = m.Types[types[x.Index]]
		}
	}
	return exports
}

// CID names the module: what `ipfs add --cid-version=1` prints for its bytes.
func (m *Module) CID() cid.Cid { return m.id }

// Close gives the module back; instances of it must have been closed.
func (m *Module) Close() error {
	var err error
	m.close.Do(func() { err = m.engine.release(m.loaded) })
	return err
}
