package actors

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// journal is the disk of all replicas of a node: their raft logs, and what a node
// knows of them while they are parked. What has been committed with sync is there
// after a SIGKILL or a loss of power; batches are committed whole, and in order.
type journal struct {
	db     *pebble.DB
	failed atomic.Bool
}

// record is one key of the journal and what becomes of it.
type record struct {
	key []byte
	// value is nil to delete the key.
	value []byte
	// end, unless nil, deletes all keys from key up to it.
	end []byte
}

// openJournal opens or makes the journal in a folder of a file system.
func openJournal(disk vfs.FS, dir string, log *slog.Logger) (*journal, error) {
	cache := pebble.NewCache(8 << 20)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{
		Cache:              cache,
		FS:                 disk,
		MemTableSize:       16 << 20, // most of a log is cut again before it is flushed
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             storeLog{log},
	})
	if err != nil {
		return nil, fmt.Errorf("open journal of actors: %w", err)
	}
	return &journal{db: db}, nil
}

// ErrJournal is wrapped when the journal cannot be written any more, such as on a
// full or broken disk: the host must stop, and goes on from what is on disk when it
// is started again.
var ErrJournal = errors.New("the journal of actors cannot be written")

// journalFailure is what pebble's fatal errors panic with, so that they end whatever
// goroutine they are met on.
type journalFailure struct{ error }

// commit writes records; with sync they, and all those committed before, are on disk
// when it returns.
func (j *journal) commit(records []record, sync bool) (err error) {
	if j.failed.Load() {
		return ErrJournal
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case journalFailure:
			j.failed.Store(true)
			err = fmt.Errorf("%w: %w", ErrJournal, p.error)
		default:
			panic(p)
		}
	}()
	return j.write(records, sync)
}

func (j *journal) write(records []record, sync bool) error {
	b := j.db.NewBatch()
	for _, r := range records {
		if err := r.put(b); err != nil {
			return fmt.Errorf("journal of actors: %w", err)
		}
	}
	if err := b.Commit(&pebble.WriteOptions{Sync: sync}); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return b.Close()
}

func (r record) put(b *pebble.Batch) error {
	switch {
	case r.end != nil:
		return b.DeleteRange(r.key, r.end, nil)
	case r.value == nil:
		return b.Delete(r.key, nil)
	}
	return b.Set(r.key, r.value, nil)
}

// pair is a key and its value; both are good until the next.
type pair struct{ key, value []byte }

// scan goes through all keys from low up to high, in order.
func (j *journal) scan(low, high []byte) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
		if err != nil {
			yield(pair{}, fmt.Errorf("journal of actors: %w", err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			if !yield(pair{it.Key(), it.Value()}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(pair{}, fmt.Errorf("journal of actors: %w", err))
		}
	}
}

// close closes the journal. One that has failed is left as it is: pebble would wait
// for writes that never end.
func (j *journal) close() error {
	if j.failed.Load() {
		return nil
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close journal of actors: %w", err)
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

// Fatalf is called where the store cannot go on. It must not return: nothing after
// that would be on disk, so nothing more may be acknowledged. Writers of the journal
// recover; met on a goroutine of pebble's own it ends the process, which the journal
// survives like any other end.
func (l storeLog) Fatalf(format string, args ...any) {
	panic(journalFailure{fmt.Errorf(format, args...)})
}
