package actors

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/godwit-run/godwit/actors/activation"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/journal"
)

// Host is the actors of a node: those it leads, and the replicas it holds of others.
// Its methods are safe for concurrent use while Run runs, and go to whatever node
// an actor is on. An actor is named by its name, its id, or a prefix of the id that
// only one has.
type Host struct {
	cfg     Config
	ready   chan struct{} // closed once all below is set
	stopped chan struct{} // closed once the loop steps no more
	once    sync.Once

	ctx       context.Context // ends with Run
	journal   *journal.Journal
	store     *store.Store
	engine    *activation.Engine
	loop      *loop
	committer *committer
	post      *post

	mu      sync.Mutex
	ended   bool
	work    sync.WaitGroup // of what runs beside the loop
	closers []func() error
}

var _ Handler = (*Host)(nil)

// New checks a configuration and allocates a host.
func New(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg.withDefaults(), ready: make(chan struct{}), stopped: make(chan struct{})}
	if h.cfg.Placer == nil {
		h.cfg.Placer = placeAnywhere{h}
	}
	return h, nil
}

// ErrRan: a host runs once.
var ErrRan = errors.New("the host of actors has run already")

// Run is the host's life: it opens the folder, takes up its replicas, and serves
// until ctx is done. It does not hand over what it leads: see [Host.Drain]. It
// returns an error if it cannot start, or cannot go on since its disk has failed.
func (h *Host) Run(ctx context.Context) error {
	err := ErrRan
	h.once.Do(func() { err = h.run(ctx) })
	return err
}

func (h *Host) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, h.close()) }()
	work, ctx := errgroup.WithContext(ctx)
	h.ctx = ctx
	if err := h.openAll(); err != nil {
		return err
	}
	for _, run := range []func(context.Context) error{h.runLoop, h.committer.run, h.post.run, h.runEngine, h.runNetwork} {
		work.Go(func() error { return run(ctx) })
	}
	err = work.Wait()
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.work.Wait()
	return errors.Join(err, h.loop.haltAll())
}

// Ready is closed once the host takes calls.
func (h *Host) Ready() <-chan struct{} { return h.ready }

// The parts of the folder.
const (
	logsName        = "log"
	checkpointsName = "checkpoints"
	workName        = "work"
)

// openAll opens what the folder holds.
func (h *Host) openAll() (err error) {
	dir := func(name string) string { return filepath.Join(h.cfg.Dir, name) }
	for _, name := range []string{logsName, checkpointsName, workName} {
		if err := os.MkdirAll(dir(name), 0o700); err != nil {
			return fmt.Errorf("folder of actors: %w", err)
		}
	}
	if h.journal, err = openJournal(vfs.Default, dir(logsName), h.cfg.Log); err != nil {
		return err
	}
	h.opened(h.journal.Close)
	if h.store, err = store.Open(store.Config{FS: store.Dir(dir(checkpointsName)), Rand: rand.Reader}); err != nil {
		return fmt.Errorf("checkpoints of actors: %w", err)
	}
	h.opened(h.store.Close)
	h.engine, err = activation.New(activation.Config{
		Runtime: h.cfg.Engine, Store: h.store, Dir: dir(workName), Owner: checkpoint.Ed25519Key(h.cfg.Key), Modules: h.code,
		Checkpoint: h.cfg.CheckpointEvery * captureNum / captureDen, LogBytes: h.cfg.LogBytes,
		GPU: h.cfg.GPU,
	})
	if err != nil {
		return err
	}
	h.opened(h.engine.Close)
	h.loop = newLoop(h)
	h.committer = newCommitter(h.journal, h.loop.inbox)
	h.post = newPost(h.transmit)
	return h.loop.restore(h.journal)
}

// captureNum of captureDen parts of Config.CheckpointEvery are between two captures, and
// the rest is for what it takes until one counts: the simulation (TestRepeatedWork of
// actortest) goes by the same.
const captureNum, captureDen = 4, 5

func (h *Host) opened(closer func() error) { h.closers = append(h.closers, closer) }

// close closes all that was opened, the last first.
func (h *Host) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	return errors.Join(errs...)
}

func (h *Host) runLoop(ctx context.Context) error {
	defer close(h.stopped)
	close(h.ready)
	return h.loop.run(ctx)
}

