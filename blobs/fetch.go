package blobs

import (
	"context"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// FetchOptions is how content comes from other nodes.
type FetchOptions struct {
	// Limit bounds the bytes of the DAG's blocks; 0 is no bound but the quota.
	Limit int64
	// Progress may be nil. It counts bytes of blocks, those already here too.
	Progress Progress
}

// maxQueue bounds the links that a fetch knows but has not followed. Depth
// first, an honest DAG has a few thousand.
const maxQueue = 1 << 20

// Fetch brings the whole DAG under id here, from peers where blocks are
// missing or damaged. Pin first what is to be kept. Errors: ErrTooLarge, ErrQuota,
// ErrDiskFull, a BlockError for the first block that cannot be had.
func (s *Store) Fetch(ctx context.Context, id cid.Cid, opts FetchOptions) (Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := s.hold(id)
	defer s.unhold(h)
	f := &fetch{getter: s.getter(ctx, h), opts: opts, queue: []cid.Cid{id}, seen: map[uint64]struct{}{}}
	if err := f.run(ctx); err != nil {
		return Info{}, err
	}
	if err := s.sync(); err != nil {
		return Info{}, err
	}
	info, err := s.Stat(ctx, id)
	if slices.ContainsFunc(info.Pins, func(p Pin) bool { return !p.Local }) {
		s.announce(id)
	}
	return info, err
}

// fetch follows a DAG's links, last found first, and gets what is not here.
type fetch struct {
	*getter
	opts  FetchOptions
	queue []cid.Cid
	seen  map[uint64]struct{}
	bytes int64
}

func (f *fetch) run(ctx context.Context) error {
	w := f.window(ctx)
	defer w.close()
	for {
		absent, err := f.next(ctx, w.room())
		if err != nil {
			return err
		}
		if err := w.ask(absent); err != nil {
			return err
		}
		if w.idle() {
			return nil // nothing is waited for, and the queue is empty
		}
		b, err := w.await()
		if err != nil {
			return err
		}
		if err := f.got(b.Cid(), b.RawData()); err != nil {
			return err
		}
	}
}

// next follows links until n blocks are found that are not here, or none is left.
func (f *fetch) next(ctx context.Context, n int) (absent []cid.Cid, err error) {
	for len(f.queue) > 0 && len(absent) < n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		id := f.queue[len(f.queue)-1]
		f.queue = f.queue[:len(f.queue)-1]
		key := f.store.short(id.Hash())
		if _, twice := f.seen[key]; twice {
			continue
		}
		f.seen[key] = struct{}{}
		here, err := f.here(id)
		if err != nil {
			return nil, err
		}
		if !here {
			absent = append(absent, id)
		}
	}
	return absent, nil
}

// here follows a block's links if it need not be fetched. Leaves are not read:
// whether they are damaged shows when somebody does.
func (f *fetch) here(id cid.Cid) (bool, error) {
	size, ok, err := f.store.size(id)
	if err != nil || !ok {
		return false, err
	}
	f.store.touch(f.hold, id)
	if !mayLink(id) {
		return true, f.count(size)
	}
	data, err := f.store.read(id)
	if fetchable(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, f.got(id, data)
}

// got counts a block and queues its links.
func (f *fetch) got(id cid.Cid, data []byte) error {
	links, err := linksOf(id, data)
	if err != nil {
		return err
	}
	if len(f.queue)+len(links) > maxQueue {
		return &BlockError{id, fmt.Errorf("%w: more than %d links to follow", ErrTooLarge, maxQueue)}
	}
	slices.Reverse(links) // the first is followed first
	f.queue = append(f.queue, links...)
	return f.count(int64(len(data)))
}

func (f *fetch) count(n int64) error {
	f.bytes += n
	if f.opts.Limit > 0 && f.bytes > f.opts.Limit {
		return fmt.Errorf("%w: the DAG has more than %d bytes", ErrTooLarge, f.opts.Limit)
	}
	if f.opts.Progress != nil {
		f.opts.Progress(f.bytes)
	}
	return nil
}
