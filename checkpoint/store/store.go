package store

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

var (
	// ErrQuota is wrapped when there is no room left under Config.MaxBytes.
	ErrQuota = errors.New("checkpoint quota is used up")
	// ErrIncomplete is wrapped when a checkpoint is to be committed that
	// refers to objects the store does not have.
	ErrIncomplete = errors.New("checkpoint is incomplete")
	// ErrInUse is wrapped when another store uses the directory.
	ErrInUse = errors.New("checkpoint store is in use by another process")
	// ErrReadOnly is wrapped when something is to be written to a store that
	// was opened for reading.
	ErrReadOnly = errors.New("checkpoint store is open for reading only")
	// ErrClosed is returned by everything after Close.
	ErrClosed = errors.New("checkpoint store is closed")
)

// Config sizes a store.
type Config struct {
	// FS is where it lives, for one store at a time, and any number of those
	// that only read.
	FS FS
	// ReadOnly takes no lock and changes nothing. What another process writes
	// meanwhile is not seen; what its Collect removes stays readable.
	ReadOnly bool
	// Rand gives each segment's salt: crypto/rand.Reader.
	Rand io.Reader
	// Verifier checks signatures, of what is committed and what is read.
	// nil means Ed25519 only.
	Verifier checkpoint.Verifier
	// SegmentBytes is the size at which a segment is full. At least 4 KiB; 0
	// means 64 MiB.
	SegmentBytes int64
	// MaxBytes is the most bytes that all segments may have together; beyond,
	// commits fail with ErrQuota. Collecting garbage may for a moment need one
	// segment more. 0 means no limit.
	MaxBytes int64
	// IndexPages is how many pages are remembered for sharing between names,
	// about 100 bytes each. 0 means 65,536 (256 MiB of pages), negative none.
	IndexPages int
	// MinLive is the share of live bytes below which Collect rewrites a
	// segment: 0 to 1. 0 means 0.5.
	MinLive float64
}

func (c Config) withDefaults() (Config, error) {
	c.SegmentBytes = cmp.Or(c.SegmentBytes, 64<<20)
	c.IndexPages = cmp.Or(c.IndexPages, 1<<16)
	c.MinLive = cmp.Or(c.MinLive, 0.5)
	if c.Verifier == nil {
		c.Verifier = checkpoint.Ed25519{}
	}
	return c, c.Validate()
}

// Validate reports the first field that is out of range.
func (c Config) Validate() error {
	switch {
	case c.FS == nil || c.Rand == nil:
		return errors.New("checkpoint store without file system or randomness")
	case c.SegmentBytes < 4096:
		return fmt.Errorf("segments of %d bytes are smaller than 4 KiB", c.SegmentBytes)
	case c.MaxBytes < 0:
		return fmt.Errorf("quota of %d bytes", c.MaxBytes)
	case !(c.MinLive >= 0 && c.MinLive <= 1):
		return fmt.Errorf("share of live bytes %v is not between 0 and 1", c.MinLive)
	}
	return nil
}

// Store keeps checkpoints in a directory. Its methods may be called from any
// goroutine; it has none of its own.
type Store struct {
	cfg  Config
	lock io.Closer
	log  appender
	// moving is held by whoever removes segments.
	moving sync.Mutex

	mu       sync.RWMutex
	closed   bool
	segments map[uint64]*segment
	index    map[cid.Cid]location
	// bad are objects found damaged; they are read no more, and written anew
	// if they come again.
	bad   map[cid.Cid]error
	names map[string][]checkpoint.Ref // oldest first
	// copies are the segments that have a commit record of a checkpoint, also
	// of a removed one: as long as there is one, its removal must be kept.
	copies map[cid.Cid][]uint64
	// clock counts batches and writes; begun has those in progress, and touched when an
	// object was last relied on: what Collect must leave alone.
	clock   uint64
	begun   map[*Batch]uint64
	touched map[cid.Cid]uint64
	pages   dictionary
	damage  []Damage
}

// location is where a record's payload is.
type location struct {
	segment *segment
	record  record
	// born is the clock when it was written.
	born uint64
}

// Damage is bytes that are not what was written. What they held shows when it
// is missing.
type Damage struct {
	Segment  string
	From, To int64
	Kind     DamageKind
}

