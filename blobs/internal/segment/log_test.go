package segment

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func openLog(t testing.TB, dir string, size int64) *Log {
	t.Helper()
	l, err := Open(Config{Dir: dir, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func appendAll(t testing.TB, l *Log, records ...Record) []Location {
	t.Helper()
	at, err := l.Append(records)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

var (
	one  = Record{Key: []byte("k1"), Data: []byte("first")}
	two  = Record{Key: []byte("key2"), Data: bytes.Repeat([]byte("second"), 50000)}
	nil0 = Record{Key: []byte("k3"), Data: []byte{}}
)

// Version 1 of a record, byte by byte.
func TestRecordsHaveGoldenBytes(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, 1<<20)
	appendAll(t, l, one, nil0)
	got, err := os.ReadFile(filepath.Join(dir, "00000001.seg"))
	want := "gwb1\x00\x00\x00\x05\x02k1first" + "gwb1\x00\x00\x00\x00\x02k3"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhatIsAppendedIsReadAndScanned(t *testing.T) {
	l := openLog(t, t.TempDir(), 1<<20)
	at := appendAll(t, l, one, two, nil0)
	for i, r := range []Record{one, two, nil0} {
		if data, err := l.Read(at[i], r.Key); err != nil || !bytes.Equal(data, r.Data) {
			t.Errorf("record %d: %d bytes, %v", i, len(data), err)
		}
		if _, err := l.Read(at[i], []byte("other")); !errors.Is(err, ErrCorrupt) {
			t.Errorf("record %d under another key: %v", i, err)
		}
	}
	var seen []Location
	end, err := l.Scan(1, 0, 1<<20, func(at Location, r Record) bool { seen = append(seen, at); return true })
	if err != nil || end != l.Size(1) || len(seen) != 3 || seen[1] != at[1] {
		t.Errorf("scanned %v to %d, %v", seen, end, err)
	}
	if end, err := l.Scan(1, 0, 10, func(Location, Record) bool { return true }); err != nil || end != int64(at[1].Offset) {
		t.Errorf("a record above the limit: stopped at %d, %v", end, err)
	}
}

func TestSegmentsAreSealedResumedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, 1000)
	first := appendAll(t, l, one)
	if appendAll(t, l, two); !l.Full() {
		t.Error("not full")
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	if at := appendAll(t, l, one); at[0].Segment != 2 || at[0].Offset != 0 {
		t.Errorf("after sealing: %+v", at)
	}
	again := openLog(t, dir, 1000)
	again.Resume()
	if at := appendAll(t, again, nil0); at[0].Segment != 2 {
		t.Errorf("resumed: %+v", at)
	}
	if err := again.Remove(1); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Read(first[0], one.Key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

// Any bytes may be in a file: a scan yields records that are whole, and ends.
func FuzzScan(f *testing.F) {
	f.Add([]byte("gwb1\x00\x00\x00\x05\x02k1first" + "gwb1\x00\x00\x00\x00\x02k3"))
	f.Add([]byte("gwb1\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000001.seg"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, dir, 1<<20)
		end, err := l.Scan(1, 0, 1<<10, func(at Location, r Record) bool {
			if data, err := l.Read(at, r.Key); err != nil || !bytes.Equal(data, r.Data) || len(data) > 1<<10 {
				t.Errorf("at %+v: %d bytes, %v", at, len(data), err)
			}
			return true
		})
		if err != nil || end > int64(len(file)) {
			t.Errorf("ended at %d of %d, %v", end, len(file), err)
		}
	})
}
