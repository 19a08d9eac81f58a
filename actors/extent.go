package actors

import (
	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// extent is which entries of a replica's log the journal has: from first up to, not
// including, end. Those that go are deleted one by one: a deletion of a whole range of
// keys slows down all reading until it is compacted away, and there would be two for
// each entry.
type extent struct{ first, end uint64 }

// manyEntries is from how many entries on a range is deleted all the same.
const manyEntries = 1024

func (e *extent) empty() bool { return e.first >= e.end }

// update is what becomes of the journal with a write.
func (e *extent) update(id wire.ActorID, w *group.Write) (records []journal.Record) {
	if w.Reset {
		records = e.cut(records, id, e.end)
	}
	if w.Cut > 0 {
		records = e.cut(records, id, w.Cut+1)
	}
	if len(w.Entries) == 0 {
		return records
	}
	records = e.truncate(records, id, w.First)
	for i, entry := range w.Entries {
		records = append(records, journal.Record{Key: entryKey(id, w.First+uint64(i)), Value: entry})
	}
	if e.empty() {
		e.first = w.First
	}
	e.end = w.First + uint64(len(w.Entries))
	return records
}

// cut deletes what is before an index.
func (e *extent) cut(records []journal.Record, id wire.ActorID, to uint64) []journal.Record {
	to = min(to, e.end)
	records = deletion(records, id, e.first, to)
	e.first = max(e.first, to)
	return records
}

// truncate deletes what is at an index and behind it.
func (e *extent) truncate(records []journal.Record, id wire.ActorID, from uint64) []journal.Record {
	from = max(from, e.first)
	records = deletion(records, id, from, e.end)
	e.end = min(e.end, max(from, e.first))
	return records
}

// deletion deletes the entries from first up to end.
func deletion(records []journal.Record, id wire.ActorID, first, end uint64) []journal.Record {
	if first >= end {
		return records
	}
	if end-first > manyEntries {
		return append(records, journal.Record{Key: entryKey(id, first), End: entryKey(id, end)})
	}
	for ; first < end; first++ {
		records = append(records, journal.Record{Key: entryKey(id, first)})
	}
	return records
}
