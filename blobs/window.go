package blobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// windowBlocks is how many blocks one operation asks peers for at a time: with
// full blocks, 16 MiB.
const windowBlocks = 64

// window is the blocks that an operation has asked for and that have not come.
// It belongs to one goroutine, which closes it.
type window struct {
	getter  *getter
	ctx     context.Context
	cancel  context.CancelFunc
	waiting map[string]cid.Cid // by multihash
	arrived chan blocks.Block
	feeds   sync.WaitGroup
	timeout *time.Timer
}

func (g *getter) window(ctx context.Context) *window {
	ctx, cancel := context.WithCancel(ctx)
	return &window{
		getter:  g,
		ctx:     ctx,
		cancel:  cancel,
		waiting: map[string]cid.Cid{},
		arrived: make(chan blocks.Block),
		timeout: time.NewTimer(g.store.cfg.FetchTimeout),
	}
}

// close stops asking.
func (w *window) close() {
	w.cancel()
	w.timeout.Stop()
	w.feeds.Wait()
}

func (w *window) idle() bool { return len(w.waiting) == 0 }

// room is how many more blocks to ask for: none until half the window has come,
// so that questions go out in bulk.
func (w *window) room() int {
	if len(w.waiting) > windowBlocks/2 {
		return 0
	}
	return windowBlocks - len(w.waiting)
}

// ask wants blocks from peers.
func (w *window) ask(ids []cid.Cid) error {
	if len(ids) == 0 {
		return nil
	}
	if w.getter.session == nil {
		return w.getter.unavailable(ids[0], nil)
	}
	answer, err := w.getter.session.GetBlocks(w.ctx, ids)
	if err != nil {
		return w.getter.unavailable(ids[0], err)
	}
	for _, id := range ids {
		w.waiting[string(id.Hash())] = id
	}
	w.feeds.Go(func() { w.forward(answer) })
	return nil
}

// forward passes blocks on until the exchange has no more of them. Should it
// end early, await's timeout says so.
func (w *window) forward(answer <-chan blocks.Block) {
	for {
		select {
		case b, ok := <-answer:
			if !ok || !w.pass(b) {
				return
			}
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *window) pass(b blocks.Block) bool {
	select {
	case w.arrived <- b:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// await stores and returns the next block that was asked for. It gives up with
// a BlockError when none has come for Config.FetchTimeout.
func (w *window) await() (blocks.Block, error) {
	limit := w.getter.store.cfg.FetchTimeout
	w.timeout.Reset(limit)
	for {
		select {
		case b := <-w.arrived:
			if w.take(b) {
				return b, w.getter.keep(w.ctx, b)
			}
		case <-w.timeout.C:
			return nil, w.getter.unavailable(w.any(), fmt.Errorf("no peer sent it within %v", limit))
		case <-w.ctx.Done():
			return nil, w.ctx.Err()
		}
	}
}

// take tells whether a block was waited for, and waits for it no more.
func (w *window) take(b blocks.Block) bool {
	key := string(b.Cid().Hash())
	_, ok := w.waiting[key]
	delete(w.waiting, key)
	return ok
}

func (w *window) any() cid.Cid {
	for _, id := range w.waiting {
		return id
	}
	return cid.Undef
}