func (h *Host) runEngine(ctx context.Context) error {
	if err := h.engine.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (h *Host) runNetwork(ctx context.Context) error { return h.cfg.Network.Run(ctx, h) }

// transmit sends a message. What cannot be sent is dropped: it is sent again if it
// matters.
func (h *Host) transmit(m outgoing) {
	frame, err := wire.Encode(m.message)
	if err == nil {
		err = h.cfg.Network.Send(m.to, frame)
	}
	if err != nil {
		h.cfg.Log.Debug("send", "to", m.to, "message", fmt.Sprintf("%T", m.message), "err", err)
	}
}

// Receive implements [Handler].
func (h *Host) Receive(ctx context.Context, from wire.NodeID, frame []byte) error {
	body, err := wire.Decode(frame)
	if err != nil {
		return err
	}
	m, ok := body.(wire.NodeMessage)
	if !ok {
		return fmt.Errorf("%T where a message must be: %w", body, wire.ErrFormat)
	}
	return h.loop.inbox.offer(ctx, received{from, m})
}

// Connection implements [Handler].
func (h *Host) Connection(node wire.NodeID, up bool) { h.loop.inbox.put(connected{node, up}) }

// Believe tells the host what another failure detector has found out about a node.
func (h *Host) Believe(node wire.NodeID, alive bool) {
	h.loop.inbox.put(func(now time.Time) {
		if h.loop.liveness.believe(now, node, alive) {
			h.loop.lifeChanged(now, node, alive)
		}
	})
}

// begin counts something that runs beside the loop, unless the host has ended.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return false
	}
	h.work.Add(1)
	return true
}

// background runs f on a goroutine of its own, which Run waits for.
func (h *Host) background(f func()) {
	if !h.begin() {
		return
	}
	go func() {
		defer h.work.Done()
		f()
	}()
}

// do calls f on the loop's goroutine.
func (h *Host) do(ctx context.Context, f func(now time.Time)) error {
	if err := h.awaitReady(ctx); err != nil {
		return err
	}
	return h.loop.do(ctx, f)
}

// doNow is do for what is wanted at once or not at all.
func (h *Host) doNow(f func(now time.Time)) error {
	select {
	case <-h.ready:
		return h.loop.do(h.ctx, f)
	default:
		return ErrUnavailable
	}
}

// readyWait is how long calls wait for a host that is about to take them: a node answers
// its clients as soon as it can, and reads what its actors have on disk beside.
const readyWait = 5 * time.Second

// awaitReady returns when the host takes calls, or ErrUnavailable.
func (h *Host) awaitReady(ctx context.Context) error {
	select {
	case <-h.ready: // as a rule
		return nil
	default:
	}
	select {
	case <-h.ready:
		return nil
	case <-h.stopped:
	case <-ctx.Done():
	case <-time.After(readyWait):
	}
	return fmt.Errorf("%w: this node has not opened its actors yet", ErrUnavailable)
}

// code is the bytes of a module.
func (h *Host) code(ctx context.Context, module cid.Cid) ([]byte, error) {
	r, size, err := h.cfg.Modules.Code(ctx, module)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size < 0 || size > maxModule {
		return nil, fmt.Errorf("module of %d bytes: %w", size, ErrInvalid)
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	if _, err := io.Copy(b, io.LimitReader(r, maxModule+1)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// maxModule bounds a module in bytes.
const maxModule = 64 << 20

// prepare holds and compiles a module that an actor here may soon need.
func (h *Host) prepare(module cid.Cid) {
	h.background(func() {
		err := h.cfg.Modules.Hold(h.ctx, module)
		if err == nil {
			err = h.engine.Prepare(h.ctx, module)
		}
		if err != nil && h.ctx.Err() == nil {
			h.cfg.Log.Warn("module of an actor", "module", module, "err", err)
		}
	})
}

// forget deletes what this node has of an actor besides its log.
func (h *Host) forget(actor wire.ActorID, module cid.Cid) {
	h.background(func() {
		if err := h.engine.Forget(actor); err != nil {
			h.cfg.Log.Warn("forget an actor", "id", actor, "err", err)
		}
		if module.Defined() {
			h.cfg.Modules.Release(module)
		}
	})
}

// event tells of a change of an actor that this node keeps.
func (l *loop) event(now time.Time, r *replica, kind, detail string) {
	if l.host.cfg.Events == nil {
		return
	}
	reason := wire.Reason("")
	if r.live != nil {
		reason = r.reason
	}
	l.host.cfg.Events(Event{
		Type: kind, Time: now, Name: r.where.Name, ID: r.id, Epoch: r.where.Epoch, Node: l.host.cfg.Self, Reason: reason, Detail: detail,
		Actor: l.outline(now, r),
	})
}

// haltAll ends all activations, after the loop has ended.
func (l *loop) haltAll() error {
	var errs []error
	for _, r := range l.replicas {
		if r.live != nil && r.active != nil {
			errs = append(errs, r.active.Halt())
		}
	}
	return errors.Join(errs...)
}

// ErrJournal is wrapped when the raft logs cannot be written any more, such as on a full or
// broken disk: the host must stop, and goes on from what is on disk when it is started
// again.
var ErrJournal = journal.ErrFailed

// openJournal opens the raft logs of a node's replicas, with what it knows of those that
// are parked. Most of a log is cut again before a table of this size is full.
func openJournal(disk vfs.FS, dir string, log *slog.Logger) (*journal.Journal, error) {
	return journal.Open(disk, dir, journal.Config{Name: "journal of actors", Cache: 8 << 20, Table: 16 << 20, Log: log})
}
