package blobs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/godwit-run/godwit/blobs/unixfscid"
)

const benchSize = 512 << 20

func random(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	if _, err := src.Read(b); err != nil {
		panic(err)
	}
	return b
}

// BenchmarkPut imports 512 MiB that are in memory into an empty store, until
// they are on the disk.
func BenchmarkPut(b *testing.B) {
	data := random(benchSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		b.StopTimer()
		s := open(b, Config{})
		b.StartTimer()
		if _, err := s.Import(context.Background(), bytes.NewReader(data), ImportOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet reads 512 MiB, verified.
func BenchmarkGet(b *testing.B) {
	s := open(b, Config{})
	info, err := s.Import(context.Background(), bytes.NewReader(random(benchSize)), ImportOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchSize)
	for b.Loop() {
		f, err := s.Open(context.Background(), info.CID)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, f); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// BenchmarkPutSmall imports files of 1 KiB, each until it is on the disk and
// pinned.
func BenchmarkPutSmall(b *testing.B) {
	s := open(b, Config{})
	b.SetBytes(1 << 10)
	b.RunParallel(func(pb *testing.PB) {
		data := make([]byte, 1<<10)
		for n := rand.Uint64(); pb.Next(); n++ {
			copy(data, fmt.Sprint(n))
			if _, err := s.Import(context.Background(), bytes.NewReader(data), ImportOptions{Pin: Pin{Name: "bench"}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBlocksInPebble is what BenchmarkPut is compared with: the same
// blocks, hashed and put into a pebble database with values apart from keys.
func BenchmarkBlocksInPebble(b *testing.B) {
	data := random(benchSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		b.StopTimer()
		db, err := pebble.Open(filepath.Join(b.TempDir(), "db"), pebbleForBlocks())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := putInPebble(db, data); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func pebbleForBlocks() *pebble.Options {
	o := &pebble.Options{MemTableSize: 32 << 20, FormatMajorVersion: pebble.FormatValueSeparation, Logger: quietLogger{}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{Enabled: true, MinimumSize: 1 << 10, MaxBlobReferenceDepth: 10, TargetGarbageRatio: 0.3}
	}
	return o
}

func putInPebble(db *pebble.DB, data []byte) error {
	batch := db.NewBatch()
	for len(data) > 0 {
		chunk := data[:unixfscid.ChunkSize]
		data = data[unixfscid.ChunkSize:]
		if err := batch.Set(unixfscid.Leaf(chunk).CID.Hash(), chunk, nil); err != nil {
			return err
		}
		if batch.Len() < intakeBytes {
			continue
		}
		if err := batch.Commit(pebble.NoSync); err != nil {
			return err
		}
		batch = db.NewBatch()
	}
	return batch.Commit(pebble.Sync)
}
