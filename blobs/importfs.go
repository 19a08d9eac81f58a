package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// ImportPath stores a file or folder of this machine. A symbolic link at path
// itself is followed; those inside a folder are stored as links.
func (s *Store) ImportPath(ctx context.Context, name string, opts ImportOptions) (Info, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return Info{}, err
	}
	dir, err := os.OpenRoot(filepath.Dir(real))
	if err != nil {
		return Info{}, err
	}
	defer dir.Close()
	if real == filepath.Dir(real) { // "/"
		return s.ImportFS(ctx, dir.FS(), ".", opts)
	}
	return s.ImportFS(ctx, dir.FS(), filepath.Base(real), opts)
}

// ImportFS stores the file or folder that fsys has under name ("." is all). Like
// `ipfs add`, it keeps neither permissions nor times.
func (s *Store) ImportFS(ctx context.Context, fsys fs.FS, name string, opts ImportOptions) (Info, error) {
	return s.intake(ctx, opts, func(in *intake) (root, error) {
		info, err := fs.Stat(fsys, name)
		if err != nil {
			return root{}, err
		}
		return in.entry(fsys, name, info.Mode())
	})
}

// entry brings in one name of a file system.
func (in *intake) entry(fsys fs.FS, name string, mode fs.FileMode) (root, error) {
	switch {
	case mode.IsRegular():
		return in.regular(fsys, name)
	case mode.IsDir():
		return in.folder(fsys, name)
	case mode&fs.ModeSymlink != 0:
		return in.symlink(fsys, name)
	}
	return root{}, fmt.Errorf("import %s: %v is neither file, folder nor link", name, mode)
}

func (in *intake) regular(fsys fs.FS, name string) (top root, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return root{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return in.file(f)
}

func (in *intake) symlink(fsys fs.FS, name string) (root, error) {
	target, err := fs.ReadLink(fsys, name)
	if err != nil {
		return root{}, err
	}
	data, err := unixfs.SymlinkData(target)
	if err != nil {
		return root{}, fmt.Errorf("import %s: %w", name, err)
	}
	node := merkledag.NodeWithData(data)
	return in.node(node, KindSymlink)
}

// node stores a node that was built here.
func (in *intake) node(node *merkledag.ProtoNode, kind Kind) (root, error) {
	if err := node.SetCidBuilder(merkledag.V1CidPrefix()); err != nil {
		return root{}, fmt.Errorf("make node: %w", err)
	}
	total, err := node.Size()
	if err != nil {
		return root{}, fmt.Errorf("make node: %w", err)
	}
	link := unixfscid.Link{CID: node.Cid(), Total: total}
	return root{Link: link, block: node.RawData(), kind: kind}, in.add(node.Cid(), node.RawData())
}

// folder brings a folder in. One with very many names becomes a sharded one
// (HAMT), just when `ipfs add` would do so.
func (in *intake) folder(fsys fs.FS, name string) (root, error) {
	entries, err := fs.ReadDir(fsys, name)
	if err != nil {
		return root{}, err
	}
	dir, err := uio.NewDirectory(in.dag(), uio.WithCidBuilder(merkledag.V1CidPrefix()))
	if err != nil {
		return root{}, fmt.Errorf("make folder: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !in.opts.Hidden {
			continue
		}
		child, err := in.entry(fsys, path.Join(name, e.Name()), e.Type())
		if err != nil {
			return root{}, err
		}
		if err := in.link(dir, e.Name(), child); err != nil {
			return root{}, err
		}
	}
	node, err := dir.GetNode()
	if err != nil {
		return root{}, fmt.Errorf("make folder: %w", err)
	}
	pb, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return root{}, fmt.Errorf("make folder: %w: not a DAG-PB node", ErrMalformed)
	}
	return in.node(pb, KindFolder)
}

func (in *intake) link(dir uio.Directory, name string, child root) error {
	node, err := decodeNode(child.CID, child.block)
	if err != nil {
		return err
	}
	if err := dir.AddChild(in.ctx, name, node); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return nil
}

// dag is where boxo puts the nodes of a sharded folder, and gets them back.
func (in *intake) dag() ipld.DAGService { return importDAG{in: in} }

type importDAG struct{ in *intake }

func (d importDAG) Add(_ context.Context, node ipld.Node) error {
	return d.in.add(node.Cid(), node.RawData())
}

func (d importDAG) AddMany(ctx context.Context, nodes []ipld.Node) error {
	for _, n := range nodes {
		if err := d.Add(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (d importDAG) Get(ctx context.Context, id cid.Cid) (ipld.Node, error) {
	if err := d.in.flush(); err != nil {
		return nil, err
	}
	return (&getter{store: d.in.store, hold: d.in.hold}).Get(ctx, id)
}

func (d importDAG) GetMany(ctx context.Context, ids []cid.Cid) <-chan *ipld.NodeOption {
	if err := d.in.flush(); err != nil {
		out := make(chan *ipld.NodeOption, 1)
		defer close(out)
		out <- &ipld.NodeOption{Err: err}
		return out
	}
	return (&getter{store: d.in.store, hold: d.in.hold}).GetMany(ctx, ids)
}

// Remove and RemoveMany leave it to the next collection.
func (importDAG) Remove(context.Context, cid.Cid) error       { return nil }
func (importDAG) RemoveMany(context.Context, []cid.Cid) error { return nil }
