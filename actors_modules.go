package godwit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs"
)

// actorPin is the name of the pins that keep the modules of actors.
const actorPin = "actors"

// actorModules has the code of actors: fetched from the mesh, and kept for as long as
// an actor here needs it. One pin for each module, however many actors run it.
type actorModules struct {
	store *blobs.Store
	log   *slog.Logger

	mu    sync.Mutex
	users map[cid.Cid]int
}

func newActorModules(s *blobs.Store, log *slog.Logger) *actorModules {
	return &actorModules{store: s, log: log, users: make(map[cid.Cid]int)}
}

// Code implements actors.Modules.
func (m *actorModules) Code(ctx context.Context, id cid.Cid) (io.ReadCloser, int64, error) {
	f, err := m.store.Open(ctx, id)
	if err != nil {
		return nil, 0, storeError(err)
	}
	if f.Size() > maxModuleBytes {
		f.Close() // read only
		return nil, 0, fmt.Errorf("module %s: %w: %d bytes", id, blobs.ErrTooLarge, f.Size())
	}
	return f, f.Size(), nil
}

// Hold implements actors.Modules. The whole module is here when it returns: whoever
// had it before may be gone when it is needed.
func (m *actorModules) Hold(ctx context.Context, id cid.Cid) error {
	if err := m.keep(id); err != nil {
		return storeError(err)
	}
	if _, err := m.store.Fetch(ctx, id, blobs.FetchOptions{}); err != nil {
		m.Release(id)
		return storeError(err)
	}
	return nil
}

func (m *actorModules) keep(id cid.Cid) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[id] == 0 {
		if err := m.store.Pin(blobs.Pin{Name: actorPin, Reason: "code of actors here", CID: id}); err != nil {
			return err
		}
	}
	m.users[id]++
	return nil
}

// Release implements actors.Modules.
func (m *actorModules) Release(id cid.Cid) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[id]--; m.users[id] > 0 {
		return
	}
	delete(m.users, id)
	if err := m.store.Unpin(id, actorPin); err != nil {
		m.log.Warn("let go of a module", "module", id, "err", err)
	}
}

// restore lets go of the modules that the host, once it has taken up its actors, has
// not asked for again.
func (m *actorModules) restore() error {
	var unused []cid.Cid
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, err := range m.store.Pins() {
		if err != nil {
			return err
		}
		if p.Name == actorPin && m.users[p.CID] == 0 {
			unused = append(unused, p.CID)
		}
	}
	for _, id := range unused {
		if err := m.store.Unpin(id, actorPin); err != nil {
			return err
		}
	}
	return nil
}