// DamageKind says how bad it is.
type DamageKind byte

const (
	// Broken bytes are lost.
	Broken DamageKind = iota
	// Unfinished bytes may as well be a write that a crash cut off.
	Unfinished
	// Repaired ones had one wrong byte, which could be put right.
	Repaired
)

// String names the bytes.
func (d Damage) String() string {
	what := [...]string{"damaged", "damaged, or a write that was cut off", "damaged in one place and repaired"}[d.Kind]
	return fmt.Sprintf("segment %s: bytes %d to %d are %s", d.Segment, d.From, d.To, what)
}

// Damage lists what Open found, and what was repaired since.
func (s *Store) Damage() []Damage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.damage)
}

// Get implements checkpoint.Getter: the object's bytes, checked against id.
// Manifests of committed checkpoints are objects too.
func (s *Store) Get(id cid.Cid) ([]byte, error) {
	s.mu.RLock()
	at, ok := s.index[id]
	bad, closed := s.bad[id], s.closed
	if ok && bad == nil && !closed {
		at.segment.readers.Add(1)
		defer at.segment.readers.Done()
	}
	s.mu.RUnlock()
	switch {
	case closed:
		return nil, ErrClosed
	case bad != nil:
		return nil, bad
	case !ok:
		return nil, fmt.Errorf("object %s: %w", id, checkpoint.ErrNotFound)
	}
	return s.read(at)
}

func (s *Store) read(at location) ([]byte, error) {
	data, err := s.payload(at)
	if err != nil || at.record.kind != commit {
		return data, err
	}
	signed, err := checkpoint.OpenTrusted(data)
	if err != nil {
		return nil, s.note(at, err)
	}
	return signed.Encoded, nil
}

