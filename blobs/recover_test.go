package blobs

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	blocks "github.com/ipfs/go-block-format"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// unsynced makes a store with a pinned file, and blocks behind it that were
// written but never synced, and lets go of it as a crash would.
func unsynced(t *testing.T) (cfg Config, kept Info, loose []blocks.Block) {
	t.Helper()
	cfg = Config{Dir: t.TempDir()}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept = put(t, s, distinct(1, 900<<10), "keep")
	for seed := range byte(10) {
		data := distinct(10+seed, 1000)
		b, err := blocks.NewBlockWithCid(data, unixfscid.SumBytes(data))
		if err != nil {
			t.Fatal(err)
		}
		loose = append(loose, b)
	}
	if err := s.Blockstore().PutMany(context.Background(), loose); err != nil {
		t.Fatal(err)
	}
	if err := s.release(); err != nil { // not Close: that syncs
		t.Fatal(err)
	}
	return cfg, kept, loose
}

// After a power cut the index may know of blocks that the disk does not have, in
// part or at all; they must not be taken for kept when they come again.
func TestBlocksThatNeverReachedTheDiskAreForgotten(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(f *os.File, size int64) error
		here  int // of the loose blocks
	}{
		{"nothing lost", func(*os.File, int64) error { return nil }, 10},
		{"the last byte", func(f *os.File, size int64) error { return f.Truncate(size - 1) }, 9},
		{"half a record", func(f *os.File, size int64) error { return f.Truncate(size - 3500) }, 6},
		{"zeros at the end", func(f *os.File, size int64) error { _, err := f.WriteAt(make([]byte, 2000), size-2000); return err }, 8},
		{"zeros in between", func(f *os.File, size int64) error { _, err := f.WriteAt(make([]byte, 10), size-4500); return err }, 5},
		{"junk behind the end", func(f *os.File, size int64) error { _, err := f.WriteAt([]byte("gwb1junk"), size); return err }, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, kept, loose := unsynced(t)
			names, err := filepath.Glob(filepath.Join(cfg.Dir, "blocks", "*.seg"))
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			f, err := os.OpenFile(names[0], os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(f, info.Size()); err != nil {
				t.Fatal(err)
			}
			s := open(t, cfg)
			here := 0
			for _, b := range loose {
				if has(t, s, b.Cid()) {
					here++
				}
			}
			if here != c.here {
				t.Errorf("%d blocks are here, want %d", here, c.here)
			}
			checkAccounts(t, s)
			if err := s.Blockstore().PutMany(context.Background(), loose); err != nil {
				t.Fatal(err)
			}
			for _, b := range loose {
				if data, err := s.read(b.Cid()); err != nil || !bytes.Equal(data, b.RawData()) {
					t.Errorf("put again: %v", err)
				}
			}
			if got, err := s.ReadAll(context.Background(), kept.CID, 1<<20); err != nil || !bytes.Equal(got, distinct(1, 900<<10)) {
				t.Errorf("what was synced: %v", err)
			}
			checkAccounts(t, s)
		})
	}
}

// The index may lack what the segments have: its own log was not synced either.
func TestBlocksThatTheIndexLostAreFoundAgain(t *testing.T) {
	cfg, kept, loose := unsynced(t)
	if err := os.RemoveAll(filepath.Join(cfg.Dir, "index")); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	for _, b := range loose {
		if !has(t, s, b.Cid()) {
			t.Errorf("%s is lost", b.Cid())
		}
	}
	if !has(t, s, kept.CID) {
		t.Error("the file is lost")
	}
	checkAccounts(t, s)
}

// A block file that somebody deletes takes its blocks with it, and no more: they
// are damaged, by CID, and can come again.
func TestALostSegmentIsDamage(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	info := put(t, s, distinct(1, 900<<10), "keep")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(cfg.Dir, "blocks", "*.seg"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if has(t, s, info.CID) {
		t.Error("a lost file is said to be here")
	}
	put(t, s, distinct(1, 900<<10), "keep")
	if got, err := s.ReadAll(context.Background(), info.CID, 1<<20); err != nil || len(got) != 900<<10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	checkSound(t, s)
}
