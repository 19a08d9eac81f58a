package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// Progress is told how many bytes of content have been dealt with so far. It
// is called in order from one goroutine at a time, and must not block.
type Progress func(done int64)

// ImportOptions is how content comes in. The zero value pins nothing: what
// was imported may then be collected at any time after Import returns.
type ImportOptions struct {
	// Pin keeps the root, set in the same instant as the import is complete,
	// so that no collection comes between. An empty Name means no pin.
	Pin Pin
	// Hidden includes files whose names begin with a dot when a folder is
	// imported; like `ipfs add` without it, they are left out.
	Hidden bool
	// Progress may be nil.
	Progress Progress
}

func (o ImportOptions) validate() error {
	if o.Pin.Name == "" {
		return nil
	}
	return o.Pin.validate()
}

// Import stores what r yields as a file, as `ipfs add --cid-version=1` does. It
// is on disk when Import returns.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) (Info, error) {
	return s.intake(ctx, opts, func(in *intake) (root, error) { return in.file(r) })
}

// root is the top of what was imported: its block and what its parent says of it.
type root struct {
	unixfscid.Link
	block []byte
	kind  Kind
}

// intake brings content in. Its hold keeps what it has written so far.
type intake struct {
	ctx     context.Context
	store   *Store
	hold    *hold
	opts    ImportOptions
	pending []blocks.Block
	bytes   int   // of pending
	done    int64 // bytes of content
}

// intakeBytes is how much is written at a time.
const intakeBytes = 4 << 20

// intake runs an import and makes what it brought last.
func (s *Store) intake(ctx context.Context, opts ImportOptions, bring func(*intake) (root, error)) (Info, error) {
	if err := opts.validate(); err != nil {
		return Info{}, err
	}
	in := &intake{ctx: ctx, store: s, hold: s.hold(), opts: opts}
	defer s.unhold(in.hold)
	top, err := bring(in)
	if err == nil {
		err = in.flush()
	}
	if err != nil {
		return Info{}, err
	}
	if err := in.finish(top.CID); err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, top.CID)
}

// finish pins the root and waits until all is on disk.
func (in *intake) finish(id cid.Cid) error {
	if in.opts.Pin.Name == "" {
		return in.store.sync()
	}
	pin := in.opts.Pin
	pin.CID = id
	return in.store.Pin(pin)
}

// add takes a block that matches its CID.
func (in *intake) add(id cid.Cid, data []byte) error {
	b, err := blocks.NewBlockWithCid(data, id)
	if err != nil {
		return fmt.Errorf("make block: %w", err)
	}
	in.pending = append(in.pending, b)
	if in.bytes += len(data); in.bytes < intakeBytes {
		return nil
	}
	return in.flush()
}

// flush writes what is pending and offers it to peers that wait for it.
func (in *intake) flush() error {
	if len(in.pending) == 0 {
		return in.ctx.Err()
	}
	if err := errors.Join(in.ctx.Err(), in.check(), in.store.put(in.ctx, in.hold, in.pending)); err != nil {
		return err
	}
	if err := in.store.notify(in.ctx, in.pending...); err != nil {
		return err
	}
	in.pending, in.bytes = nil, 0
	return nil
}

// check reads the blocks that are here already: those that turn out to be damaged
// are then written anew.
func (in *intake) check() error {
	for _, b := range in.pending {
		if _, err := in.store.read(b.Cid()); err != nil && !fetchable(err) {
			return err
		}
	}
	return nil
}

// progress counts content that has been written.
func (in *intake) progress(n int) {
	in.done += int64(n)
	if in.opts.Progress != nil {
		in.opts.Progress(in.done)
	}
}

// file brings a file in: one goroutine reads, one hashes, and this one builds
// the tree and writes.
func (in *intake) file(r io.Reader) (root, error) {
	ctx, cancel := context.WithCancel(in.ctx)
	defer cancel()
	read := make(chan batch)
	hashed := make(chan batch)
	go func() {
		defer close(read)
		readBatches(ctx, r, read)
	}()
	go func() {
		defer close(hashed)
		for b := range read {
			for i, chunk := range b.chunks {
				b.leaves[i] = unixfscid.Leaf(chunk)
			}
			hashed <- b
		}
	}()
	top, err := in.tree(hashed)
	cancel()
	for range hashed { // both goroutines end before we return: r is the caller's again
	}
	return top, err
}

// batch is some consecutive chunks of a file. An error, io.EOF included, comes
// with the last of them.
type batch struct {
	chunks [][]byte
	leaves []unixfscid.Link
	err    error
}

// batchChunks is how many chunks go from hand to hand: 2 MiB.
const batchChunks = 8

// readBatches reads r to its end, its error, or that of ctx.
func readBatches(ctx context.Context, r io.Reader, out chan<- batch) {
	for more := true; more; {
		var b batch
		for len(b.chunks) < batchChunks && b.err == nil {
			var chunk []byte
			chunk, b.err = readChunk(r)
			if len(chunk) > 0 {
				b.chunks = append(b.chunks, chunk)
			}
		}
		b.leaves = make([]unixfscid.Link, len(b.chunks))
		more = b.err == nil
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
	}
}

// readChunk reads until a chunk is full or r fails. Unlike [io.ReadFull] it
// keeps a reader's own io.ErrUnexpectedEOF apart from its end.
func readChunk(r io.Reader) ([]byte, error) {
	buf := make([]byte, unixfscid.ChunkSize)
	n := 0
	var err error
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return buf[:n:n], err
}

// tree builds a file's tree over its leaves and stores all of it.
func (in *intake) tree(hashed <-chan batch) (root, error) {
	var failed error
	top := root{kind: KindFile}
	tree := unixfscid.NewTree(func(id cid.Cid, block []byte) {
		top.block = block
		failed = errors.Join(failed, in.add(id, block))
	})
	leaf := func(chunk []byte, l unixfscid.Link) error {
		tree.Add(l)
		top.block = chunk
		err := errors.Join(failed, in.add(l.CID, chunk))
		in.progress(len(chunk))
		return err
	}
	size := 0
	for b := range hashed {
		for i, chunk := range b.chunks {
			if err := leaf(chunk, b.leaves[i]); err != nil {
				return root{}, err
			}
			size += len(chunk)
		}
		if b.err == nil {
			continue
		}
		if b.err != io.EOF {
			return root{}, fmt.Errorf("read what to store: %w", b.err)
		}
		if size == 0 {
			if err := leaf([]byte{}, unixfscid.Leaf(nil)); err != nil {
				return root{}, err
			}
		}
		top.Link = tree.Root()
		return top, failed
	}
	return root{}, in.ctx.Err()
}
