// Package exchange trades blocks with other nodes over bitswap.
package exchange

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/routing"
)

// Config is what an exchange works over. Host and Blocks are needed.
type Config struct {
	// Host carries the protocol; it stays the caller's.
	Host host.Host
	// Blocks is where blocks are served from and fetched into.
	Blocks blockstore.Blockstore
	// Router finds and announces providers, usually the Kademlia DHT; nil
	// leaves the exchange with the peers that are connected.
	Router routing.ContentRouting
	// Roots yields what to announce again every ReprovideEvery: the store's
	// Pinned. It may be nil.
	Roots func() iter.Seq2[cid.Cid, error]
	// ReprovideEvery is the time between announcements of the same content. 0
	// means DefaultReprovideEvery.
	ReprovideEvery time.Duration
}

// DefaultReprovideEvery is half the life of a provider record in the DHT.
const DefaultReprovideEvery = 22 * time.Hour / 2

// Exchange trades blocks with other nodes over bitswap.
type Exchange struct{}

// New allocates an exchange; Run makes it work.
func New(cfg Config) (*Exchange, error) { return nil, errContract }

var errContract = errors.New("exchange: not implemented yet")

// Run serves and fetches until ctx ends.
func (x *Exchange) Run(ctx context.Context) error { return errContract }

// NewSession starts a series of related fetches, ended by ctx.
func (x *Exchange) NewSession(ctx context.Context) exchange.Fetcher { return nil }

// NotifyNewBlocks says that these blocks can be served from now on.
func (x *Exchange) NotifyNewBlocks(ctx context.Context, new ...blocks.Block) error {
	return errContract
}

// Announce has the router told that id is here.
func (x *Exchange) Announce(id cid.Cid) {}
