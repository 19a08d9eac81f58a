package journal

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func openMem(t *testing.T, disk vfs.FS) *Journal {
	t.Helper()
	j, err := Open(disk, "journal", Config{Name: "journal", Cache: 1 << 20, Table: 4 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func keys(t *testing.T, j *Journal, prefix string) (list string) {
	t.Helper()
	for e, err := range j.Under(prefix) {
		if err != nil {
			t.Fatal(err)
		}
		list += string(e.Key) + "=" + string(e.Value) + " "
	}
	return list
}

// What was synced survives a loss of power, with everything before it.
func TestJournalSurvivesPowerLoss(t *testing.T) {
	disk := vfs.NewCrashableMem()
	j := openMem(t, disk)
	for _, c := range []struct {
		r    Record
		sync bool
	}{
		{Record{Key: []byte("a/1"), Value: []byte("x")}, false},
		{Record{Key: []byte("a/2"), Value: []byte("x")}, false},
		{Record{Key: []byte("b/1"), Value: []byte("y")}, true},
		{Record{Key: []byte("a/1")}, true},
		{Record{Key: []byte("b/1"), Value: []byte("lost")}, false},
	} {
		if err := j.Commit([]Record{c.r}, c.sync); err != nil {
			t.Fatal(err)
		}
	}
	after := openMem(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	if a, b := keys(t, after, "a/"), keys(t, after, "b/"); a != "a/2=x " || b != "b/1=y " {
		t.Errorf("a: %s b: %s", a, b)
	}
}

// A disk that fails is an error, at once and for good, and not a panic.
func TestJournalOnFailingDisk(t *testing.T) {
	var full atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	j := openMem(t, disk)
	put := []Record{{Key: []byte("k"), Value: make([]byte, 100_000)}}
	if err := j.Commit(put, true); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	for range 2 {
		if err := j.Commit(put, true); !errors.Is(err, ErrFailed) {
			t.Errorf("%v", err)
		}
	}
}

func TestRangesOfKeys(t *testing.T) {
	j := openMem(t, vfs.NewMem())
	var all []Record
	for _, k := range []string{"a", "b\xff", "b\xff\xff1", "b\xffz", "c", "\xff", "\xff\xff"} {
		all = append(all, Record{Key: []byte(k), Value: []byte("v")})
	}
	if err := j.Commit(all, false); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]int{"b\xff": 3, "b": 3, "\xff": 2, "a": 1, "x": 0} {
		got := 0
		for _, err := range j.Under(prefix) {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got != want {
			t.Errorf("%d keys under %q, want %d", got, prefix, want)
		}
	}
	if err := j.Commit([]Record{{Key: []byte("b\xff"), End: After("b\xff")}}, false); err != nil {
		t.Fatal(err)
	}
	if left := keys(t, j, "b"); left != "" {
		t.Errorf("left %q", left)
	}
}
