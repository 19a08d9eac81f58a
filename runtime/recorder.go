package runtime

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/linmem"
)

// recorder copies the written pages of one linear memory, capture after capture.
type recorder struct {
	mem     *linmem.Memory
	tracker *linmem.Tracker

	mu     sync.Mutex
	arenas [2][]byte // the copies: of the last capture that was kept, and of the next
	at     int       // the arena being filled
	kept   bool      // what pieces say has been handed out, for good
	pieces []piece   // pages copied into the arena
	ranges []linmem.Range
	again  []linmem.Range // to be copied though not written
}

// piece is a stretch of memory and where its copy is.
type piece struct {
	start, end uint64 // addresses, multiples of the page size
	off        int    // in the arena
}

func (p piece) from(start uint64) piece { return piece{start, p.end, p.off + int(start-p.start)} }

// take copies all that has been written since the last time, over what has been
// copied before.
func (r *recorder) take() error {
	if r.kept {
		r.at, r.pieces, r.kept = 1-r.at, r.pieces[:0], false
		r.arenas[r.at] = shrink(r.arenas[r.at])
	}
	var err error
	if r.ranges, err = r.tracker.Collect(r.ranges[:0]); err != nil {
		return fmt.Errorf("collect written pages: %w", err)
	}
	if len(r.again) > 0 {
		r.ranges = union(r.ranges, r.again)
		r.again = r.again[:0]
	}
	return r.mem.View(func(mem []byte) error {
		r.copy(mem)
		return nil
	})
}

// shrink empties an arena; one that was hardly used is given back.
func shrink(arena []byte) []byte {
	if cap(arena) > 1<<20 && len(arena) < cap(arena)/4 {
		return nil
	}
	return arena[:0]
}

func (r *recorder) copy(mem []byte) {
	size := 0
	for _, g := range r.ranges {
		size += int(min(g.End, uint64(len(mem))) - min(g.Start, uint64(len(mem))))
	}
	if len(r.arenas[r.at])+size > 2*len(mem) {
		r.compact(size)
	}
	arena := slices.Grow(r.arenas[r.at], size)
	fresh := make([]piece, 0, len(r.ranges))
	for _, g := range r.ranges {
		end := min(g.End, uint64(len(mem)))
		if g.Start >= end {
			continue
		}
		fresh = append(fresh, piece{g.Start, end, len(arena)})
		arena = append(arena, mem[g.Start:end]...)
	}
	r.arenas[r.at] = arena
	r.pieces = overlay(r.pieces, fresh)
}

// compact leaves out of the arena what has been copied again since, so that it never
// holds more than twice the memory, however often it is copied ahead.
func (r *recorder) compact(room int) {
	old := r.arenas[r.at]
	arena := make([]byte, 0, len(old)+room)
	for n, p := range r.pieces {
		r.pieces[n].off = len(arena)
		arena = append(arena, old[p.off:p.off+int(p.end-p.start)]...)
	}
	r.arenas[r.at] = arena
}

// overlay puts the fresh pieces over the old ones. Both are in order, and so is
// the result.
func overlay(old, fresh []piece) []piece {
	if len(old) == 0 {
		return fresh
	}
	merged := slices.Clone(fresh)
	for _, p := range old {
		i, _ := slices.BinarySearchFunc(fresh, p.start, func(f piece, start uint64) int { return cmp.Compare(f.end, start+1) })
		for ; i < len(fresh) && fresh[i].start < p.end; i++ {
			if p.start < fresh[i].start {
				merged = append(merged, piece{p.start, fresh[i].start, p.off})
			}
			p = p.from(min(p.end, fresh[i].end))
		}
		if p.start < p.end {
			merged = append(merged, p)
		}
	}
	slices.SortFunc(merged, func(a, b piece) int { return cmp.Compare(a.start, b.start) })
	return merged
}

// union joins two ordered lists of ranges.
func union(a, b []linmem.Range) []linmem.Range {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b linmem.Range) int { return cmp.Compare(a.Start, b.Start) })
	joined := all[:0]
	for _, g := range all {
		if n := len(joined); n > 0 && g.Start <= joined[n-1].End {
			joined[n-1].End = max(joined[n-1].End, g.End)
			continue
		}
		joined = append(joined, g)
	}
	return joined
}

// runs are the pieces as a capture has them. A piece may end within a page where
// pages of the system are larger than the memory's end: never with 4 KiB.
func (r *recorder) runs() []checkpoint.Run {
	runs := make([]checkpoint.Run, len(r.pieces))
	arena := r.arenas[r.at]
	for n, p := range r.pieces {
		end := p.off + int(p.end-p.start)
		runs[n] = checkpoint.Run{Start: p.start, Bytes: arena[p.off:end:end]}
	}
	return runs
}
