package godwit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/internal/api"
)

// userPin is the name of the pins that people set; the reason is what they call
// the blob.
const userPin = "user"

// storeError gives an error of the store the sentinel that clients know it by.
func storeError(err error) error {
	var class error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, blobs.ErrDamaged), errors.Is(err, blobs.ErrMalformed):
		class = api.ErrDamaged
	case errors.Is(err, blobs.ErrMissing):
		class = api.ErrNotFound
	case errors.Is(err, blobs.ErrQuota), errors.Is(err, blobs.ErrDiskFull):
		class = api.ErrNoSpace
	case errors.Is(err, blobs.ErrNotFile), errors.Is(err, blobs.ErrNotFolder):
		class = api.ErrIsDir
	case errors.Is(err, blobs.ErrTooLarge):
		class = api.ErrTooLarge
	case errors.Is(err, blobs.ErrNotPinned):
		class = api.ErrNotFound
	default:
		return err
	}
	return fmt.Errorf("%w: %w", class, err)
}

func parseCID(s string) (cid.Cid, error) {
	id, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: cid %.60q: %w", api.ErrInvalid, s, err)
	}
	return id, nil
}

func importOptions(o api.PutOptions) blobs.ImportOptions {
	opts := blobs.ImportOptions{Hidden: true}
	if o.Pin {
		opts.Pin = blobs.Pin{Name: userPin, Reason: clip(o.Name, blobs.MaxPinName)}
	}
	return opts
}

// PutFile implements the API's backend.
func (n *Node) PutFile(ctx context.Context, r io.Reader, o api.PutOptions) (api.Blob, error) {
	info, err := n.store.Import(ctx, r, importOptions(o))
	if err != nil {
		return api.Blob{}, storeError(err)
	}
	n.announcer.pinsChanged()
	return n.Stat(ctx, info.CID.String(), true)
}

// PutTree implements the API's backend. The tree is gathered in the data folder
// first: a folder's blocks name those of its files, whatever order these come in.
func (n *Node) PutTree(ctx context.Context, entries iter.Seq2[api.TreeEntry, error], o api.PutOptions) (api.Blob, error) {
	dir, err := os.MkdirTemp(n.folder.path(tempName), "tree-")
	if err != nil {
		return api.Blob{}, err
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return api.Blob{}, err
	}
	defer root.Close()
	for e, err := range entries {
		if err == nil {
			err = putEntry(root, e)
		}
		if err != nil {
			return api.Blob{}, err
		}
	}
	info, err := n.store.ImportFS(ctx, root.FS(), ".", importOptions(o))
	if err != nil {
		return api.Blob{}, storeError(err)
	}
	n.announcer.pinsChanged()
	return n.Stat(ctx, info.CID.String(), true)
}

// putEntry makes a file, folder or link. Whatever an entry is called, nothing
// outside of root is touched.
func putEntry(root *os.Root, e api.TreeEntry) error {
	if !fs.ValidPath(e.Path) || strings.IndexByte(e.Path, 0) >= 0 {
		return fmt.Errorf("%w: path %.100q", api.ErrInvalid, e.Path)
	}
	if e.Mode.IsDir() {
		return invalid(root.MkdirAll(e.Path, 0o700))
	}
	if err := root.MkdirAll(path.Dir(e.Path), 0o700); err != nil {
		return invalid(err)
	}
	if e.Mode&fs.ModeSymlink != 0 {
		return invalid(root.Symlink(e.Target, e.Path))
	}
	f, err := root.OpenFile(e.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return invalid(err)
	}
	if e.Body != nil {
		_, err = io.Copy(f, e.Body)
	}
	return errors.Join(err, f.Close())
}

// invalid marks an error as the client's: of a path that comes twice, or leads out.
func invalid(err error) error {
	if err == nil || errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w: %w", api.ErrInvalid, err)
}

// OpenFile implements the API's backend.
func (n *Node) OpenFile(ctx context.Context, s string) (io.ReadSeekCloser, api.Blob, error) {
	id, err := parseCID(s)
	if err != nil {
		return nil, api.Blob{}, err
	}
	f, err := n.store.Open(ctx, id)
	if err != nil {
		return nil, api.Blob{}, storeError(err)
	}
	return openFile{f}, api.Blob{CID: s, Size: f.Size(), Kind: api.BlobFile}, nil
}

