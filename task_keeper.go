package godwit

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	ctransfer "github.com/godwit-run/godwit/checkpoint/transfer"
	"github.com/godwit-run/godwit/internal/envelope"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// protocolCheckpoints is the protocol of claims to checkpoints of tasks: a claim, its
// answer, and what follows from them, again and again.
const protocolCheckpoints protocol.ID = "/godwit/checkpoints/1"

const (
	// taskStoreName is the folder of the checkpoints of tasks inside the data folder.
	taskStoreName = "tasks"
	// maxClaims is how many streams of claims a peer may have open, and claimIdle how
	// long one may be idle.
	maxClaims = 256
	claimIdle = time.Minute
	// transferTime bounds one exchange.
	transferTime = 5 * time.Minute
	// maxCheckpoint bounds a checkpoint that another node sends, in bytes.
	maxCheckpoint = 8 << 30
	// spareCheckpoints is how many checkpoints of a task are kept: the newest, and those
	// that somebody may be sending or fetching.
	spareCheckpoints = 3
	// imageBytes bounds the memories that are kept as files, ready to be mapped.
	imageBytes = 1 << 30
)

// keeper keeps the checkpoints of tasks: of those that run here, and for others. What it
// may keep and give away is the pure scheduler.Keeper's to decide.
type keeper struct {
	self   wire.NodeID
	host   host.Host
	log    *slog.Logger
	store  *store.Store
	recent *ctransfer.Recent
	images *store.Images
	full   func() error // an error if the disk is all but full

	ctx     context.Context
	cancel  context.CancelFunc
	streams sync.WaitGroup

	mu     sync.Mutex
	core   *scheduler.Keeper
	open   map[peer.ID]int
	closed bool
}

// keeperConfig is what a keeper needs of its node.
type keeperConfig struct {
	self  wire.NodeID
	host  host.Host
	log   *slog.Logger
	dir   string
	bytes int64 // of all checkpoints
	trust func(wire.NodeID) float64
	least float64 // trust that a submitter needs
	full  func() error
}

// openKeeper opens the store and tells the core what is in it.
func openKeeper(cfg keeperConfig) (*keeper, error) {
	images, checkpoints := filepath.Join(cfg.dir, "images"), filepath.Join(cfg.dir, "checkpoints")
	if err := errors.Join(os.MkdirAll(images, 0o700), os.MkdirAll(checkpoints, 0o700)); err != nil {
		return nil, err
	}
	s, err := store.Open(store.Config{FS: store.Dir(checkpoints), Rand: rand.Reader, MaxBytes: cfg.bytes})
	if err != nil {
		return nil, fmt.Errorf("checkpoints of tasks: %w", err)
	}
	k := &keeper{
		self: cfg.self, host: cfg.host, log: cfg.log, store: s, recent: ctransfer.NewRecent(spareCheckpoints), full: cfg.full,
		core: scheduler.NewKeeper(scheduler.KeeperConfig{Self: cfg.self, Trust: cfg.trust, MinTrust: cfg.least}),
		open: make(map[peer.ID]int),
	}
	if k.images, err = store.NewImages(images, imageBytes); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, name := range s.Names() {
		k.restore(name)
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k, nil
}

// restore tells the core of the checkpoints of a task.
func (k *keeper) restore(name string) {
	of, ok := parseKept(name)
	refs := k.store.List(name)
	if ok && len(refs) > 0 {
		k.core.Restore(time.Now(), of, uint32(refs[len(refs)-1].Epoch))
	}
}

// parseKept reads what scheduler.Kept.Name writes.
func parseKept(name string) (of scheduler.Kept, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return of, false
	}
	var err1, err2 error
	of.Submitter, err1 = wire.ParseNodeID(parts[1])
	of.Task, err2 = wire.ParseTaskID(parts[2])
	return of, errors.Join(err1, err2) == nil && of.Name() == name
}

// close ends all exchanges, and closes the store.
func (k *keeper) close() error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.cancel()
	k.streams.Wait()
	return k.store.Close()
}

// sweepCheckpoints is how often a keeper forgets what nobody asks for.
const sweepCheckpoints = time.Minute

// run answers claims and sweeps until ctx is done.
func (k *keeper) run(ctx context.Context) error {
	k.host.SetStreamHandler(protocolCheckpoints, k.accept)
	defer k.host.RemoveStreamHandler(protocolCheckpoints)
	tick := time.NewTicker(sweepCheckpoints)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.sweep(ctx)
		}
	}
}

func (k *keeper) sweep(ctx context.Context) {
	k.mu.Lock()
	expired := k.core.Expired(time.Now())
	k.mu.Unlock()
	for _, of := range expired {
		k.remove(of)
	}
	if _, err := k.store.Collect(ctx); err != nil && ctx.Err() == nil {
		k.log.Warn("collect checkpoints of tasks", "err", err)
	}
}

