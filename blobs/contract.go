package blobs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Config is where a store lives and how far it may grow. Only Dir is needed.
type Config struct {
	// Dir is the folder that holds the store; it is made if missing (0700).
	Dir string
	// Quota bounds the bytes of the store's block files; 0 is no bound.
	Quota int64
	// MinFree is how many bytes the store leaves free on its disk. 0 means
	// DefaultMinFree.
	MinFree int64
	// FetchTimeout is how long a read or fetch waits for the next block from
	// a peer before it gives up with ErrMissing. 0 means DefaultFetchTimeout.
	FetchTimeout time.Duration
}

// Exchange gets blocks from other nodes and offers ours to them. Package
// blobs/exchange has the one over bitswap.
type Exchange interface {
	// NewSession starts a series of related fetches, ended by ctx.
	NewSession(ctx context.Context) exchange.Fetcher
	// NotifyNewBlocks says that these blocks can be served from now on.
	NotifyNewBlocks(ctx context.Context, new ...blocks.Block) error
	// Announce has the network told that the content under id is here. It
	// does not block.
	Announce(id cid.Cid)
}

const (
	// DefaultMinFree is 64 MiB.
	DefaultMinFree = 64 << 20
	// DefaultFetchTimeout is half a minute.
	DefaultFetchTimeout = 30 * time.Second
	// MaxBlock is the size in bytes of the largest block: the 2 MiB that
	// bitswap carries.
	MaxBlock = 2 << 20
	// MaxPinName bounds a pin's name and its reason, in bytes.
	MaxPinName = 256
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

// FetchOptions is how content comes from other nodes.
type FetchOptions struct {
	// Limit bounds the bytes of blocks of the DAG; 0 is no bound but the quota.
	Limit int64
	// Progress may be nil. It counts bytes of blocks, those already here too.
	Progress Progress
}

// Kind is what a CID names.
type Kind string

// The kinds of content. KindBlock is any block that is not UnixFS, such as
// DAG-CBOR.
const (
	KindFile    Kind = "file"
	KindFolder  Kind = "folder"
	KindSymlink Kind = "symlink"
	KindBlock   Kind = "block"
)

// Info describes content.
type Info struct {
	CID  cid.Cid
	Kind Kind
	// Size is the content's length in bytes: of a folder, the sum over its
	// files as its links state it, framing included.
	Size int64
	// Blocks and Bytes count the DAG's distinct blocks that are here.
	Blocks int
	Bytes  int64
	// Missing counts links to blocks that are not here (or damaged).
	Missing int
	Pins    []Pin
}

// Entry is one name in a folder. Size is the length of a file in bytes.
type Entry struct {
	Name string
	CID  cid.Cid
	Kind Kind
	Size int64
}

// Pin keeps a DAG from being collected. A CID may be pinned under many names,
// each for its own reason; it is kept as long as any is left. Tasks pin what
// they need under their own id.
type Pin struct {
	// Name tells the pins of one CID apart, 1 to MaxPinName bytes: "user",
	// "task/01J…", "model/llama".
	Name string
	// Reason is for people: why it is kept; up to MaxPinName bytes.
	Reason string
	// CID is the root. Import fills it in.
	CID cid.Cid
	// Since is when it was pinned.
	Since time.Time
}

// Usage is how full a store is, in bytes.
type Usage struct {
	Disk   int64 // block files, which Quota bounds
	Live   int64 // the blocks in them, garbage that can be collected included
	Blocks int64 // how many
	Quota  int64
	Free   int64 // left on the disk
}

// Collected is what a collection did.
type Collected struct {
	Blocks int64 // removed
	Bytes  int64 // freed on disk
}

var errContract = errors.New("blobs: not implemented yet")

// Store is a content-addressed store in a folder. Its methods may be called
// from many goroutines.
type Store struct{}

// Open opens or makes the store in cfg.Dir. After a crash it checks what was
// written last. Errors: ErrLocked, ErrDiskFull, those of the file system.
func Open(cfg Config) (*Store, error) { return nil, errContract }

// Close waits for writes under way and releases the folder.
func (s *Store) Close() error { return errContract }

// Attach gives the store the exchange that fetches what is missing; nil takes
// it away. The exchange is built over Blockstore, hence after the store.
func (s *Store) Attach(x Exchange) {}

// Blockstore is the store as boxo's libraries see it: local blocks only,
// verified on read.
func (s *Store) Blockstore() blockstore.Blockstore { return nil }

// Import stores what r yields as a file, as `ipfs add --cid-version=1` does.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) (Info, error) {
	return Info{}, errContract
}