// openFile gives what fails while a file is read the sentinels of the API.
type openFile struct{ *blobs.File }

func (f openFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, storeError(err)
}

// Tree implements the API's backend.
func (n *Node) Tree(ctx context.Context, s string) iter.Seq2[api.TreeEntry, error] {
	return func(yield func(api.TreeEntry, error) bool) {
		id, err := parseCID(s)
		var tree fs.FS
		if err == nil {
			tree, err = n.store.FS(ctx, id)
		}
		if err != nil {
			yield(api.TreeEntry{}, storeError(err))
			return
		}
		err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == "." {
				return err
			}
			return yieldEntry(tree, name, d, yield)
		})
		if err != nil && err != fs.SkipAll {
			yield(api.TreeEntry{}, storeError(err))
		}
	}
}

func yieldEntry(tree fs.FS, name string, d fs.DirEntry, yield func(api.TreeEntry, error) bool) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	e := api.TreeEntry{Path: name, Mode: info.Mode(), Size: info.Size()}
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		e.Target, err = fs.ReadLink(tree, name)
	case d.Type().IsRegular():
		var f fs.File
		if f, err = tree.Open(name); err == nil {
			defer f.Close()
			e.Body = f
		}
	}
	if err != nil {
		return err
	}
	if !yield(e, nil) {
		return fs.SkipAll
	}
	return nil
}

// Stat implements the API's backend.
func (n *Node) Stat(ctx context.Context, s string, local bool) (api.Blob, error) {
	id, err := parseCID(s)
	if err != nil {
		return api.Blob{}, err
	}
	if local {
		if has, err := n.store.Blockstore().Has(ctx, id); err != nil || !has {
			return api.Blob{}, storeError(cmp.Or(err, error(&blobs.BlockError{CID: id, Err: blobs.ErrMissing})))
		}
	}
	info, err := n.store.Stat(ctx, id)
	if err != nil {
		return api.Blob{}, storeError(err)
	}
	return apiBlob(info), nil
}

func apiBlob(i blobs.Info) api.Blob {
	b := api.Blob{CID: i.CID.String(), Size: i.Size, Kind: string(i.Kind), Blocks: i.Blocks, Local: i.Missing == 0}
	for _, p := range i.Pins {
		b.Pinned = true
		if p.Name == userPin || b.PinnedAt.IsZero() {
			b.Name, b.PinnedAt = p.Reason, p.Since.UTC()
		}
	}
	return b
}

// Blobs implements the API's backend.
func (n *Node) Blobs(ctx context.Context) ([]api.Blob, error) {
	list := []api.Blob{}
	for p, err := range n.store.Pins() {
		if err != nil {
			return nil, storeError(err)
		}
		if p.Name != userPin {
			continue
		}
		b, err := n.Stat(ctx, p.CID.String(), true)
		if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrDamaged) { // pinned, and still to be fetched
			b, err = api.Blob{CID: p.CID.String(), Kind: api.BlobBlock, Pinned: true}, nil
		}
		if err != nil {
			return nil, err
		}
		b.Name, b.PinnedAt = p.Reason, p.Since.UTC()
		list = append(list, b)
	}
	return list, nil
}

// Pin implements the API's backend.
func (n *Node) Pin(ctx context.Context, s string) (api.Blob, error) {
	id, err := parseCID(s)
	if err != nil {
		return api.Blob{}, err
	}
	if err := n.store.Pin(blobs.Pin{Name: userPin, CID: id}); err != nil {
		return api.Blob{}, storeError(err)
	}
	if _, err := n.store.Fetch(ctx, id, blobs.FetchOptions{}); err != nil {
		return api.Blob{}, storeError(err)
	}
	n.announcer.pinsChanged()
	return n.Stat(ctx, s, true)
}

// Unpin implements the API's backend.
func (n *Node) Unpin(ctx context.Context, s string) (api.Blob, error) {
	id, err := parseCID(s)
	if err != nil {
		return api.Blob{}, err
	}
	if err := n.store.Unpin(id, userPin); err != nil {
		return api.Blob{}, storeError(err)
	}
	n.announcer.pinsChanged()
	return n.Stat(ctx, s, true)
}
