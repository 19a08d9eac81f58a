package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// small has a bit of everything.
func small() fstest.MapFS {
	return fstest.MapFS{
		"a/b/c/deep.txt": {Data: []byte("deep\n")},
		"a/big.bin":      {Data: patternBytes(600 << 10)},
		"empty":          {Mode: fs.ModeDir | 0o755},
		"empty.txt":      {},
		"link":           {Mode: fs.ModeSymlink, Data: []byte("a/big.bin")},
		"ünïcode ☃":      {Data: []byte("snow")},
		".hidden":        {Data: []byte("not by default")},
	}
}

// many has so many names that the folder is sharded.
func many() fstest.MapFS {
	m := fstest.MapFS{}
	for i := range 6000 {
		m[fmt.Sprintf("%040d", i)] = &fstest.MapFile{Data: fmt.Append(nil, i%10)}
	}
	return m
}

// The CIDs are those that kubo v0.41.0 prints for the same folders on disk:
// ipfs add -r -Q --cid-version=1 [-H].
func TestFoldersHaveTheCIDsOfAStockNode(t *testing.T) {
	s := open(t, Config{})
	for _, c := range []struct {
		name   string
		fsys   fs.FS
		hidden bool
		want   string
	}{
		{"small", small(), false, "bafybeiaee4d2fzzuhslvye72snweppjosbrrc3ztdkmkyc4n2zrcdb6cny"},
		{"small with hidden files", small(), true, "bafybeidw42zjq5od5uaarpv3qelorukd7abr355pjitmgiqxmr4mbnotii"},
		{"sharded", many(), false, "bafybeidlzimehfjbnitokrgrk7xtgwywzkkqrnj2buohwpwzldl3edoy4e"},
		{"empty", fstest.MapFS{}, false, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"},
	} {
		info, err := s.ImportFS(context.Background(), c.fsys, ".", ImportOptions{Hidden: c.hidden})
		if err != nil || info.CID.String() != c.want || info.Kind != KindFolder || info.Missing != 0 {
			t.Errorf("%s: %+v, %v; want %s", c.name, info, err, c.want)
		}
	}
}

func importFS(t *testing.T, s *Store, fsys fs.FS) cid.Cid {
	t.Helper()
	info, err := s.ImportFS(context.Background(), fsys, ".", ImportOptions{Hidden: true, Pin: Pin{Name: "keep"}})
	if err != nil {
		t.Fatal(err)
	}
	return info.CID
}

func TestAFolderIsAFileSystem(t *testing.T) {
	s := open(t, Config{})
	plain := small()
	delete(plain, "link") // TestFS follows links
	fsys, err := s.FS(t.Context(), importFS(t, s, plain))
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, slices.Collect(maps.Keys(plain))...); err != nil {
		t.Error(err)
	}
	if fsys, err = s.FS(t.Context(), importFS(t, s, small())); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Open("a/big.bin/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below a file: %v", err)
	}
	if target, err := fs.ReadLink(fsys, "link"); target != "a/big.bin" || err != nil {
		t.Errorf("link to %q, %v", target, err)
	}
}

