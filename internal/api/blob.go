package api

import (
	"io"
	"io/fs"
	"time"
)

// Blob is content with a name made of its hash.
type Blob struct {
	CID    string `json:"cid"`
	Size   int64  `json:"size" doc:"Bytes of content, of a folder those of all its files"`
	Kind   string `json:"kind" enum:"file,folder,symlink,block"`
	Blocks int    `json:"blocks,omitempty" doc:"Blocks that it is stored as"`
	// Local is set if every block of it is on this node.
	Local    bool      `json:"local"`
	Pinned   bool      `json:"pinned"`
	Name     string    `json:"name,omitempty" doc:"What it was called when it was pinned"`
	PinnedAt time.Time `json:"pinned_at,omitzero"`
}

// The kinds of blobs, as package blobs calls them.
const (
	BlobFile    = "file"
	BlobFolder  = "folder"
	BlobSymlink = "symlink"
	BlobBlock   = "block" // any block that is no UnixFS
)

// PutOptions say what becomes of new content.
type PutOptions struct {
	// Pin keeps it until it is unpinned. Content that is not pinned may be collected.
	Pin bool
	// Name is for lists; "" is none.
	Name string
}

// TreeEntry is a file, folder or symbolic link in a tree. Only the kind of
// Mode and its executable bits count; UnixFS as `ipfs add` writes it keeps
// neither modes nor times.
type TreeEntry struct {
	Path   string      // relative, slash-separated, without "." and ".."
	Mode   fs.FileMode // kind: regular, fs.ModeDir or fs.ModeSymlink
	Size   int64       // bytes of a regular file
	Target string      // of a symbolic link
	// Body is what a regular file holds; it is good until the next entry.
	Body io.Reader
}
