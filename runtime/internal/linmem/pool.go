package linmem

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
)

const maxInt = math.MaxInt

// Pool hands out linear memories and keeps the mappings of freed ones for the
// next. Its methods may be called from any goroutine.
type Pool struct {
	cfg   Config
	pages *pagemap // nil where the kernel cannot tell touched pages

	trackOnce sync.Once // opens the three below when first needed
	method    method
	rung      Rung
	trackErr  error

	mu     sync.Mutex
	idle   []*mapping // all zero; the longest idle first
	live   int        // mappings handed out by take
	closed bool
}

// New makes a pool. It reserves nothing until the first memory is asked for.
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg.withDefaults()}
	if pages, err := openPagemap(); err == nil { // without it freeing is slower, no more
		p.pages = pages
	}
	return p, nil
}

// Close unmaps what is idle. Memories still in use stay valid, untracked,
// and are unmapped when they are freed.
func (p *Pool) Close() error {
	p.mu.Lock()
	wasClosed := p.closed
	p.closed = true
	p.mu.Unlock()
	if wasClosed {
		return nil
	}
	err := p.dropIdle()
	if p.pages != nil {
		err = errors.Join(err, p.pages.close()) // a later scan fails, and zero falls back
	}
	p.trackOnce.Do(func() { p.trackErr = errClosed })
	if p.method != nil {
		err = errors.Join(err, p.method.close())
	}
	return err
}

var errClosed = errors.New("pool of linear memories is closed")

// tracking returns how written pages are found.
func (p *Pool) tracking() (method, Rung, error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, p.cfg.Tracking, errClosed
	}
	p.trackOnce.Do(func() { p.method, p.rung, p.trackErr = openMethod(p.cfg.Tracking) })
	return p.method, p.rung, p.trackErr
}

// Idle returns how many mappings wait for their next use.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// take returns a mapping of zeroes that holds at least need bytes and, as far
// as address space allows, as many as a memory of max bytes wants.
func (p *Pool) take(need, max uint64) (*mapping, error) {
	if !p.admit() {
		return nil, fmt.Errorf("%d linear memories in use: %w", p.cfg.MaxMemories, errTooMany)
	}
	n := p.reservation(max)
	if m := p.pop(n); m != nil {
		return m, nil
	}
	m, err := p.reserve(need, n)
	if err != nil {
		p.dismiss()
	}
	return m, err
}

var errTooMany = errors.New("Config.MaxMemories is reached")

func (p *Pool) admit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live >= p.cfg.MaxMemories {
		return false
	}
	p.live++
	return true
}

func (p *Pool) dismiss() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live--
}

// reserve reserves n bytes. When address space is short (RLIMIT_AS, 32 bits,
// too many mappings) idle mappings give way first, then n is halved as often
// as it takes, but not below need.
func (p *Pool) reserve(need uint64, n int) (*mapping, error) {
	m, err := reserve(n)
	if err == nil {
		return m, nil
	}
	if err := p.dropIdle(); err != nil {
		return nil, err
	}
	for {
		m, err = reserveSparing(n)
		if err == nil || n <= PageSize || uint64(n/2) < need {
			return m, err
		}
		n /= 2
	}
}

// spare is the address space left to the process: the Go heap grows by 64 MiB
// at a time where pointers have 64 bits, 4 MiB where they have 32, and a process
// whose heap cannot grow dies.
const spare = 32 << (20 + 2*(^uintptr(0)>>63))

// reserveSparing is reserve that fails unless spare bytes are left.
func reserveSparing(n int) (*mapping, error) {
	m, err := reserve(n)
	if err != nil {
		return nil, err
	}
	rest, err := reserve(spare)
	if err != nil {
		return nil, errors.Join(err, m.release())
	}
	if err := rest.release(); err != nil {
		return nil, errors.Join(err, m.release())
	}
	return m, nil
}

// reservation is the length reserved for a memory that may reach max bytes:
// the next power of two, so that memories of similar modules share mappings.
func (p *Pool) reservation(max uint64) int {
	return int(min(powerOfTwo(max), p.cfg.MaxReserve))
}

// powerOfTwo rounds n up to a power of two that is at least PageSize.
func powerOfTwo(n uint64) uint64 {
	return 1 << bits.Len64(max(n, PageSize)-1)
}

// pop takes the mapping of n bytes that was freed last, whose pages and page
// tables are the warmest.
func (p *Pool) pop(n int) *mapping {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range slices.Backward(p.idle) {
		if len(m.mem) == n {
			p.idle = slices.Delete(p.idle, i, i+1)
			return m
		}
	}
	return nil
}

// give takes back a mapping whose first used bytes may have been written.
func (p *Pool) give(m *mapping, used int) error {
	if p.reservation(uint64(len(m.mem))) != len(m.mem) || p.cfg.MaxIdle < 0 {
		return m.release() // nobody will ask for this length
	}
	if err := p.zero(m.mem[:used]); err != nil {
		return errors.Join(err, m.release())
	}
	if evicted := p.push(m); evicted != nil {
		return evicted.release()
	}
	return nil
}

// zero makes mem, which starts a mapping, read as zero again. Pages that stay
// in RAM save the next instance their faults, each of which costs as much as
// clearing dozens of pages.
func (p *Pool) zero(mem []byte) error {
	if len(mem) > PageSize && p.pages != nil && p.pages.clearTouched(mem, p.cfg.KeepResident) {
		return nil
	}
	prefix := min(len(mem), PageSize)
	clear(mem[:prefix])
	if prefix == len(mem) {
		return nil
	}
	return discard(mem[prefix:])
}

// push makes m idle and returns the mapping that has to go for it, if any:
// the one idle for longest, so that the pool follows what is asked for.
func (p *Pool) push(m *mapping) (evicted *mapping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return m
	}
	if len(p.idle) >= p.cfg.MaxIdle {
		evicted = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.idle = append(p.idle, m)
	return evicted
}

func (p *Pool) dropIdle() error {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var errs []error
	for _, m := range idle {
		errs = append(errs, m.release())
	}
	return errors.Join(errs...)
}
