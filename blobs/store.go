package blobs

import (
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/godwit-run/godwit/blobs/internal/segment"
)

// Store is a content-addressed store in a folder. Its methods may be called
// from many goroutines.
type Store struct {
	cfg      Config
	minFree  int64
	ballast  *ballast
	seed     maphash.Seed // of the keys in holds and marks
	log      *segment.Log
	index    *index
	exchange atomic.Pointer[Exchange]

	// life lets Close wait for whatever uses log and index.
	life struct {
		sync.Mutex
		closed bool
		calls  sync.WaitGroup
	}

	// mu orders writes. It guards the log's and the index's changes and what
	// follows.
	mu     sync.Mutex
	states map[uint32]*segmentState
	disk   int64 // bytes of all segments
	holds  map[*hold]struct{}
	writes uint64 // counts what sync has to bring to the disk
	// released is what holds that ended during a collection had touched; nil
	// while there is none.
	released map[uint64]struct{}

	collecting sync.Mutex // one collection at a time

	syncing sync.Mutex // one sync at a time; guards synced
	synced  uint64     // the value of writes that is on the disk
}

// Open opens or makes the store in cfg.Dir. After a crash it checks what was
// written last. Errors: ErrLocked, ErrDiskFull, those of the file system.
func Open(cfg Config) (*Store, error) {
	if cfg.FetchTimeout == 0 {
		cfg.FetchTimeout = DefaultFetchTimeout
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, seed: maphash.MakeSeed(), holds: map[*hold]struct{}{}}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open() (err error) {
	blocks := filepath.Join(s.cfg.Dir, "blocks")
	if err := os.MkdirAll(blocks, 0o700); err != nil {
		return fmt.Errorf("make blob store: %w", diskError(err))
	}
	if s.minFree, err = s.cfg.minFree(); err != nil {
		return err
	}
	if s.ballast, err = newBallast(filepath.Join(s.cfg.Dir, "ballast"), s.cfg.Dir, s.minFree); err != nil {
		return err
	}
	// The index comes first: it locks the folder.
	if s.index, err = openIndex(filepath.Join(s.cfg.Dir, "index"), s.ballast.giveUp); err != nil {
		return diskError(err)
	}
	if s.log, err = segment.Open(segment.Config{Dir: blocks, Size: s.cfg.segmentSize()}); err != nil {
		return err
	}
	return s.recover()
}

// Close waits for calls under way, brings what was written to the disk and
// releases the folder. Calls that come later fail with ErrClosed.
func (s *Store) Close() error {
	err := s.sync()
	s.life.Lock()
	closed := s.life.closed
	s.life.closed = true
	s.life.Unlock()
	if closed {
		return nil
	}
	s.life.calls.Wait()
	return errors.Join(err, s.release())
}

// release closes what was opened.
func (s *Store) release() (err error) {
	if s.log != nil {
		err = s.log.Close()
	}
	if s.index != nil {
		err = errors.Join(err, s.index.db.Close())
	}
	return err
}

// enter keeps the store open until leave.
func (s *Store) enter() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.life.closed {
		return ErrClosed
	}
	s.life.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.life.calls.Done() }

// Attach gives the store the exchange that fetches what is missing; nil takes
// it away. The exchange is built over Blockstore, hence after the store.
func (s *Store) Attach(x Exchange) {
	if x == nil {
		s.exchange.Store(nil)
		return
	}
	s.exchange.Store(&x)
}

// attached is the exchange, nil if there is none.
func (s *Store) attached() Exchange {
	if x := s.exchange.Load(); x != nil {
		return *x
	}
	return nil
}

// Usage is how full a store is.
type Usage struct {
	Disk   int64 // bytes of the block files, which Quota bounds
	Live   int64 // bytes of the blocks that have not been collected
	Blocks int64 // how many those are
	Quota  int64 // bytes; 0 is no bound
	Free   int64 // bytes left on the disk; 0 if it cannot be told
}

// Usage tells how full the store is.
func (s *Store) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := Usage{Disk: s.disk, Quota: s.cfg.Quota}
	for _, state := range s.states {
		u.Live += state.live
		u.Blocks += state.blocks
	}
	if _, free, err := diskSpace(s.cfg.Dir); err == nil {
		u.Free = free
	}
	return u
}
