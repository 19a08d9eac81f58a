package godwit

import (
	"context"
	"errors"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/runtime"
)

const (
	// maxModuleBytes bounds a module that is fetched, in bytes.
	maxModuleBytes = 64 << 20
	// maxIdleModules is how many compiled modules are kept though nothing runs them.
	maxIdleModules = 32
)

// modules are the compiled modules of this node, by CID. Each is fetched and
// compiled once however many tasks come for it at the same time, and kept for the
// next ones.
type modules struct {
	engine *runtime.Engine
	store  *blobs.Store

	mu    sync.Mutex
	known map[cid.Cid]*module
	uses  uint64 // counts acquisitions: the clock of what was used last
}

// module is a module that is being loaded, or is loaded.
type module struct {
	loaded chan struct{} // closed once it is, or has failed
	module *runtime.Module
	err    error

	// Guarded by modules.mu.
	users int
	last  uint64
}

func newModules(e *runtime.Engine, s *blobs.Store) *modules {
	return &modules{engine: e, store: s, known: make(map[cid.Cid]*module)}
}

// acquire returns a module to run, to be given back with release. The load goes on
// for others when ctx of the one who began it is done, unless nobody waits.
func (m *modules) acquire(ctx context.Context, id cid.Cid) (*module, error) {
	for {
		e, mine := m.enter(id)
		if mine {
			e.module, e.err = m.load(ctx, id)
			if e.err != nil {
				m.drop(id, e)
			}
			close(e.loaded)
		}
		select {
		case <-e.loaded:
		case <-ctx.Done():
			m.release(e)
			return nil, context.Cause(ctx)
		}
		if e.err == nil {
			return e, nil
		}
		m.release(e)
		othersEnd := !mine && (errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded))
		if !othersEnd || ctx.Err() != nil {
			return nil, e.err
		}
	}
}

// enter finds a module, or enters it as one that the caller must load.
func (m *modules) enter(id cid.Cid) (e *module, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e = m.known[id]; e == nil {
		e, mine = &module{loaded: make(chan struct{})}, true
		m.known[id] = e
	}
	m.uses++
	e.users, e.last = e.users+1, m.uses
	return e, mine
}

func (m *modules) load(ctx context.Context, id cid.Cid) (*runtime.Module, error) {
	binary, err := m.store.ReadAll(ctx, id, maxModuleBytes)
	if err != nil {
		return nil, err
	}
	return m.engine.Load(ctx, binary)
}

// drop forgets a module that could not be loaded: the next one tries anew.
func (m *modules) drop(id cid.Cid, e *module) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[id] == e {
		delete(m.known, id)
	}
}

// release gives a module back. Of those that nothing runs, the ones that were used
// last are kept.
func (m *modules) release(e *module) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.users--
	for m.evict() {
	}
}

// evict frees the idle module that was used longest ago, if there are too many.
func (m *modules) evict() bool {
	idle, oldest := 0, cid.Undef
	for id, e := range m.known {
		if e.users > 0 {
			continue
		}
		idle++
		if !oldest.Defined() || e.last < m.known[oldest].last {
			oldest = id
		}
	}
	if idle <= maxIdleModules {
		return false
	}
	e := m.known[oldest]
	delete(m.known, oldest)
	if e.module != nil {
		e.module.Close()
	}
	return true
}
