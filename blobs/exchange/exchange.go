package exchange

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/routing"
)

// Config is what an exchange works over. Host and Blocks are needed.
type Config struct {
	// Host carries the protocol; it stays the caller's.
	Host host.Host
	// Blocks is where blocks are served from: the store's Blockstore.
	Blocks blockstore.Blockstore
	// Router finds and announces providers, usually the Kademlia DHT; nil
	// leaves the exchange with the peers that are connected.
	Router routing.ContentRouting
	// Roots yields what to announce at the start and again every
	// ReprovideEvery: the store's Announced. It may be nil.
	Roots func() iter.Seq2[cid.Cid, error]
	// ReprovideEvery is the time between announcements of the same content. 0
	// means DefaultReprovideEvery.
	ReprovideEvery time.Duration
	// SearchDelay is how long a session waits for connected peers to have a
	// block before it asks Router for others. 0 means DefaultSearchDelay.
	SearchDelay time.Duration
}

const (
	// DefaultReprovideEvery is well within the 48 hours that the DHT keeps a
	// provider record (https://specs.ipfs.tech/routing/kad-dht/), and what
	// stock nodes use.
	DefaultReprovideEvery = 22 * time.Hour
	// DefaultSearchDelay is 200 ms: a mesh is small, and asking it is cheap.
	DefaultSearchDelay = 200 * time.Millisecond
)

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Host == nil:
		return errors.New("exchange: Host is missing")
	case c.Blocks == nil:
		return errors.New("exchange: Blocks is missing")
	case c.ReprovideEvery < 0:
		return fmt.Errorf("exchange: ReprovideEvery is negative: %v", c.ReprovideEvery)
	case c.SearchDelay < 0:
		return fmt.Errorf("exchange: SearchDelay is negative: %v", c.SearchDelay)
	}
	return nil
}

// ErrStopped: the exchange's Run has ended.
var ErrStopped = errors.New("blob exchange has stopped")

// Exchange trades blocks with other nodes over bitswap. It is a blobs.Exchange.
type Exchange struct {
	cfg      Config
	provider provider

	// running is closed once bitswap can be used, stopped once it no longer can.
	running, stopped chan struct{}
	bitswap          *bitswap.Bitswap
}

// New allocates an exchange; Run makes it work.
func New(cfg Config) (*Exchange, error) {
	if cfg.ReprovideEvery == 0 {
		cfg.ReprovideEvery = DefaultReprovideEvery
	}
	if cfg.SearchDelay == 0 {
		cfg.SearchDelay = DefaultSearchDelay
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Exchange{
		cfg:      cfg,
		provider: newProvider(cfg),
		running:  make(chan struct{}),
		stopped:  make(chan struct{}),
	}, nil
}

// Run serves, fetches and announces until ctx ends. It is called once.
func (x *Exchange) Run(ctx context.Context) error {
	defer close(x.stopped)
	x.bitswap = x.start(ctx)
	close(x.running)
	x.provider.run(ctx)
	err := x.bitswap.Close()
	for _, p := range protocols() {
		x.cfg.Host.RemoveStreamHandler(p)
	}
	if err != nil {
		return fmt.Errorf("stop bitswap: %w", err)
	}
	return nil
}

// protocols is what bitswap serves, newest first.
func protocols() []protocol.ID {
	return []protocol.ID{
		bsnet.ProtocolBitswap, bsnet.ProtocolBitswapOneOne, bsnet.ProtocolBitswapOneZero, bsnet.ProtocolBitswapNoVers,
	}
}

// What a peer may have us hold in memory, beyond the message under way (4 MiB
// at most, by libp2p): wants that are queued, and blocks that are being sent.
const (
	maxWants       = 1024      // a peer's; later ones displace earlier ones
	maxOutstanding = 8 << 20   // bytes of blocks being read and sent to a peer
	messageBytes   = 512 << 10 // of blocks in a message; more only for a larger block
	sendWorkers    = 8         // messages under way, to all peers
	readWorkers    = 16        // blocks being read from the store
)

func (x *Exchange) start(ctx context.Context) *bitswap.Bitswap {
	var router routing.ContentDiscovery
	if x.cfg.Router != nil {
		router = x.cfg.Router
	}
	return bitswap.New(ctx, bsnet.NewFromIpfsHost(x.cfg.Host), router, served{x.cfg.Blocks},
		bitswap.MaxQueuedWantlistEntriesPerPeer(maxWants),
		bitswap.MaxOutstandingBytesPerPeer(maxOutstanding),
		bitswap.WithTargetMessageSize(messageBytes),
		bitswap.TaskWorkerCount(sendWorkers),
		bitswap.EngineTaskWorkerCount(sendWorkers),
		bitswap.EngineBlockstoreWorkerCount(readWorkers),
		bitswap.ProviderSearchDelay(x.cfg.SearchDelay),
		bitswap.WithoutDuplicatedBlockStats(),
	)
}

// NotifyNewBlocks says that these blocks can be served from now on.
func (x *Exchange) NotifyNewBlocks(ctx context.Context, new ...blocks.Block) error {
	select {
	case <-x.stopped:
		return nil
	case <-x.running:
		return x.bitswap.NotifyNewBlocks(ctx, new...)
	default:
		return nil // nobody can have asked yet
	}
}

// Announce has the router told that id is here, now and every ReprovideEvery. It
// does not block.
func (x *Exchange) Announce(id cid.Cid) { x.provider.add(id) }

// NewSession starts a series of related fetches, ended by ctx. Before Run it may
// be called already: the fetches then wait.
func (x *Exchange) NewSession(ctx context.Context) exchange.Fetcher {
	return &session{exchange: x, ctx: ctx}
}

// session starts a bitswap session at its first fetch: most never need one.
type session struct {
	exchange *Exchange
	ctx      context.Context // a session has the life of its creator's operation
	once     sync.Once
	fetcher  exchange.Fetcher
}

func (s *session) ready(ctx context.Context) error {
	select {
	case <-s.exchange.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	case <-s.exchange.running:
		s.once.Do(func() { s.fetcher = s.exchange.bitswap.NewSession(s.ctx) })
		return nil
	}
}

// GetBlock waits for one block until ctx ends.
func (s *session) GetBlock(ctx context.Context, id cid.Cid) (blocks.Block, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	return s.fetcher.GetBlock(ctx, id)
}

// GetBlocks yields blocks as they arrive. The channel closes early when ctx ends
// or the exchange stops.
func (s *session) GetBlocks(ctx context.Context, ids []cid.Cid) (<-chan blocks.Block, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	return s.fetcher.GetBlocks(ctx, ids)
}