// ImportPath stores a file or folder of this machine.
func (s *Store) ImportPath(ctx context.Context, path string, opts ImportOptions) (Info, error) {
	return Info{}, errContract
}

// ImportFS stores the file or folder that fsys has under name ("." is all).
func (s *Store) ImportFS(ctx context.Context, fsys fs.FS, name string, opts ImportOptions) (Info, error) {
	return Info{}, errContract
}

// Fetch brings the whole DAG under id here, from peers where blocks are
// missing or damaged. Pin first what is to be kept.
func (s *Store) Fetch(ctx context.Context, id cid.Cid, opts FetchOptions) (Info, error) {
	return Info{}, errContract
}

// Open opens the file under id for reading; missing blocks are fetched as they
// are reached. The reads end with ctx. The caller closes it.
func (s *Store) Open(ctx context.Context, id cid.Cid) (*File, error) { return nil, errContract }

// ReadAll reads the file under id into memory, refusing more than limit bytes
// with ErrTooLarge before they are read.
func (s *Store) ReadAll(ctx context.Context, id cid.Cid, limit int64) ([]byte, error) {
	return nil, errContract
}

// FS shows the folder under id as a file system.
func (s *Store) FS(ctx context.Context, id cid.Cid) (fs.FS, error) { return nil, errContract }

// Export writes the file or folder under id to a path that must not exist yet.
func (s *Store) Export(ctx context.Context, id cid.Cid, path string, progress Progress) error {
	return errContract
}

// ReadDir lists the folder under id, sorted by name.
func (s *Store) ReadDir(ctx context.Context, id cid.Cid) ([]Entry, error) { return nil, errContract }

// Resolve follows a path of names below a folder: "" is id itself.
func (s *Store) Resolve(ctx context.Context, id cid.Cid, path string) (cid.Cid, error) {
	return cid.Undef, errContract
}

// Stat describes the content under id by what is here; only a missing root is
// fetched.
func (s *Store) Stat(ctx context.Context, id cid.Cid) (Info, error) { return Info{}, errContract }

// Has tells whether the whole DAG under id is here.
func (s *Store) Has(ctx context.Context, id cid.Cid) (bool, error) { return false, errContract }

// Pin keeps the DAG under pin.CID from now on, whatever of it is here already
// or comes later (see Fetch), and is on disk when it returns. Pinning again
// under the same name replaces the reason.
func (s *Store) Pin(pin Pin) error { return errContract }

// Unpin takes a pin away. Errors: ErrNotPinned.
func (s *Store) Unpin(id cid.Cid, name string) error { return errContract }

// Pins yields all pins, ordered by CID, then name.
func (s *Store) Pins() iter.Seq2[Pin, error] { return nil }

// Pinned yields each pinned CID once, for the filter that nodes gossip.
func (s *Store) Pinned() iter.Seq2[cid.Cid, error] { return nil }

// Collect removes every block that no pin, import or open file reaches.
func (s *Store) Collect(ctx context.Context) (Collected, error) { return Collected{}, errContract }

// Usage tells how full the store is.
func (s *Store) Usage() Usage { return Usage{} }

// File is an open file of the store: io.Reader, io.ReaderAt, io.Seeker,
// io.WriterTo and io.Closer. What it yields is verified.
type File struct{}

// Size is the file's length in bytes.
func (f *File) Size() int64 { return 0 }

func (f *File) Read(p []byte) (int, error)                   { return 0, errContract }
func (f *File) ReadAt(p []byte, off int64) (int, error)      { return 0, errContract }
func (f *File) Seek(offset int64, whence int) (int64, error) { return 0, errContract }
func (f *File) WriteTo(w io.Writer) (int64, error)           { return 0, errContract }
func (f *File) Close() error                                 { return errContract }
