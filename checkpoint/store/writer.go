package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
)

// ErrBusy is returned for a capture that comes while the one before is not
// stored yet.
var ErrBusy = errors.New("the checkpoint before is not stored yet")

// WriterConfig sizes a Writer.
type WriterConfig struct {
	// Workers is how many checkpoints are made or stored at a time. What they
	// write meanwhile is synced together, so it should be as many as a disk's sync
	// takes processor time of checkpoints. 0 means 512.
	Workers int
	// Retry is how long to wait after a failure. 0 means 200 ms.
	Retry time.Duration
	// Pace is what each stream begins with. Zero means the default.
	Pace checkpoint.Pace
	// Now is the clock. nil means time.Now.
	Now func() time.Time
}

func (c WriterConfig) withDefaults() WriterConfig {
	if c.Workers == 0 {
		c.Workers = 512
	}
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Pace == (checkpoint.Pace{}) {
		c.Pace = checkpoint.DefaultPace()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports the first field that is out of range.
func (c WriterConfig) Validate() error {
	if c.Workers < 0 || c.Retry < 0 {
		return errors.New("checkpoint writer with negative numbers")
	}
	return c.withDefaults().Pace.Validate()
}

// Writer makes and stores checkpoints outside the pause in which they were
// captured. What is given to it while Run does not run waits.
type Writer struct {
	cfg   WriterConfig
	store *Store
	wake  chan struct{}

	mu    sync.Mutex
	queue []*Stream
	stats WriterStats
}

// WriterStats counts since the writer was made.
type WriterStats struct {
	// Stored checkpoints, and the sum of what went into them.
	Stored uint64
	Total  checkpoint.Stats
	// Failures are attempts to store that failed; each is tried again.
	Failures uint64
	// Refused captures came while the one before was not stored.
	Refused uint64
	// Waiting streams have a capture that is not stored; Stretched ones have a
	// longer interval than they want, because the disk cannot keep up.
	Waiting, Stretched int
}

// NewWriter makes a writer for a store.
func NewWriter(s *Store, cfg WriterConfig) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Writer{cfg: cfg, store: s, wake: make(chan struct{}, cfg.Workers)}, nil
}

// Run works until ctx is done, and returns ctx's error. Captures that are not
// stored by then stay unstored.
func (w *Writer) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range w.cfg.Workers {
		workers.Go(func() { w.work(ctx) })
	}
	workers.Wait()
	return ctx.Err()
}

func (w *Writer) work(ctx context.Context) {
	for {
		if s := w.next(); s != nil {
			s.finish(s.store(ctx))
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Writer) next() *Stream {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil
	}
	s := w.queue[0]
	w.queue = w.queue[1:]
	return s
}

// Stats returns the counters.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// count changes the counters.
func (w *Writer) count(f func(*WriterStats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.stats)
}

// Stream is the checkpoints of one chain: at most one at a time is being
// stored.
type Stream struct {
	writer *Writer
	chain  *checkpoint.Chain

	mu      sync.Mutex
	capture checkpoint.Capture
	since   time.Time
	// idle is closed when nothing is being stored.
	idle chan struct{}
	pace checkpoint.Pace
	last *checkpoint.Signed
	err  error
}

// Stream makes a stream of a chain, which is the stream's from then on.
func (w *Writer) Stream(c *checkpoint.Chain) *Stream {
	idle := make(chan struct{})
	close(idle)
	return &Stream{writer: w, chain: c, idle: idle, pace: w.cfg.Pace, last: c.Last()}
}

// Submit hands over a capture, whose memory is the stream's until it is idle
// again. It never blocks: if the one before is not stored yet it returns
// ErrBusy, and what changed goes into a later capture. After an error that the
// stream cannot recover from it returns that.
func (s *Stream) Submit(c checkpoint.Capture) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if !s.isIdle() {
		s.writer.count(func(st *WriterStats) { st.Refused++ })
		return ErrBusy
	}
	s.capture, s.since, s.idle = c, s.writer.cfg.Now(), make(chan struct{})
	s.writer.enqueue(s)
	return nil
}

func (s *Stream) isIdle() bool {
	select {
	case <-s.idle:
		return true
	default:
		return false
	}
}

func (w *Writer) enqueue(s *Stream) {
	w.mu.Lock()
	w.queue = append(w.queue, s)
	w.stats.Waiting++
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // as many are awake, or about to be, as there are workers
	}
}

// store makes the checkpoint and stores it, again and again until it is.
func (s *Stream) store(ctx context.Context) (*checkpoint.Ready, error) {
	b := s.writer.store.Begin()
	defer b.Close()
	r, err := s.chain.Update(s.capture)
	if err != nil {
		return nil, err
	}
	for {
		err := b.Save(r)
		if err == nil || hopeless(err) {
			return r, err
		}
		s.failed()
		if err := wait(ctx, s.writer.cfg.Retry); err != nil {
			return nil, errors.Join(err, fmt.Errorf("not stored: %w", err))
		}
	}
}

// hopeless errors stay, however often it is tried.
func hopeless(err error) bool {
	return errors.Is(err, checkpoint.ErrStale) || errors.Is(err, ErrIncomplete) || errors.Is(err, ErrClosed)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish notes the outcome and makes the stream idle.
func (s *Stream) finish(r *checkpoint.Ready, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = fmt.Errorf("checkpoint stream: %w", err)
	} else {
		s.last = r.Signed
		s.setPace(s.pace.Stored(s.writer.cfg.Now().Sub(s.since)))
	}
	s.capture = checkpoint.Capture{}
	s.writer.count(func(st *WriterStats) {
		st.Waiting--
		if err == nil {
			st.Stored++
			st.Total = st.Total.Plus(r.Stats)
		}
	})
	close(s.idle)
}

func (s *Stream) failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setPace(s.pace.Failed())
	s.writer.count(func(st *WriterStats) { st.Failures++ })
}

func (s *Stream) setPace(p checkpoint.Pace) {
	was, is := s.pace.Stretched(), p.Stretched()
	s.pace = p
	s.writer.count(func(st *WriterStats) {
		if was && !is {
			st.Stretched--
		} else if is && !was {
			st.Stretched++
		}
	})
}

// Interval is the time from the last capture to the next that is due.
func (s *Stream) Interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pace.Next()
}

// Last is the newest checkpoint that is stored, nil if there is none.
func (s *Stream) Last() *checkpoint.Signed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Wait waits until what was submitted is stored. It returns the error that
// ended the stream, if one did, or ctx's.
func (s *Stream) Wait(ctx context.Context) error {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends a stream that is idle: it is not counted any more, and takes no
// more captures.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pace.Stretched() {
		s.writer.count(func(st *WriterStats) { st.Stretched-- })
	}
	s.pace = checkpoint.Pace{Interval: s.pace.Interval, Max: s.pace.Max}
	if s.err == nil {
		s.err = ErrClosed
	}
}
