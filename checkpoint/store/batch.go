package store

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// flushBytes is how much of a batch is held in memory before it is written.
const flushBytes = 8 << 20

// Batch collects the objects of a checkpoint. As long as it is not closed,
// nothing that it put or asked for is collected. One goroutine may use it.
type Batch struct {
	store   *Store
	pending []draft
	held    map[cid.Cid][]byte
	bytes   int
}

// Begin begins a batch. Begin it before Chain.Update if the store is that
// chain's Index. It must be closed.
func (s *Store) Begin() *Batch {
	b := &Batch{store: s, held: map[cid.Cid][]byte{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.begun[b] = s.clock
	return b
}

// Close ends the batch. What was put but not committed is garbage.
func (b *Batch) Close() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	delete(b.store.begun, b)
}

// Has tells whether an object need not be put, and keeps it.
func (b *Batch) Has(id cid.Cid) bool {
	if _, ok := b.held[id]; ok {
		return true
	}
	s := b.store
	if !s.Has(id) {
		return false // as for most objects: new ones
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.has(id) {
		return false
	}
	s.touched[id] = s.clock
	return true
}

// Get implements checkpoint.Getter over what was put and the store.
func (b *Batch) Get(id cid.Cid) ([]byte, error) {
	if data, ok := b.held[id]; ok {
		return data, nil
	}
	return b.store.Get(id)
}

// Put implements checkpoint.Sink. That the object's bytes are what its name says
// is the caller's to know. It keeps them until they are written.
func (b *Batch) Put(o checkpoint.Object) error {
	if b.Has(o.ID) {
		return nil
	}
	b.pending = append(b.pending, draft{kind: object, id: o.ID, payload: o.Data})
	b.held[o.ID] = o.Data
	b.bytes += len(o.Data)
	if b.bytes < flushBytes {
		return nil
	}
	return b.flush(&group{})
}

func (b *Batch) flush(g *group) error {
	g.records = slices.Concat(b.pending, g.records)
	if err := b.store.append(g); err != nil {
		return err
	}
	b.pending, b.bytes = nil, 0
	clear(b.held)
	return nil
}

// Commit makes a checkpoint count, once everything put before it and the
// checkpoint itself are on disk. It must be newer than all of its name:
// otherwise the error wraps checkpoint.ErrStale. Its objects are those put and
// those of the checkpoint before; if the store does not have that one, all are
// looked for, and the error wraps ErrIncomplete if one is missing. Committing
// again what counts already does nothing. After an error it may be tried again.
func (b *Batch) Commit(signed *checkpoint.Signed) error {
	if b.store.lists(signed.Previous) {
		return b.commit(signed, &group{strict: true, after: signed.Previous})
	}
	if err := b.complete(signed); err != nil {
		return err
	}
	return b.commit(signed, &group{strict: true})
}

// Add is Commit for a checkpoint from elsewhere, which may be older than others
// of its name. All of its objects are looked for.
func (b *Batch) Add(signed *checkpoint.Signed) error {
	if err := b.complete(signed); err != nil {
		return err
	}
	return b.commit(signed, &group{})
}

func (b *Batch) commit(signed *checkpoint.Signed, g *group) error {
	ref := refOf(signed)
	g.ref, g.records = &ref, []draft{{kind: commit, id: signed.ID, payload: signed.Envelope}}
	if err := b.flush(g); err != nil {
		return fmt.Errorf("commit checkpoint %s %s: %w", signed.Name, signed.Order, err)
	}
	return nil
}

func (b *Batch) complete(signed *checkpoint.Signed) error {
	var missing error
	err := checkpoint.Mark(signed.Manifest, b, func(id cid.Cid) bool {
		if !b.Has(id) && missing == nil {
			missing = fmt.Errorf("object %s: %w", id, checkpoint.ErrNotFound)
		}
		return missing == nil
	})
	if err := errors.Join(missing, err); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return nil
}

func (s *Store) lists(id cid.Cid) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts(id)
}

func (s *Store) counts(id cid.Cid) bool {
	at, ok := s.index[id]
	return ok && at.record.kind == commit && s.bad[id] == nil
}

// Save stores what Chain.Update made and returns once it is on disk. It may be
// called again after an error.
func (s *Store) Save(r *checkpoint.Ready) error {
	b := s.Begin()
	defer b.Close()
	return b.Save(r)
}

// Save puts and commits what Chain.Update made.
func (b *Batch) Save(r *checkpoint.Ready) error {
	for _, id := range r.Shared {
		if !b.Has(id) {
			return fmt.Errorf("pack %s is gone: %w", id, ErrIncomplete)
		}
	}
	for _, o := range r.Objects {
		if err := b.Put(o); err != nil {
			return err
		}
	}
	if err := b.Commit(r.Signed); err != nil {
		return err
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.pages.learn(r.Pages)
	return nil
}

// Import reads a CAR file (see checkpoint.Import) of at most maxBytes into the
// store. accept is asked once the signature is verified, before anything is
// stored; nil accepts all. What the store has, but damaged, is replaced.
func (s *Store) Import(r io.Reader, maxBytes uint64, accept func(*checkpoint.Signed) error) (*checkpoint.Signed, error) {
	car, err := checkpoint.OpenCAR(r, s.cfg.Verifier, maxBytes)
	if err == nil && accept != nil {
		err = accept(car.Signed)
	}
	if err != nil {
		return nil, err
	}
	b := s.Begin()
	defer b.Close()
	if err := car.Read(mender{b}); err != nil {
		return nil, err
	}
	_, _ = s.Load(car.ID) // if the envelope here is damaged it is known from now on
	return car.Signed, b.Add(car.Signed)
}

// mender is a batch that takes an object again if the store's own is damaged.
type mender struct{ *Batch }

// Put implements checkpoint.Sink.
func (m mender) Put(o checkpoint.Object) error {
	if m.Has(o.ID) {
		if _, err := m.Get(o.ID); err == nil {
			return nil // otherwise it is known to be damaged from now on
		}
	}
	return m.Batch.Put(o)
}