// retain removes all but the last checkpoints of a task.
func (k *keeper) retain(name string, spare int) {
	refs := k.store.List(name)
	var old []cid.Cid
	for _, r := range refs[:max(0, len(refs)-spare)] {
		old = append(old, r.ID)
	}
	if len(old) == 0 {
		return
	}
	if err := k.store.Remove(old...); err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		k.log.Warn("remove checkpoints of a task", "name", name, "err", err)
	}
}

// remove forgets all checkpoints of a task.
func (k *keeper) remove(of scheduler.Kept) {
	k.recent.Forget(of.Name())
	k.retain(of.Name(), 0)
}

// accept is the handler of streams of claims.
func (k *keeper) accept(stream network.Stream) {
	from := stream.Conn().RemotePeer()
	if !k.admit(from) {
		stream.Reset()
		return
	}
	defer k.leave(from)
	defer stream.Close() // what was said last still gets there
	stop := context.AfterFunc(k.ctx, func() { stream.Reset() })
	defer stop()
	c := newClaims(stream)
	for {
		claim, err := c.next()
		if err == nil {
			err = k.answer(wire.NodeID(from), claim, c)
		}
		if err != nil {
			k.log.Debug("claim of a checkpoint", "peer", from, "err", err)
			return
		}
	}
}

func (k *keeper) admit(from peer.ID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.open[from] >= maxClaims || wire.NodeID(from).Validate() != nil {
		return false
	}
	k.open[from]++
	k.streams.Add(1)
	return true
}

func (k *keeper) leave(from peer.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open[from]--; k.open[from] == 0 {
		delete(k.open, from)
	}
	k.streams.Done()
}

// answer does what a claim asks for. An error ends the stream.
func (k *keeper) answer(from wire.NodeID, claim wire.Claim, c *claims) error {
	if claim.Verb == wire.VerbDrop {
		k.drop(scheduler.Kept{Submitter: from, Task: claim.Task})
		return c.say(wire.Found{})
	}
	g, err := wire.Open[wire.Grant](claim.Grant)
	if err == nil && g.Task != claim.Task {
		err = fmt.Errorf("%w: of another task", scheduler.ErrNotGranted)
	}
	if err == nil {
		k.mu.Lock()
		err = k.core.Admit(time.Now(), from, claim.Verb, &g)
		k.mu.Unlock()
	}
	if err != nil {
		return c.say(wire.Found{Why: clip(err.Error(), wire.MaxDetail)})
	}
	switch claim.Verb {
	case wire.VerbKeep:
		return k.take(c, &g)
	case wire.VerbFind:
		return c.say(wire.Found{Checkpoints: k.held(&g)})
	default:
		return k.send(c, &g, claim.Want)
	}
}

// drop forgets a task whose submitter says that it has ended.
func (k *keeper) drop(of scheduler.Kept) {
	k.mu.Lock()
	known := k.core.Drop(time.Now(), of)
	k.mu.Unlock()
	if known {
		k.remove(of)
	}
}

// take takes a checkpoint that an executor has made.
func (k *keeper) take(c *claims, g *wire.Grant) error {
	if err := k.full(); err != nil {
		return c.say(wire.Found{Why: clip(err.Error(), wire.MaxDetail)})
	}
	if err := c.say(wire.Found{}); err != nil {
		return err
	}
	name := keptOf(g).Name()
	_, err := ctransfer.Receive(k.ctx, c, k.store, name, maxCheckpoint, func(s *checkpoint.Signed) error {
		maker, at := makerOf(s)
		return scheduler.Took(g, maker, at)
	})
	if err == nil && k.keeping(keptOf(g), g.Attempt) {
		k.retain(name, spareCheckpoints)
	}
	return err
}

// keeping tells the core of a checkpoint that has just been written. If the task has ended
// meanwhile all of it is removed.
func (k *keeper) keeping(of scheduler.Kept, attempt uint32) bool {
	k.mu.Lock()
	wanted := k.core.Keeping(time.Now(), of, attempt)
	k.mu.Unlock()
	if !wanted {
		k.remove(of)
	}
	return wanted
}

func keptOf(g *wire.Grant) scheduler.Kept {
	return scheduler.Kept{Submitter: g.Submitter, Task: g.Task}
}

// makerOf is the node that has signed a checkpoint, and which of its task it is.
func makerOf(s *checkpoint.Signed) (maker wire.NodeID, at wire.Point) {
	if key, ok := envelope.ToEd25519(s.Owner); ok {
		maker = wire.NodeIDOf(key)
	}
	if s.Epoch <= 1<<32-1 {
		at = wire.Point{Attempt: uint32(s.Epoch), Sequence: s.Sequence, Fuel: s.Fuel.Used}
	}
	return maker, at
}

