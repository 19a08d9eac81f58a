package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

func put(t testing.TB, s *Store, data []byte, pin string) Info {
	t.Helper()
	info, err := s.Import(context.Background(), bytes.NewReader(data), ImportOptions{Pin: Pin{Name: pin}})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func has(t testing.TB, s *Store, id cid.Cid) bool {
	t.Helper()
	ok, err := s.Has(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// distinct is data that shares no chunk with that of another seed.
func distinct(seed byte, n int) []byte {
	data := make([]byte, n)
	if _, err := rand.NewChaCha8([32]byte{seed}).Read(data); err != nil {
		panic(err)
	}
	return data
}

func TestCollectKeepsWhatIsReachable(t *testing.T) {
	s := open(t, Config{})
	ctx := context.Background()
	kept := put(t, s, distinct(1, 3<<20), "keep")
	loose := put(t, s, distinct(2, 3<<20), "")
	twice := put(t, s, distinct(3, 3<<20), "one")
	put(t, s, distinct(3, 3<<20), "two")
	read := put(t, s, distinct(4, 3<<20), "")
	f, err := s.Open(ctx, read.CID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Unpin(twice.CID, "one"); err != nil {
		t.Fatal(err)
	}
	done, err := s.Collect(ctx)
	if err != nil || done.Blocks != int64(loose.Blocks) || done.Bytes < 3<<20 {
		t.Errorf("collected %+v, %v", done, err)
	}
	for _, c := range []struct {
		id   cid.Cid
		want bool
	}{{kept.CID, true}, {loose.CID, false}, {twice.CID, true}, {read.CID, true}} {
		if has(t, s, c.id) != c.want {
			t.Errorf("%s is here: %v", c.id, !c.want)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(ctx); err != nil || has(t, s, read.CID) {
		t.Errorf("a file that was closed is still here, %v", err)
	}
	checkAccounts(t, s)
}

func TestUnpinningTwiceIsAnError(t *testing.T) {
	s := open(t, Config{})
	info := put(t, s, []byte("x"), "a")
	if err := s.Unpin(info.CID, "b"); !errors.Is(err, ErrNotPinned) {
		t.Errorf("got %v", err)
	}
	if err := s.Unpin(info.CID, "a"); err != nil {
		t.Error(err)
	}
	if err := s.Unpin(info.CID, "a"); !errors.Is(err, ErrNotPinned) {
		t.Errorf("got %v", err)
	}
}

func TestAQuotaCollectsFirstAndRefusesThen(t *testing.T) {
	const quota = 24 << 20
	s := open(t, Config{Quota: quota})
	for seed := range byte(20) {
		put(t, s, distinct(seed, 5<<20), "") // makes room for itself
	}
	if u := s.Usage(); u.Disk > quota {
		t.Errorf("%d bytes on disk", u.Disk)
	}
	var kept []cid.Cid
	for seed := byte(100); ; seed++ {
		data := distinct(seed, 5<<20)
		info, err := s.Import(context.Background(), bytes.NewReader(data), ImportOptions{Pin: Pin{Name: "keep"}})
		var full *QuotaError
		if errors.As(err, &full) {
			if !errors.Is(err, ErrQuota) || full.Quota != quota || full.Used+full.Need <= quota {
				t.Errorf("got %#v", full)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, info.CID)
	}
	if len(kept) != 4 {
		t.Errorf("%d files of 5 MiB fit in 24 MiB", len(kept))
	}
	for _, id := range kept {
		if !has(t, s, id) {
			t.Errorf("%s was harmed", id)
		}
	}
	if err := s.Unpin(kept[0], "keep"); err != nil {
		t.Fatal(err)
	}
	put(t, s, distinct(99, 4<<20), "keep")
	checkAccounts(t, s)
}

// Imports, pins and reads go on while others collect; what was pinned when its
// import returned never goes.
func TestCollectingBesideEverythingElse(t *testing.T) {
	s := open(t, Config{})
	ctx, stop := context.WithCancel(context.Background())
	var collector, writers sync.WaitGroup
	collector.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Collect(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	for w := range byte(4) {
		writers.Go(func() {
			for i := range 25 {
				data := distinct(w*40+byte(i), 700<<10)
				copy(data, fmt.Sprint(w, i))
				info, err := s.Import(context.Background(), bytes.NewReader(data), ImportOptions{Pin: Pin{Name: "keep"}})
				if err != nil {
					t.Error(err)
					return
				}
				got, err := s.ReadAll(context.Background(), info.CID, 1<<20)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if i%2 == 0 {
					if err := s.Unpin(info.CID, "keep"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	stop()
	collector.Wait()
	if _, err := s.Collect(context.Background()); err != nil {
		t.Fatal(err)
	}
	pins := 0
	for p, err := range s.Pins() {
		if err != nil || !has(t, s, p.CID) {
			t.Errorf("pinned %s is gone, %v", p.CID, err)
		}
		pins++
	}
	if pins != 4*12 {
		t.Errorf("%d pins", pins)
	}
	checkAccounts(t, s)
}

// A store does what a map would, over any sequence of operations.
func TestStoreAgainstAMap(t *testing.T) {
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		cfg := Config{Dir: fmt.Sprintf("%s/%d", dir, round), Quota: 1 << 30}
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		data := map[cid.Cid][]byte{}
		pins := map[cid.Cid]map[string]bool{}
		name := rapid.SampledFrom([]string{"a", "b"})
		pinned := func(t *rapid.T) cid.Cid {
			var ids []cid.Cid
			for id := range pins {
				ids = append(ids, id)
			}
			if len(ids) == 0 {
				t.Skip("nothing pinned")
			}
			return rapid.SampledFrom(ids).Draw(t, "id")
		}
		t.Repeat(map[string]func(*rapid.T){
			"import": func(t *rapid.T) {
				d := distinct(rapid.Byte().Draw(t, "seed"), rapid.SampledFrom([]int{0, 1, 1000, 300 << 10}).Draw(t, "size"))
				n := name.Draw(t, "name")
				info, err := s.Import(context.Background(), bytes.NewReader(d), ImportOptions{Pin: Pin{Name: n}})
				if err != nil {
					t.Fatal(err)
				}
				data[info.CID] = d
				if pins[info.CID] == nil {
					pins[info.CID] = map[string]bool{}
				}
				pins[info.CID][n] = true
			},
			"unpin": func(t *rapid.T) {
				id, n := pinned(t), name.Draw(t, "name")
				if err := s.Unpin(id, n); (err == nil) != pins[id][n] {
					t.Fatalf("unpin: %v, was pinned: %v", err, pins[id][n])
				}
				if delete(pins[id], n); len(pins[id]) == 0 {
					delete(pins, id)
				}
			},
			"collect": func(t *rapid.T) {
				if _, err := s.Collect(context.Background()); err != nil {
					t.Fatal(err)
				}
				for id, d := range data {
					if ok, err := s.Has(context.Background(), id); err != nil || ok != (len(pins[id]) > 0 || len(d) == 0) {
						t.Fatalf("%s of %d bytes is here: %v, %v; pins %v", id, len(d), ok, err, pins[id])
					}
				}
			},
			"reopen": func(t *rapid.T) {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(cfg); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for id := range pins {
					got, err := s.ReadAll(context.Background(), id, 1<<20)
					if err != nil || !bytes.Equal(got, data[id]) {
						t.Fatalf("%s: %d bytes, %v", id, len(got), err)
					}
				}
			},
		})
	})
}
