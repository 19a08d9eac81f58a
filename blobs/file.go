package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
)

// File is an open file of the store: io.Reader, io.ReaderAt, io.Seeker,
// io.WriterTo and io.Closer. What it yields is verified. Its methods may be
// called from many goroutines; they take turns.
type File struct {
	size    int64
	release func()

	mu     sync.Mutex
	dag    uio.DagReader
	offset int64 // of the next Read
	at     int64 // of dag; -1 is unknown
}

var _ interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterTo
} = (*File)(nil)

// Open opens the file under id for reading; missing blocks are fetched as they
// are reached. The reads end with ctx. The caller closes it. Errors: ErrNotFile,
// ErrMalformed, those of a block.
func (s *Store) Open(ctx context.Context, id cid.Cid) (*File, error) {
	ctx, cancel := context.WithCancel(ctx)
	h := s.hold(id)
	release := func() { cancel(); s.unhold(h) }
	f, err := openFile(ctx, s.getter(ctx, h), id)
	if err != nil {
		release()
		return nil, err
	}
	f.release = release
	return f, nil
}

func openFile(ctx context.Context, g *getter, id cid.Cid) (*File, error) {
	node, err := g.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	top, err := describe(node)
	if err != nil {
		return nil, err
	}
	if top.Kind != KindFile {
		return nil, fmt.Errorf("%w: %s is a %s", ErrNotFile, id, top.Kind)
	}
	dag, err := uio.NewDagReader(ctx, node, g)
	if err != nil {
		return nil, &BlockError{id, fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	return &File{size: top.Size, dag: dag}, nil
}

// Size is the file's length in bytes, as its root states it. Should the rest
// have more, it is not read; should it have less, reading ends with ErrMalformed.
func (f *File) Size() int64 { return f.size }

// Read reads from the current offset.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.readAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

// ReadAt reads from an offset of its own. It is quickest when it goes on where
// the read before it ended.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < 0 {
		return 0, errNegative
	}
	n, err := f.readAt(p, off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

var errNegative = errors.New("blobs: negative offset")

// readAt fills p as far as the file goes; io.EOF comes alone. The caller holds mu.
func (f *File) readAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off >= f.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-off)]
	if err := f.moveTo(off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f.dag, p)
	f.at = off + int64(n)
	if err != nil {
		f.at = -1
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: the file ends at byte %d of %d", ErrMalformed, off+int64(n), f.size)
	}
	return n, readErr(err)
}

func (f *File) moveTo(off int64) error {
	if f.at == off {
		return nil
	}
	f.at = -1
	if _, err := f.dag.Seek(off, io.SeekStart); err != nil {
		return readErr(fmt.Errorf("seek to %d: %w", off, err))
	}
	f.at = off
	return nil
}

// readErr makes ErrMalformed of what the library says of blocks it cannot use.
func readErr(err error) error {
	if errors.Is(err, unixfs.ErrUnrecognizedType) || errors.Is(err, uio.ErrSeekNotSupported) {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return err
}

// Seek sets the offset of the next Read.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.size
	default:
		return 0, fmt.Errorf("blobs: seek from %d", whence)
	}
	if offset < 0 {
		return 0, errNegative
	}
	f.offset = offset
	return offset, nil
}

// WriteTo writes the rest of the file to w.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	buf := make([]byte, 1<<20)
	var written int64
	for {
		n, err := f.Read(buf)
		if n > 0 {
			m, werr := w.Write(buf[:n])
			written += int64(m)
			if werr != nil {
				return written, werr
			}
		}
		if err == io.EOF {
			return written, nil
		} else if err != nil {
			return written, err
		}
	}
}

// Close ends reads under way and lets the file be collected.
func (f *File) Close() error {
	f.release()
	return nil
}

// ReadAll reads the file under id into memory, refusing more than limit bytes
// with ErrTooLarge before they are read.
func (s *Store) ReadAll(ctx context.Context, id cid.Cid, limit int64) ([]byte, error) {
	f, err := s.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrTooLarge, id, f.size, limit)
	}
	data := make([]byte, f.size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return data, nil
}
