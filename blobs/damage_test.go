package blobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// flip changes a byte of each block file of a closed store, at an offset.
func flip(t *testing.T, dir string, offset int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "blocks", "*.seg"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, offset); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 0x40
		if _, err := f.WriteAt(b, offset); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// mirror is an exchange that has what another store has, and counts.
type mirror struct {
	of      *Store
	fetched int
}

func (m *mirror) NewSession(context.Context) exchange.Fetcher             { return m }
func (m *mirror) NotifyNewBlocks(context.Context, ...blocks.Block) error  { return nil }
func (m *mirror) Announce(cid.Cid)                                        {}
func (m *mirror) GetBlock(context.Context, cid.Cid) (blocks.Block, error) { panic("not used") }
func (m *mirror) GetBlocks(ctx context.Context, ids []cid.Cid) (<-chan blocks.Block, error) {
	out := make(chan blocks.Block, len(ids))
	for _, id := range ids {
		if b, err := m.of.Blockstore().Get(ctx, id); err == nil {
			m.fetched++
			out <- b
		}
	}
	return out, nil // stays open, as bitswap's does
}

// damaged makes a store with a file of which one block has a flipped bit: in its
// data, in its header, or in the magic number.
func damaged(t *testing.T, offset int64) (s *Store, id cid.Cid, want []byte) {
	t.Helper()
	dir := t.TempDir()
	want = distinct(7, 900<<10)
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	id = put(t, s, want, "keep").CID
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, dir, offset)
	return open(t, Config{Dir: dir, FetchTimeout: 200 * time.Millisecond}), id, want
}

func TestDamageIsFoundAndNamed(t *testing.T) {
	for _, offset := range []int64{0, 5, 20, 1000, 300 << 10} {
		s, id, _ := damaged(t, offset)
		_, err := s.ReadAll(context.Background(), id, 1<<20)
		var block *BlockError
		if !errors.Is(err, ErrDamaged) || !errors.As(err, &block) || !block.CID.Defined() {
			t.Errorf("offset %d: got %v", offset, err)
			continue
		}
		if ids, err := s.Verify(context.Background(), id); err != nil || len(ids) != 1 || ids[0] != block.CID {
			t.Errorf("offset %d: verify says %v, %v", offset, ids, err)
		}
		if has(t, s, id) {
			t.Errorf("offset %d: damaged, but said to be here", offset)
		}
		if _, err := s.Blockstore().Get(context.Background(), block.CID); err == nil {
			t.Errorf("offset %d: damaged, but served to peers", offset)
		}
		if _, err := s.Collect(context.Background()); err != nil {
			t.Errorf("offset %d: collect: %v", offset, err)
		}
		if _, err := s.ReadAll(context.Background(), id, 1<<20); !errors.Is(err, ErrDamaged) {
			t.Errorf("offset %d: after a collection: %v", offset, err)
		}
		checkSound(t, s)
	}
}

// checkSound is checkAccounts for a store with damaged blocks.
func checkSound(t *testing.T, s *Store) {
	t.Helper()
	var live int64
	err := s.index.blocks(func(hash multihash.Multihash, e entry) error {
		if !e.damaged {
			live += recordSize(hash, e)
		}
		return nil
	})
	if u := s.Usage(); err != nil || u.Live != live {
		t.Errorf("the store says %d live bytes, there are %d, %v", u.Live, live, err)
	}
}

func TestDamageIsMendedFromAPeer(t *testing.T) {
	for _, offset := range []int64{0, 5, 20, 1000, 300 << 10} {
		s, id, want := damaged(t, offset)
		peer := open(t, Config{})
		put(t, peer, want, "keep")
		m := &mirror{of: peer}
		s.Attach(m)
		for range 2 {
			got, err := s.ReadAll(context.Background(), id, 1<<20)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("offset %d: %d bytes, %v", offset, len(got), err)
			}
		}
		if m.fetched != 1 {
			t.Errorf("offset %d: %d blocks fetched", offset, m.fetched)
		}
		s.Attach(nil)
		if got, err := s.ReadAll(context.Background(), id, 1<<20); err != nil || !bytes.Equal(got, want) {
			t.Errorf("offset %d: was not kept: %v", offset, err)
		}
		checkAccounts(t, s)
	}
}

func TestDamageIsMendedByImportingAgain(t *testing.T) {
	s, id, want := damaged(t, 1000)
	put(t, s, want, "again") // nobody has noticed the damage yet
	if got, err := s.ReadAll(context.Background(), id, 1<<20); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A file that no peer has any more is an error by CID, with the time it took.
func TestMissingBlocksAreNamed(t *testing.T) {
	s := open(t, Config{FetchTimeout: 50 * time.Millisecond})
	elsewhere := open(t, Config{})
	info := put(t, elsewhere, distinct(1, 900<<10), "keep")
	for _, attach := range []Exchange{nil, &mirror{of: open(t, Config{})}} {
		s.Attach(attach)
		var block *BlockError
		if _, err := s.Open(context.Background(), info.CID); !errors.Is(err, ErrMissing) || !errors.As(err, &block) || block.CID != info.CID {
			t.Errorf("open: %v", err)
		}
		if _, err := s.Fetch(context.Background(), info.CID, FetchOptions{}); !errors.Is(err, ErrMissing) {
			t.Errorf("fetch: %v", err)
		}
	}
	s.Attach(&mirror{of: elsewhere})
	if _, err := s.Fetch(context.Background(), info.CID, FetchOptions{Limit: 500 << 10}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("fetch with a limit: %v", err)
	}
	f, err := s.Open(context.Background(), info.CID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(io.Discard, f); err != nil || n != 900<<10 {
		t.Errorf("read %d, %v", n, err)
	}
}
