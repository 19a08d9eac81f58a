package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/godwit-run/godwit/actors"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// The protocols, see the package's doc.
const (
	protocolFrames protocol.ID = "/godwit/actors/1"
	protocolBulk   protocol.ID = "/godwit/actors/bulk/1"
)

// Why a frame is not sent, or a stream not opened.
var (
	// ErrFull: too much waits for that node.
	ErrFull = errors.New("too much waits for this node")
	// ErrClosed: the transport does not run.
	ErrClosed = errors.New("the transport does not run")
	// ErrFrame: a frame is empty or longer than [actors.MaxFrame].
	ErrFrame = errors.New("frame of an impossible length")
)

// Config is what a transport needs. Only Host has no default.
type Config struct {
	// Host is the libp2p host; one transport at a time has it.
	Host host.Host
	// QueuedBytes and QueuedFrames bound what waits for one node. Defaults 64 MiB
	// and 65,536.
	QueuedBytes, QueuedFrames int
	// FrameTimeout is how long a node may take over one frame, either way. Default
	// 15 s.
	FrameTimeout time.Duration
	// DialTimeout bounds the opening of a stream. Default 5 s.
	DialTimeout time.Duration
	// Idle is after what time without a frame a stream is closed. Default 2 min.
	Idle time.Duration
	// Streams is how many bulk streams one node may have open to this one. Default
	// 64.
	Streams int
	// Log takes what went wrong with a node. Default: nothing is logged.
	Log *slog.Logger
}

// Validate checks that there is a host and that nothing is negative.
func (c Config) Validate() error {
	switch {
	case c.Host == nil:
		return errors.New("a transport needs a host")
	case min(c.QueuedBytes, c.QueuedFrames, c.Streams) < 0:
		return errors.New("a negative bound")
	case min(c.FrameTimeout, c.DialTimeout, c.Idle) < 0:
		return errors.New("a negative time")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.QueuedBytes, c.QueuedFrames = or(c.QueuedBytes, 64<<20), or(c.QueuedFrames, 1<<16)
	c.FrameTimeout, c.DialTimeout = or(c.FrameTimeout, 15*time.Second), or(c.DialTimeout, 5*time.Second)
	c.Idle, c.Streams = or(c.Idle, 2*time.Minute), or(c.Streams, 64)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func or[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Transport implements [actors.Network].
type Transport struct {
	cfg     Config
	handler actors.Handler
	ctx     context.Context // of Run, nil before
	workers sync.WaitGroup

	mu      sync.Mutex
	running bool
	out     map[peer.ID]*outbox
	in      map[peer.ID]*streams
	doubted map[peer.ID]bool // are being asked whether they still answer
}

var _ actors.Network = (*Transport)(nil)

// streams counts what a peer has open.
type streams struct{ frames, bulk int }

// New checks a configuration and allocates a transport.
func New(cfg Config) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Transport{
		cfg: cfg.withDefaults(), out: make(map[peer.ID]*outbox), in: make(map[peer.ID]*streams),
		doubted: make(map[peer.ID]bool),
	}, nil
}

// Run implements [actors.Network]. A transport runs once.
func (t *Transport) Run(ctx context.Context, h actors.Handler) error {
	t.mu.Lock()
	if t.ctx != nil {
		t.mu.Unlock()
		return errors.New("the transport has run already")
	}
	t.ctx, t.handler, t.running = ctx, h, true
	t.mu.Unlock()

	watch := &watcher{handler: h, doubt: t.doubt, connected: make(map[peer.ID]bool)}
	t.cfg.Host.SetStreamHandler(protocolFrames, t.acceptFrames)
	t.cfg.Host.SetStreamHandler(protocolBulk, t.acceptBulk)
	watch.begin(t.cfg.Host.Network())
	<-ctx.Done()
	watch.end(t.cfg.Host.Network())
	t.cfg.Host.RemoveStreamHandler(protocolFrames)
	t.cfg.Host.RemoveStreamHandler(protocolBulk)
	t.mu.Lock()
	t.running = false
	t.mu.Unlock()
	t.workers.Wait()
	return nil
}

// Open implements [actors.Network]. The stream ends with the transport.
func (t *Transport) Open(ctx context.Context, to wire.NodeID) (actors.Stream, error) {
	if !t.begin() {
		return nil, ErrClosed
	}
	defer t.workers.Done()
	ctx, cancel := context.WithTimeout(ctx, t.cfg.DialTimeout)
	defer cancel()
	s, err := t.cfg.Host.NewStream(network.WithAllowLimitedConn(ctx, "actors"), peer.ID(to), protocolBulk)
	if err != nil {
		return nil, fmt.Errorf("open a stream to %s: %w", to, err)
	}
	return &bulk{Stream: s, stop: context.AfterFunc(t.ctx, func() { s.Reset() })}, nil
}

// begin counts a goroutine that Run waits for, unless Run has ended or not begun.
func (t *Transport) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.running {
		return false
	}
	t.workers.Add(1)
	return true
}

// bulk is a stream that ends with the transport.
type bulk struct {
	network.Stream
	stop func() bool
}

func (b *bulk) Close() error {
	b.stop()
	return b.Stream.Close()
}

func (b *bulk) Reset() error {
	b.stop()
	return b.Stream.Reset()
}
