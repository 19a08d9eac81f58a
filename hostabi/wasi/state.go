package wasi

import "math/rand/v2"

// State is all that a System remembers of its guest: plain data, which together
// with the Config it was made from (the inputs, named by their index) is enough
// to go on elsewhere. What belongs to this process, open inputs and the readers
// and writers behind the standard streams, is in System itself.
type State struct {
	// Descriptors is the descriptor table, indexed by number. A closed number
	// has Kind Closed.
	Descriptors []Descriptor
	// Tree is the file tree; its zero value is the tree as the guest finds it,
	// and is what it stays until the guest first looks at it.
	Tree Tree
	// Clock is the position of the guest's clocks.
	Clock Clock
	// Random is the generator of a deterministic run, nil otherwise. It is an
	// encoding.BinaryMarshaler.
	Random *rand.ChaCha8
	// Stdin is what was read from standard input.
	Stdin InputStream
	// Stdout and Stderr count the bytes delivered to the standard streams.
	Stdout, Stderr uint64
	// Poll is set while the guest is suspended in poll_oneoff.
	Poll *Poll `cbor:",omitempty"`
}

// Poll is a poll_oneoff that has been suspended, and will be called again: both clocks
// when it was called first, in nanoseconds.
type Poll struct{ Realtime, Start uint64 }

// DescriptorKind is what a descriptor refers to.
type DescriptorKind uint8

// Kinds of descriptor.
const (
	Closed DescriptorKind = iota
	Stdin
	Stdout
	Stderr
	File // a node of the tree: regular file or directory
)

// Descriptor is an entry of the descriptor table.
type Descriptor struct {
	Kind DescriptorKind
	// Preopen is set on a directory that was open from the start; Name is then
	// the path it is known to the guest by.
	Preopen bool
	Name    string
	// Inode is the node of the tree, if Kind is File.
	Inode uint64
	// Flags are fdflags: append 1, dsync 2, nonblock 4, rsync 8, sync 16.
	Flags uint16
	// Rights and Inheriting are as in the specification (typename $rights).
	Rights, Inheriting uint64
	// Offset is where the next read or write of a regular file happens, in bytes.
	Offset uint64
}

// InputStream is the state of standard input.
type InputStream struct {
	// Pending was read from the source, and not yet by the guest.
	Pending []byte
	// EOF is set once the source has ended.
	EOF bool
	// Delivered counts the bytes that the guest has read.
	Delivered uint64
}

// Tree is the file tree: a graph of nodes named by inode number.
type Tree struct {
	// Nodes holds every node that has a name or is open. Nil is the tree as the
	// guest finds it.
	Nodes map[uint64]*Node
	// NextInode is the number that the next node gets.
	NextInode uint64
	// Bytes is what the guest's nodes count against MaxOutputBytes.
	Bytes int64
}

// FileType is the type of a node (witx typename $filetype).
type FileType uint8

// File types.
const (
	Unknown         FileType = 0
	CharacterDevice FileType = 2
	Directory       FileType = 3
	RegularFile     FileType = 4
	SymbolicLink    FileType = 7
)

// Node is a file, directory or symbolic link of the tree.
type Node struct {
	Inode uint64
	Type  FileType
	// Links is the number of names; a node without one lives while it is open.
	Links uint32
	// ReadOnly is set on everything under /in.
	ReadOnly bool
	// Accessed, Modified and Changed are times since the Unix epoch in
	// nanoseconds.
	Accessed, Modified, Changed uint64

	// Content is the content of the guest's own regular files.
	Content Content
	// Dir is the content of a directory.
	Dir Entries
	// Target is the content of a symbolic link.
	Target string
	// Input says where a node under /in comes from, nil for other nodes.
	Input *InputRef

	opens int // descriptors that refer to it; derived
}

// InputRef is the place of a read-only node in the inputs of the Config.
type InputRef struct {
	// Index is the index in Config.Inputs.
	Index int
	// Path is the path within the input's tree; "." for an input that is one
	// file, or for the tree itself.
	Path string
	// Size is the size of a regular file in bytes, as it was when first seen.
	Size int64
	// Unread is set on a directory whose entries have not been looked at yet.
	Unread bool
}
