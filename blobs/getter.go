package blobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// getter gets blocks for one operation: from the store, else through the
// exchange, if there is one, into the store. It is boxo's ipld.NodeGetter.
type getter struct {
	store   *Store
	hold    *hold
	session exchange.Fetcher // nil without an exchange
}

// getter starts getting for an operation that ends with ctx.
func (s *Store) getter(ctx context.Context, h *hold) *getter {
	g := &getter{store: s, hold: h}
	if x := s.attached(); x != nil {
		g.session = x.NewSession(ctx)
	}
	return g
}

// fetchable tells whether a block might be had elsewhere.
func fetchable(err error) bool {
	return errors.Is(err, ErrMissing) || errors.Is(err, ErrDamaged)
}

// data returns a block, verified.
func (g *getter) data(ctx context.Context, id cid.Cid) ([]byte, error) {
	data, err := g.store.read(id)
	if err == nil || !fetchable(err) {
		return data, err
	}
	fetchErr := g.fetch(ctx, []cid.Cid{id}, func(b blocks.Block) error {
		data = b.RawData()
		return nil
	})
	return data, fetchErr
}

// fetch gets blocks that are not here and stores them. each is called once for
// each block, in no particular order. It gives up with a BlockError when none
// has come for Config.FetchTimeout.
func (g *getter) fetch(ctx context.Context, ids []cid.Cid, each func(blocks.Block) error) error {
	w := g.window(ctx)
	defer w.close()
	if err := w.ask(ids); err != nil {
		return err
	}
	for !w.idle() {
		b, err := w.await()
		if err != nil {
			return err
		}
		if err := each(b); err != nil {
			return err
		}
	}
	return nil
}

// keep stores a block that was fetched, and offers it to those who wait for it.
func (g *getter) keep(ctx context.Context, b blocks.Block) error {
	if err := g.store.put(ctx, g.hold, []blocks.Block{b}); err != nil {
		return err
	}
	return g.store.notify(ctx, b)
}

// unavailable says why a block cannot be had: what is wrong with it here, and
// what the network said.
func (g *getter) unavailable(id cid.Cid, cause error) error {
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	_, err := g.store.read(id)
	if err == nil {
		err = &BlockError{id, ErrMissing} // it came by another way, too late for us
	}
	var block *BlockError
	if cause != nil && errors.As(err, &block) {
		return &BlockError{id, fmt.Errorf("%w: %w", block.Err, cause)}
	}
	return err
}

// Get returns a node of a UnixFS DAG.
func (g *getter) Get(ctx context.Context, id cid.Cid) (ipld.Node, error) {
	data, err := g.data(ctx, id)
	if err != nil {
		return nil, err
	}
	return decodeNode(id, data)
}

// GetMany returns nodes of a UnixFS DAG in the order of their arrival. The
// channel has room for all, so that its goroutine ends with ctx or when all are
// there, even if nobody reads.
func (g *getter) GetMany(ctx context.Context, ids []cid.Cid) <-chan *ipld.NodeOption {
	out := make(chan *ipld.NodeOption, len(ids)+1)
	go func() {
		defer close(out)
		if err := g.getMany(ctx, ids, out); err != nil {
			out <- &ipld.NodeOption{Err: err}
		}
	}()
	return out
}

func (g *getter) getMany(ctx context.Context, ids []cid.Cid, out chan<- *ipld.NodeOption) error {
	var absent []cid.Cid
	send := func(id cid.Cid, data []byte) error {
		node, err := decodeNode(id, data)
		if err == nil {
			out <- &ipld.NodeOption{Node: node}
		}
		return err
	}
	for _, id := range ids {
		data, err := g.store.read(id)
		switch {
		case fetchable(err):
			absent = append(absent, id)
		case err != nil:
			return err
		default:
			if err := send(id, data); err != nil {
				return err
			}
		}
	}
	if len(absent) == 0 {
		return nil
	}
	return g.fetch(ctx, absent, func(b blocks.Block) error { return send(b.Cid(), b.RawData()) })
}

// decodeNode makes a UnixFS node of a block: raw or DAG-PB.
func decodeNode(id cid.Cid, data []byte) (ipld.Node, error) {
	b, err := blocks.NewBlockWithCid(data, id)
	if err != nil {
		return nil, &BlockError{id, fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	var node ipld.Node
	switch id.Type() {
	case cid.Raw:
		node, err = merkledag.DecodeRawBlock(b)
	case cid.DagProtobuf:
		node, err = merkledag.DecodeProtobufBlock(b)
	default:
		err = fmt.Errorf("codec %#x is not UnixFS", id.Type())
	}
	if err != nil {
		return nil, &BlockError{id, fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	return node, nil
}
