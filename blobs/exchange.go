package blobs

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Exchange gets blocks from other nodes and offers ours to them. Package
// blobs/exchange has the one over bitswap.
type Exchange interface {
	// NewSession starts a series of related fetches, ended by ctx. The blocks
	// it yields match their CIDs.
	NewSession(ctx context.Context) exchange.Fetcher
	// NotifyNewBlocks says that these blocks can be served from now on.
	NotifyNewBlocks(ctx context.Context, new ...blocks.Block) error
	// Announce has the network told that the content under id is here. It
	// does not block.
	Announce(id cid.Cid)
}

// notify offers new blocks to peers that wait for them.
func (s *Store) notify(ctx context.Context, new ...blocks.Block) error {
	x := s.attached()
	if x == nil {
		return nil
	}
	if err := x.NotifyNewBlocks(ctx, new...); err != nil {
		return fmt.Errorf("offer blocks: %w", err)
	}
	return nil
}
