package blobs

import (
	"bytes"
	"context"
	"io"
	"testing"

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
