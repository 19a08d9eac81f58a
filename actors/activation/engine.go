package activation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/transfer"
)

// Engine has the guests of a node's actors, and the checkpoints of those that it leads
// or follows. It is safe for use by many goroutines.
type Engine struct {
	cfg      Config
	slots    chan struct{}
	images   *images
	journals *journals
	modules  *modules
	recent   *transfer.Recent
	turns    *turns // of checkpoints

	mu     sync.Mutex
	stats  Stats
	active map[wire.ActorID]*Activation
	needed map[wire.ActorID]cid.Cid // the checkpoint that the log names, of those that were told
	stale  map[wire.ActorID]bool    // have checkpoints to remove
	follow map[wire.ActorID]checkpoint.Memory
	pushed chan struct{} // has one if there is something in follow
}

// New makes an engine. Its folder is made if need be.
func New(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	images, logs := filepath.Join(cfg.Dir, "images"), filepath.Join(cfg.Dir, "logs")
	for _, dir := range []string{images, logs} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("activation: %w", err)
		}
	}
	return &Engine{
		cfg: cfg, slots: make(chan struct{}, cfg.Workers),
		images:   newImages(images, cfg.Store, cfg.ImageBytes, cfg.ImageFiles),
		journals: newJournals(logs, cfg.LogBytes),
		modules:  newModules(cfg.Runtime, cfg.Modules, cfg.KeepModules),
		recent:   transfer.NewRecent(64),
		turns:    newTurns(cfg.Rate),
		active:   map[wire.ActorID]*Activation{}, needed: map[wire.ActorID]cid.Cid{},
		stale: map[wire.ActorID]bool{}, follow: map[wire.ActorID]checkpoint.Memory{}, pushed: make(chan struct{}, 1),
	}, nil
}

// Close frees what the engine holds. All activations must have been halted, and Run
// have returned.
func (e *Engine) Close() error { return errors.Join(e.images.close(), e.modules.close()) }

// Activate begins an activation. What it comes to, the sink is told.
func (e *Engine) Activate(s Start, sink Sink) (*Activation, error) {
	a := e.newActivation(context.Background(), s, sink)
	e.mu.Lock()
	if e.active[s.Actor] != nil {
		e.mu.Unlock()
		a.cancel()
		return nil, fmt.Errorf("actor %s is active here already", s.Actor)
	}
	e.active[s.Actor] = a
	e.stats.Active++
	e.mu.Unlock()
	a.log.begin()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nudge()
	return a, nil
}

func (e *Engine) newActivation(ctx context.Context, s Start, sink Sink) *Activation {
	name := s.Actor.String()
	a := &Activation{
		engine: e, start: s, name: name, file: name, sink: sink, log: e.journals.of(name),
		entries: append([]wire.Committed(nil), s.Entries...), failed: map[uint64]*mailbox.Failed{},
		more: make(chan struct{}, 1), pace: checkpoint.Pace{Interval: e.cfg.Checkpoint, Max: max(e.cfg.Checkpoint, maxPace)},
	}
	a.kept = sizeOf(a.entries)
	if c := s.Checkpoint; c != nil {
		a.base = base{id: c.Manifest.Cid, index: c.Index, sequence: c.Sequence}
		a.sequence = c.Sequence
	}
	a.ctx, a.cancel = context.WithCancel(ctx)
	return a
}

// ended forgets an activation, and what is of no use without: an idle actor is to cost
// next to nothing.
func (e *Engine) ended(a *Activation) {
	e.recent.Forget(a.name)
	e.journals.release(a.name)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active[a.start.Actor] == a {
		delete(e.active, a.start.Actor)
		e.stats.Active--
	}
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

func (e *Engine) count(f func(*Stats)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.stats)
}

// logFailed notes that an actor's log could not be written.
func (e *Engine) logFailed(err error) { slog.Warn("actor log", "err", err) }

// Push brings a checkpoint to another node, whose engine serves the push at the other
// end of rw, and returns once it is on that node's disk. The bytes that were sent come
// with it.
func (e *Engine) Push(ctx context.Context, actor wire.ActorID, id cid.Cid, rw io.ReadWriter) (sent int64, err error) {
	signed, err := e.load(actor, id)
	if err != nil {
		return 0, err
	}
	return transfer.Send(ctx, rw, e.cfg.Store, e.recent, signed)
}

// Serve takes a checkpoint of an actor that another node pushes, and returns it once it
// is on disk: all of it, every object checked. Who signed it does not matter, since it
// counts for nothing until a log names it by its CID.
func (e *Engine) Serve(ctx context.Context, actor wire.ActorID, rw io.ReadWriter) (id cid.Cid, err error) {
	signed, err := transfer.Receive(ctx, rw, e.cfg.Store, actor.String(), e.cfg.PushBytes, nil)
	if err != nil {
		return cid.Undef, err
	}
	e.mu.Lock()
	e.follow[actor] = signed.Memory
	e.mu.Unlock()
	select {
	case e.pushed <- struct{}{}:
	default:
	}
	return signed.ID, nil
}

// Has tells whether a checkpoint is on this node.
func (e *Engine) Has(id cid.Cid) bool {
	_, err := e.cfg.Store.Load(id)
	return err == nil
}

func (e *Engine) load(actor wire.ActorID, id cid.Cid) (*checkpoint.Signed, error) {
	signed, err := e.cfg.Store.Load(id)
	if errors.Is(err, checkpoint.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s of actor %s", ErrMissing, id, actor)
	}
	if err == nil && signed.Name != actor.String() {
		return nil, fmt.Errorf("%w: %s is of %q", ErrMissing, id, signed.Name)
	}
	return signed, err
}

// Logs returns the lines that are kept of what an actor has said on this node, oldest
// first, and what is closed when there are more.
func (e *Engine) Logs(actor wire.ActorID) (lines []Line, more <-chan struct{}, err error) {
	j := e.journals.of(actor.String())
	more = j.wait()
	lines, err = j.lines()
	return lines, more, err
}
