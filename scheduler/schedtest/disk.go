package schedtest

import (
	"maps"
	"slices"

	"github.com/godwit-run/godwit/scheduler"
)

// disk is a journal: batches in order, of which a crash takes some that were not
// synced, from the end.
type disk struct {
	synced  map[string][]byte
	pending [][]scheduler.Record
}

func (d *disk) write(space string, records []scheduler.Record) {
	if len(records) == 0 {
		return
	}
	batch := slices.Clone(records)
	for i := range batch {
		batch[i].Key = space + batch[i].Key
	}
	d.pending = append(d.pending, batch)
}

// holds tells whether a key is safe on the disk.
func (d *disk) holds(key string) bool {
	_, ok := d.synced[key]
	return ok
}

func (d *disk) sync() { d.apply(len(d.pending)) }

func (d *disk) apply(batches int) {
	if d.synced == nil {
		d.synced = make(map[string][]byte)
	}
	for _, batch := range d.pending[:batches] {
		for _, r := range batch {
			if r.Value == nil {
				delete(d.synced, r.Key)
			} else {
				d.synced[r.Key] = r.Value
			}
		}
	}
	d.pending = nil
}

func (d *disk) crash(w *world) { d.apply(w.rng.IntN(len(d.pending) + 1)) }

func (d *disk) records(space string) (list []scheduler.Record) {
	for _, key := range slices.Sorted(maps.Keys(d.synced)) {
		if len(key) > len(space) && key[:len(space)] == space {
			list = append(list, scheduler.Record{Key: key[len(space):], Value: d.synced[key]})
		}
	}
	return list
}