// payload reads a record's payload and checks it against its name. One wrong
// byte is put right, and noted.
func (s *Store) payload(at location) ([]byte, error) {
	data, err := readPayload(at)
	if err != nil {
		return nil, s.note(at, err)
	}
	err = at.record.check(data)
	if err == nil && at.summed(data) {
		return data, nil
	}
	good := func(b []byte) bool { return at.record.check(b) == nil }
	switch repaired := repair(data, at.segment.salt, at.record.payloadSum, good); {
	case !repaired && err == nil:
		return data, nil // the signature decides
	case !repaired:
		return nil, s.note(at, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := (Damage{at.segment.name, at.record.payload(), at.record.end(), Repaired}); !slices.Contains(s.damage, d) {
		s.damage = append(s.damage, d)
	}
	return data, nil
}

// summed compares a payload with its checksum where its name does not cover all of
// it: a commit's has only the manifest, not the key and the signature.
func (at location) summed(payload []byte) bool {
	return at.record.kind != commit || crc32.Update(at.segment.salt, castagnoli, payload) == at.record.payloadSum
}

// check tells whether a payload is what the record's CID names.
func (r record) check(payload []byte) error {
	if r.kind != commit {
		return checkpoint.Check(r.id, payload)
	}
	signed, err := checkpoint.OpenTrusted(payload)
	if err == nil && signed.ID != r.id {
		err = fmt.Errorf("checkpoint %s: %w", r.id, checkpoint.ErrHash)
	}
	return err
}

func readPayload(at location) ([]byte, error) {
	data := make([]byte, at.record.length)
	if n, err := at.segment.file.ReadAt(data, at.record.payload()); n < len(data) {
		return nil, err
	}
	return data, nil
}

// note remembers damage, if it is still what the index points to.
func (s *Store) note(at location, err error) error {
	err = fmt.Errorf("segment %s, bytes %d to %d: %w", at.segment.name, at.record.payload(), at.record.end(), err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index[at.record.id] == at {
		s.bad[at.record.id] = err
	}
	return err
}

// Has tells whether the store has an object, and as far as it knows a sound
// one. It does not keep it from being collected: see [Batch.Has].
func (s *Store) Has(id cid.Cid) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.has(id)
}

func (s *Store) has(id cid.Cid) bool {
	_, ok := s.index[id]
	return ok && s.bad[id] == nil
}

// Names lists what there are checkpoints of, sorted.
func (s *Store) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name := range s.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// List lists the checkpoints of a name, oldest first.
func (s *Store) List(name string) []checkpoint.Ref {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.names[name])
}

// Load reads a checkpoint's envelope and verifies the signature; nothing below
// it is read.
func (s *Store) Load(id cid.Cid) (*checkpoint.Signed, error) {
	s.mu.RLock()
	at, ok := s.index[id]
	if !ok || s.closed || at.record.kind != commit {
		defer s.mu.RUnlock()
		if s.closed {
			return nil, ErrClosed
		}
		return nil, fmt.Errorf("checkpoint %s: %w", id, checkpoint.ErrNotFound)
	}
	at.segment.readers.Add(1)
	defer at.segment.readers.Done()
	s.mu.RUnlock()
	data, err := s.payload(at)
	if err != nil {
		return nil, err
	}
	signed, err := checkpoint.Open(data, s.cfg.Verifier)
	if err != nil {
		return nil, s.note(at, err)
	}
	return signed, nil
}

// Latest loads the newest checkpoint of a name. Its error wraps
// checkpoint.ErrNotFound if there is none.
func (s *Store) Latest(name string) (*checkpoint.Signed, error) {
	refs := s.List(name)
	if len(refs) == 0 {
		return nil, fmt.Errorf("checkpoint of %q: %w", name, checkpoint.ErrNotFound)
	}
	return s.Load(refs[len(refs)-1].ID)
}

// Verify reads all of a checkpoint and returns what is damaged. The store will
// take damaged objects anew.
func (s *Store) Verify(id cid.Cid) []*checkpoint.DamageError {
	signed, err := s.Load(id)
	if err != nil {
		return []*checkpoint.DamageError{{Object: id, Part: "manifest", Err: err}}
	}
	return checkpoint.Verify(signed.Manifest, s)
}

// PassedOver is a checkpoint that cannot be used, and why.
type PassedOver struct {
	checkpoint.Ref
	Damage []*checkpoint.DamageError
}

// Newest returns the newest checkpoint of a name that is whole, having read it
// all, and those newer ones that are not. Its error wraps checkpoint.ErrNotFound
// if there is none.
func (s *Store) Newest(name string) (*checkpoint.Signed, []PassedOver, error) {
	var over []PassedOver
	for _, ref := range slices.Backward(s.List(name)) {
		signed, err := s.Load(ref.ID)
		if err != nil {
			over = append(over, PassedOver{ref, []*checkpoint.DamageError{{Object: ref.ID, Part: "manifest", Err: err}}})
			continue
		}
		found := checkpoint.Verify(signed.Manifest, s)
		if len(found) == 0 {
			return signed, over, nil
		}
		over = append(over, PassedOver{ref, found})
	}
	return nil, over, fmt.Errorf("whole checkpoint of %q: %w", name, checkpoint.ErrNotFound)
}

// Added is what each of some checkpoints takes on disk that those before it in
// the list don't, in bytes. What is damaged below is not counted.
func (s *Store) Added(refs []checkpoint.Ref) []uint64 {
	added := make([]uint64, len(refs))
	seen := map[cid.Cid]bool{}
	for i, r := range refs {
		s.mark(r.ID, func(id cid.Cid) bool {
			fresh := !seen[id]
			if fresh {
				seen[id] = true
				added[i] += s.bytesOf(id)
			}
			return fresh
		})
	}
	return added
}

// bytesOf is the size of an object's record, 0 if there is none.
func (s *Store) bytesOf(id cid.Cid) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.index[id]
	if !ok {
		return 0
	}
	return uint64(at.record.end() - at.record.offset)
}

// Usage says what a store holds.
type Usage struct {
	// Bytes is the size of all segments, Live what of it is still referred to
	// or not yet collected.
	Bytes, Live                    int64
	Segments, Objects, Checkpoints int
}

// Usage counts.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := Usage{Segments: len(s.segments), Objects: len(s.index)}
	for _, seg := range s.segments {
		u.Bytes += seg.size
		u.Live += seg.live
	}
	for _, es := range s.names {
		u.Checkpoints += len(es)
	}
	return u
}

// Close waits for reads and a write in progress. Nothing need be saved.
func (s *Store) Close() error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	segments := s.segments
	s.mu.Unlock()
	s.seal()
	var errs []error
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	for _, seg := range segments {
		errs = append(errs, seg.close())
	}
	return errors.Join(errs...)
}
