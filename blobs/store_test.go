package blobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

// pattern is a stream of n bytes that no chunking aligns with.
type pattern struct{ n, i int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.i == p.n {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.n-p.i)]
	for k := range b {
		x := uint64(p.i) + uint64(k)
		b[k] = byte(x*31 + x>>8*17 + x>>16*13)
	}
	p.i += int64(len(b))
	return len(b), nil
}

func patternBytes(n int64) []byte {
	b, err := io.ReadAll(&pattern{n: n})
	if err != nil {
		panic(err)
	}
	return b
}

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestWhatIsImportedIsReadBack(t *testing.T) {
	s := open(t, Config{})
	ctx := context.Background()
	for _, size := range []int64{0, 1, unixfscid.ChunkSize - 1, unixfscid.ChunkSize, unixfscid.ChunkSize + 1, 5 << 20, 50<<20 + 7} {
		var last int64
		info, err := s.Import(ctx, &pattern{n: size}, ImportOptions{Progress: func(n int64) { last = n }})
		if err != nil {
			t.Fatal(size, err)
		}
		want, _, err := unixfscid.Sum(&pattern{n: size})
		if err != nil || info.CID != want || info.Size != size || info.Kind != KindFile || info.Missing != 0 || last != size {
			t.Fatalf("%d bytes: %+v, last %d, want %s", size, info, last, want)
		}
		got, err := s.ReadAll(ctx, info.CID, size)
		if err != nil || !bytes.Equal(got, patternBytes(size)) {
			t.Fatalf("%d bytes read back wrong: %v", size, err)
		}
	}
}

// Importing and reading take the same memory whatever the size.
func TestBigFilesTakeBoundedMemory(t *testing.T) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 256 << 20
	}
	s := open(t, Config{})
	goruntime.GC()
	var before, now goruntime.MemStats
	goruntime.ReadMemStats(&before)
	peak := uint64(0)
	look := func(done int64) {
		if done%(16<<20) == 0 {
			goruntime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
	}
	info, err := s.Import(context.Background(), &pattern{n: size}, ImportOptions{Progress: look})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(context.Background(), info.CID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read := int64(0)
	n, err := io.Copy(writerFunc(func(p []byte) (int, error) {
		read += int64(len(p))
		look(read)
		return len(p), nil
	}), f)
	if err != nil || n != size {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 96<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	} else {
		t.Logf("the heap grew by %d MiB", grown>>20)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFilesAreReadAnywhere(t *testing.T) {
	s := open(t, Config{})
	want := patternBytes(3<<20 + 5)
	info, err := s.Import(context.Background(), bytes.NewReader(want), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(context.Background(), info.CID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := iotest.TestReader(f, want); err != nil {
		t.Error(err)
	}
}

func TestAReaderThatFailsLeavesNothing(t *testing.T) {
	s := open(t, Config{})
	cause := errors.New("the cable was pulled")
	r := io.MultiReader(&pattern{n: 20 << 20}, iotest.ErrReader(cause))
	if _, err := s.Import(context.Background(), r, ImportOptions{Pin: Pin{Name: "keep"}}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Collect(context.Background()); err != nil || s.Usage().Disk != 0 {
		t.Errorf("%+v is left, %v", s.Usage(), err)
	}
}

func TestACancelledImportEnds(t *testing.T) {
	s := open(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	endless := io.MultiReader(&pattern{n: 10 << 20}, readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if _, err := s.Import(ctx, endless, ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir})
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("same process: %v", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), ErrLocked.Error()) {
		t.Errorf("another process: %v, %s", err, out)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	info := put(t, s, []byte("x"), "keep")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, importErr := s.Import(context.Background(), strings.NewReader("y"), ImportOptions{})
	_, readErr := s.ReadAll(context.Background(), info.CID, 10)
	_, collectErr := s.Collect(context.Background())
	for _, err := range []error{importErr, readErr, collectErr, s.Pin(Pin{Name: "a", CID: info.CID}), s.Unpin(info.CID, "keep")} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	open(t, Config{Dir: dir})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
