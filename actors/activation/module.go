package activation

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs/unixfscid"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/runtime"
)

// modules keeps modules loaded: those of which there are instances, and some of those
// that were used last, since to compile one takes longer than a failover may.
type modules struct {
	engine *runtime.Engine
	fetch  func(ctx context.Context, id cid.Cid) ([]byte, error)
	max    int // that are kept without instances

	mu    sync.Mutex
	all   map[cid.Cid]*module
	order list.List // of *module without users, the one used last in front
}

// module is a module that is loaded, or is being loaded.
type module struct {
	id    cid.Cid
	ready chan struct{} // closed when loaded or failed
	code  *runtime.Module
	err   error
	// What the module exports.
	reactor, process, initialises, saves, loads bool

	users int           // guarded by modules.mu
	place *list.Element // in modules.order, nil while there are users
}

func newModules(e *runtime.Engine, fetch func(context.Context, cid.Cid) ([]byte, error), max int) *modules {
	return &modules{engine: e, fetch: fetch, max: max, all: map[cid.Cid]*module{}}
}

// use returns a module, loading it if need be; release must follow when it worked.
func (c *modules) use(ctx context.Context, id cid.Cid) (*module, error) {
	m, mine := c.claim(id)
	if mine {
		m.err = c.load(ctx, m)
		c.loaded(m)
	}
	select {
	case <-m.ready:
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), c.release(m))
	}
	if m.err != nil {
		return nil, errors.Join(m.err, c.release(m))
	}
	return m, nil
}

// loaded publishes how loading went. What failed is forgotten at once: whoever wants
// the module next tries again.
func (c *modules) loaded(m *module) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.err != nil {
		delete(c.all, m.id)
	}
	close(m.ready)
}

func (c *modules) claim(id cid.Cid) (m *module, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m = c.all[id]
	if mine = m == nil; mine {
		m = &module{id: id, ready: make(chan struct{})}
		c.all[id] = m
	}
	if m.place != nil {
		c.order.Remove(m.place)
		m.place = nil
	}
	m.users++
	return m, mine
}

func (c *modules) load(ctx context.Context, m *module) error {
	b, err := c.fetch(ctx, m.id)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.id, err)
	}
	if !unixfscid.SumBytes(b).Equals(m.id) {
		return fmt.Errorf("module %s: %w", m.id, errWrongBytes)
	}
	info, err := c.engine.Inspect(b)
	if err == nil {
		m.describe(info)
		m.code, err = c.engine.Load(ctx, b)
	}
	if err != nil && ctx.Err() == nil && isModules(err) {
		return &unfitError{"the module cannot be loaded: " + err.Error()}
	}
	return err
}

// isModules tells whether an error of loading says something of the module, not of
// this node.
func isModules(err error) bool {
	_, invalid := errors.AsType[*runtime.InvalidModuleError](err)
	_, missing := errors.AsType[*runtime.MissingImportsError](err)
	return invalid || missing || errors.Is(err, runtime.ErrNotWasm) || errors.Is(err, runtime.ErrComponent) ||
		errors.Is(err, runtime.ErrModuleTooLarge)
}

func (m *module) describe(info *runtime.Info) {
	void := map[string]bool{}
	for _, x := range info.Exports {
		void[x.Name] = x.Kind == "function" && len(x.Params) == 0 && len(x.Results) == 0
	}
	m.reactor, m.process = void[actor.ExportHandle], void[exportStart] && !void[actor.ExportHandle]
	m.initialises, m.saves, m.loads = void[exportInitialize], void[actor.ExportSave], void[actor.ExportLoad]
}

var errWrongBytes = errors.New("its bytes are those of another")

// release gives a module back.
func (c *modules) release(m *module) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.users--
	if m.users > 0 || m.err != nil {
		return nil
	}
	m.place = c.order.PushFront(m)
	return c.shrink(c.max)
}

// shrink closes what has not been used for longest, but for max.
func (c *modules) shrink(max int) error {
	var errs []error
	for c.order.Len() > max {
		m := c.order.Remove(c.order.Back()).(*module)
		delete(c.all, m.id)
		errs = append(errs, m.code.Close())
	}
	return errors.Join(errs...)
}

// close closes the modules that have no users.
func (c *modules) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shrink(0)
}