// held lists what there is that counts for a grant, newest first.
func (k *keeper) held(g *wire.Grant) (list []wire.Held) {
	refs := k.store.List(keptOf(g).Name())
	for i := len(refs) - 1; i >= 0 && len(list) < wire.MaxHeld; i-- {
		s, err := k.store.Load(refs[i].ID)
		if err != nil {
			continue // damaged, or just removed
		}
		maker, at := makerOf(s)
		link, err := wire.NewLink(s.ID)
		if err == nil && g.Made(maker, at.Attempt) {
			list = append(list, wire.Held{Point: at, Maker: maker, Link: link})
		}
	}
	return list
}

// send sends a checkpoint to whoever goes on from it.
func (k *keeper) send(c *claims, g *wire.Grant, want wire.Link) error {
	s, err := k.store.Load(want.Cid)
	if err == nil && s.Name != keptOf(g).Name() {
		err = checkpoint.ErrNotFound
	}
	if err != nil {
		return c.say(wire.Found{Why: clip(err.Error(), wire.MaxDetail)})
	}
	if err := c.say(wire.Found{}); err != nil {
		return err
	}
	_, err = ctransfer.Send(k.ctx, c, k.store, k.recent, s)
	return err
}

// claims is a stream of claims, from either side.
type claims struct {
	network.Stream
	r *bufio.Reader
}

func newClaims(s network.Stream) *claims { return &claims{s, bufio.NewReaderSize(s, 64<<10)} }

// Read reads what was read ahead, too.
func (c *claims) Read(p []byte) (int, error) { return c.r.Read(p) }

// next waits for a claim. From then on the exchange has its time.
func (c *claims) next() (claim wire.Claim, err error) {
	if err := c.SetReadDeadline(time.Now().Add(claimIdle)); err != nil {
		return claim, err
	}
	if _, err := c.r.Peek(1); err != nil {
		return claim, err
	}
	body, err := readBody[wire.Claim](c)
	return body, errors.Join(err, c.SetDeadline(time.Now().Add(transferTime)))
}

// readBody reads a body that must be of one kind.
func readBody[T wire.Body](c *claims) (body T, err error) {
	b, err := readFrame(c, c.r, frameTimeout)
	if err != nil {
		return body, err
	}
	return wire.DecodeAs[T](b)
}

func (c *claims) say(m wire.Body) error {
	frame, err := encodeFrame(m)
	if err == nil {
		_, err = c.Write(frame)
	}
	return err
}

// ask makes a claim, and reads its answer.
func (c *claims) ask(ctx context.Context, claim wire.Claim) ([]wire.Held, error) {
	deadline := time.Now().Add(transferTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := errors.Join(c.SetDeadline(deadline), c.say(claim)); err != nil {
		return nil, err
	}
	found, err := readBody[wire.Found](c)
	if err == nil && found.Why != "" {
		err = &refusedError{found.Why}
	}
	return found.Checkpoints, err
}

// refusedError is why a keeper does not do what was claimed.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return "the keeper refuses: " + e.why }

// dial opens a stream of claims to a node, which ends with ctx.
func (k *keeper) dial(ctx context.Context, to wire.NodeID) (*claims, func(), error) {
	bounded, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	s, err := k.host.NewStream(network.WithAllowLimitedConn(bounded, "checkpoints"), peer.ID(to), protocolCheckpoints)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	return newClaims(s), func() { stop(); s.Close() }, nil
}

// find asks a node what it has to go on from.
func (k *keeper) find(ctx context.Context, at wire.NodeID, task wire.TaskID, grant []byte) ([]wire.Held, error) {
	c, done, err := k.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	defer done()
	return c.ask(ctx, wire.Claim{Verb: wire.VerbFind, Task: task, Grant: grant})
}

// fetch gets a checkpoint of a node.
func (k *keeper) fetch(ctx context.Context, o scheduler.Offered, g sealed) error {
	c, done, err := k.dial(ctx, o.Holder)
	if err != nil {
		return err
	}
	defer done()
	if _, err := c.ask(ctx, wire.Claim{Verb: wire.VerbFetch, Task: g.Task, Grant: g.envelope, Want: o.Link}); err != nil {
		return err
	}
	_, err = ctransfer.Receive(ctx, c, k.store, keptOf(g.Grant).Name(), maxCheckpoint, func(s *checkpoint.Signed) error {
		if s.ID != o.Link.Cid {
			return fmt.Errorf("another checkpoint than %s", o.Link)
		}
		return nil
	})
	if err == nil {
		k.keeping(keptOf(g.Grant), g.Attempt)
	}
	return err
}

// forget tells a node that a task has ended.
func (k *keeper) forget(ctx context.Context, at wire.NodeID, task wire.TaskID) error {
	if at == k.self {
		k.drop(scheduler.Kept{Submitter: k.self, Task: task})
		return nil
	}
	c, done, err := k.dial(ctx, at)
	if err != nil {
		return err
	}
	defer done()
	_, err = c.ask(ctx, wire.Claim{Verb: wire.VerbDrop, Task: task})
	return err
}