func TestAShardedFolderIsListedAndSearched(t *testing.T) {
	s := open(t, Config{})
	id := importFS(t, s, many())
	entries, err := s.ReadDir(context.Background(), id)
	if err != nil || len(entries) != 6000 {
		t.Fatalf("%d names, %v", len(entries), err)
	}
	if !slices.IsSortedFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	for _, e := range entries {
		got, err := s.Resolve(context.Background(), id, e.Name)
		if err != nil || got != e.CID {
			t.Fatalf("%s: %s, %v; listed as %s", e.Name, got, err, e.CID)
		}
	}
	if _, err := s.Resolve(context.Background(), id, "no such name"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestExportWritesWhatWasImported(t *testing.T) {
	s := open(t, Config{})
	id := importFS(t, s, small())
	to := filepath.Join(t.TempDir(), "out")
	var done int64
	if err := s.Export(context.Background(), id, to, func(n int64) { done = n }); err != nil {
		t.Fatal(err)
	}
	info, err := s.ImportPath(context.Background(), to, ImportOptions{Hidden: true})
	if err != nil || info.CID != id {
		t.Errorf("imported again: %s, %v; want %s", info.CID, err, id)
	}
	if done < 600<<10 {
		t.Errorf("progress ends at %d", done)
	}
	if err := s.Export(context.Background(), id, to, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over what is there: %v", err)
	}
}

// hostileFolder makes a folder with the given names, linked to nodes of ours.
func hostileFolder(t *testing.T, s *Store, links ...*ipld.Link) cid.Cid {
	t.Helper()
	node := unixfs.EmptyDirNode()
	if err := node.SetCidBuilder(merkledag.V1CidPrefix()); err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if err := node.AddRawLink(l.Name, l); err != nil {
			t.Fatal(err)
		}
	}
	return putNode(t, s, node)
}

func putNode(t *testing.T, s *Store, node ipld.Node) cid.Cid {
	t.Helper()
	b, err := blocks.NewBlockWithCid(node.RawData(), node.Cid())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Blockstore().Put(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return node.Cid()
}

func TestHostileFoldersStayInside(t *testing.T) {
	s := open(t, Config{})
	file := put(t, s, []byte("gotcha"), "keep").CID
	dir := t.TempDir()
	target := merkledag.NodeWithData(must(unixfs.SymlinkData(dir)))
	link := putNode(t, s, target)
	inner := hostileFolder(t, s, &ipld.Link{Name: "escaped", Cid: file})
	for name, id := range map[string]cid.Cid{
		"dot dot":               hostileFolder(t, s, &ipld.Link{Name: "..", Cid: file}),
		"a path":                hostileFolder(t, s, &ipld.Link{Name: "../escaped", Cid: file}),
		"an absolute path":      hostileFolder(t, s, &ipld.Link{Name: filepath.Join(dir, "escaped"), Cid: file}),
		"no name":               hostileFolder(t, s, &ipld.Link{Name: "", Cid: file}),
		"a link, then a folder": hostileFolder(t, s, &ipld.Link{Name: "x", Cid: link}, &ipld.Link{Name: "x", Cid: inner}),
		"a folder of folders":   nested(t, s, file, maxDepth+2),
	} {
		to := filepath.Join(t.TempDir(), "out")
		if err := s.Export(context.Background(), id, to, nil); err == nil {
			t.Errorf("%s: exported", name)
		}
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left something behind, %v", name, err)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("escaped: %v, %v", names, err)
	}
}

func nested(t *testing.T, s *Store, id cid.Cid, depth int) cid.Cid {
	for range depth {
		id = hostileFolder(t, s, &ipld.Link{Name: "d", Cid: id})
	}
	return id
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// A file's root may state any size; a few blocks that link one another many
// times stand for more bytes than there are disks.
func TestHostileFilesAreErrors(t *testing.T) {
	s := open(t, Config{})
	leaf := put(t, s, []byte("0123456789"), "keep").CID
	lies := func(size uint64, sizes []uint64, links int) cid.Cid {
		data := unixfs.NewFSNode(unixfs.TFile)
		for _, n := range sizes {
			data.AddBlockSize(n)
		}
		data.UpdateFilesize(int64(size - data.FileSize()))
		node := merkledag.NodeWithData(must(data.GetBytes()))
		for range links {
			if err := node.AddRawLink("", &ipld.Link{Cid: leaf, Size: 10}); err != nil {
				t.Fatal(err)
			}
		}
		return putNode(t, s, node)
	}
	for name, id := range map[string]cid.Cid{
		"longer than it is":    lies(1000, []uint64{10}, 1),
		"sizes but no links":   lies(20, []uint64{10, 10}, 0),
		"more than there is":   lies(1<<63, []uint64{1 << 63}, 1),
		"a size past an int64": lies(1<<64-1, []uint64{10}, 1),
	} {
		if _, err := s.ReadAll(context.Background(), id, 1<<20); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	short := lies(15, []uint64{10, 10}, 2)
	if got, err := s.ReadAll(context.Background(), short, 1<<20); err != nil || string(got) != "012345678901234" {
		t.Errorf("shorter than it is: %q, %v", got, err)
	}
	f, err := s.Open(context.Background(), lies(20, []uint64{10}, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(make([]byte, 5), 12); !errors.Is(err, ErrMalformed) {
		t.Errorf("fewer sizes than links: %v", err)
	}
}

// smallest is the smallest node of a DAG that links to others.
func smallest(t testing.TB, s *Store, root cid.Cid) (node []byte) {
	err := s.walk(context.Background(), root, map[uint64]struct{}{}, func(id cid.Cid, size int64, _ bool) error {
		if id.Type() == cid.DagProtobuf && (node == nil || size < int64(len(node))) {
			data, err := s.read(id)
			if links, _ := linksOf(id, data); len(links) > 0 {
				node = data
			}
			return err
		}
		return nil
	})
	if err != nil || node == nil {
		t.Fatal(err)
	}
	return node
}

// Whatever the bytes under a CID are, nothing panics or runs away.
func FuzzHostileNodes(f *testing.F) {
	s, err := Open(Config{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	for _, fsys := range []fs.FS{small(), many()} {
		info, err := s.ImportFS(context.Background(), fsys, ".", ImportOptions{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(smallest(f, s, info.CID), byte(0))
	}
	f.Add([]byte("\xa1\x61a\xd8\x2a\x45\x00\x01\x55\x00\x00"), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		codec := []uint64{cid.DagProtobuf, cid.DagCBOR, cid.Raw}[kind%3]
		id, err := cid.Prefix{Version: 1, Codec: codec, MhType: 0x12, MhLength: 32}.Sum(data)
		if err != nil {
			t.Fatal(err)
		}
		b, err := blocks.NewBlockWithCid(data, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Blockstore().Put(context.Background(), b); err != nil && !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		ctx := context.Background()
		_, _ = s.Stat(ctx, id)
		_, _ = s.Fetch(ctx, id, FetchOptions{})
		_, _ = s.ReadAll(ctx, id, 1<<20)
		_, _ = s.ReadDir(ctx, id)
		_, _ = s.Resolve(ctx, id, "a/b")
		if file, err := s.Open(ctx, id); err == nil {
			_, _ = file.ReadAt(make([]byte, 10), file.Size()/2)
			file.Close()
		}
	})
}
