package journal

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Journal is an open journal. Its methods may be called by many goroutines at once.
type Journal struct {
	name   string
	db     *pebble.DB
	failed atomic.Bool
}

// Record is one key of the journal and what becomes of it.
type Record struct {
	Key []byte
	// Value is nil to delete the key.
	Value []byte
	// End, unless nil, deletes all keys from Key up to it.
	End []byte
}

// Config says how a journal is kept.
type Config struct {
	// Name is what errors call it: "journal of actors".
	Name string
	// Cache is how much of the disk's contents is kept in memory, in bytes.
	Cache int64
	// Table is how much is written before it moves from the log to a table, in bytes.
	Table uint64
	// Log takes what the store says: routine words at level debug.
	Log *slog.Logger
}

// Open opens or makes the journal in a folder of a file system. One process can have it
// open at a time.
func Open(disk vfs.FS, dir string, cfg Config) (*Journal, error) {
	cache := pebble.NewCache(cfg.Cache)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{
		Cache:              cache,
		FS:                 disk,
		MemTableSize:       cfg.Table,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             storeLog{cfg.Log},
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Name, err)
	}
	return &Journal{db: db, name: cfg.Name}, nil
}

// ErrFailed is wrapped when the journal cannot be written any more, such as on a full or
// broken disk: who keeps it must stop, and goes on from what is on disk when it is
// started again.
var ErrFailed = errors.New("cannot be written")

// failure is what pebble's fatal errors panic with, so that they end
// whatever goroutine they are met on.
type failure struct{ error }

// Commit writes records; with sync they, and all those committed before, are on
// disk when it returns.
func (j *Journal) Commit(records []Record, sync bool) (err error) {
	if j.failed.Load() {
		return j.broken(nil)
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			j.failed.Store(true)
			err = j.broken(p.error)
		default:
			panic(p)
		}
	}()
	return j.write(records, sync)
}

// broken is the error of a journal that has failed.
func (j *Journal) broken(why error) error {
	if why == nil {
		return fmt.Errorf("%s: %w", j.name, ErrFailed)
	}
	return fmt.Errorf("%s: %w: %w", j.name, ErrFailed, why)
}

func (j *Journal) write(records []Record, sync bool) error {
	b := j.db.NewBatch()
	for _, r := range records {
		if err := r.put(b); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	if err := b.Commit(&pebble.WriteOptions{Sync: sync}); err != nil {
		return j.broken(err)
	}
	return b.Close()
}

func (r Record) put(b *pebble.Batch) error {
	switch {
	case r.End != nil:
		return b.DeleteRange(r.Key, r.End, nil)
	case r.Value == nil:
		return b.Delete(r.Key, nil)
	}
	return b.Set(r.Key, r.Value, nil)
}

// Get returns a copy of a value, nil if there is none.
func (j *Journal) Get(key []byte) ([]byte, error) {
	value, closer, err := j.db.Get(key)
	if err == pebble.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.name, err)
	}
	defer closer.Close()
	return bytes.Clone(value), nil
}

// Entry is a key and its value; both are good until the next.
type Entry struct{ Key, Value []byte }

// Scan goes through all keys from low up to high, in order.
func (j *Journal) Scan(low, high []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
		if err != nil {
			yield(Entry{}, fmt.Errorf("%s: %w", j.name, err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			if !yield(Entry{it.Key(), it.Value()}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Entry{}, fmt.Errorf("%s: %w", j.name, err))
		}
	}
}

// Under goes through all keys that begin with prefix.
func (j *Journal) Under(prefix string) iter.Seq2[Entry, error] {
	return j.Scan([]byte(prefix), After(prefix))
}

// After is the first key behind all those that begin with prefix; nil if there
// is none.
func After(prefix string) []byte {
	end := bytes.TrimRight([]byte(prefix), "\xff")
	if len(end) == 0 {
		return nil
	}
	end[len(end)-1]++
	return end
}

// Close closes the journal. One that has failed is left as it is: pebble would wait
// for writes that never end.
func (j *Journal) Close() error {
	if j.failed.Load() {
		return nil
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", j.name, err)
	}
	return nil
}

// storeLog takes pebble's words: routine ones for debugging only.
type storeLog struct{ *slog.Logger }

func (l storeLog) Infof(format string, args ...any) {
	l.Debug(fmt.Sprintf(format, args...))
}

func (l storeLog) Errorf(format string, args ...any) {
	l.Error(fmt.Sprintf(format, args...))
}

// Fatalf is called where the store cannot go on, such as when its log cannot be
// written. It must not return: nothing after that would be on disk, so nothing more
// may be acknowledged. Writers of the journal recover; met on a goroutine of pebble's
// own it ends the process, which the journal survives like any other end.
func (l storeLog) Fatalf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}
