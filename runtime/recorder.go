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
	next   copies // of the next capture, as far as copied ahead
	last   copies // of the last one
	before copies // of the one before, which may be being written still
	taken  bool   // last has been handed out, and not been taken back
	ranges []linmem.Range
	again  []linmem.Range // to be copied though not written
}

// copies are the pages of one capture.
type copies struct {
	arena  []byte
	pieces []piece // in order of addresses
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
	var err error
	if r.ranges, err = r.tracker.Collect(r.ranges[:0]); err != nil {
		return fmt.Errorf("collect written pages: %w", err)
	}
	if len(r.again) > 0 {
		r.ranges = union(r.ranges, r.again)
		r.again = r.again[:0]
	}
	return r.mem.View(func(mem []byte) error {
		r.next.add(mem, r.ranges)
		return nil
	})
}

// handOut gives away what is to be in the next capture. What is copied from then on
// goes where the capture before the last one was.
func (r *recorder) handOut() []checkpoint.Run {
	r.next, r.last, r.before = copies{arena: shrink(r.before.arena)}, r.next, r.last
	r.taken = true
	return r.last.runs()
}

// takeBack puts the last capture under what has been copied since. The one before it
// stays as it is.
func (r *recorder) takeBack() {
	if !r.taken {
		return
	}
	r.last.lay(r.next)
	r.next, r.last, r.before = r.last, r.before, r.next
	r.taken = false
}

// shrink empties an arena; one that was hardly used is given back.
func shrink(arena []byte) []byte {
	if cap(arena) > 1<<20 && len(arena) < cap(arena)/4 {
		return nil
	}
	return arena[:0]
}

// add copies ranges of memory.
func (c *copies) add(mem []byte, ranges []linmem.Range) {
	size := 0
	for _, g := range ranges {
		size += int(min(g.End, uint64(len(mem))) - min(g.Start, uint64(len(mem))))
	}
	if len(c.arena)+size > 2*len(mem) {
		c.compact(size)
	}
	arena := slices.Grow(c.arena, size)
	fresh := make([]piece, 0, len(ranges))
	for _, g := range ranges {
		end := min(g.End, uint64(len(mem)))
		if g.Start >= end {
			continue
		}
		fresh = append(fresh, piece{g.Start, end, len(arena)})
		arena = append(arena, mem[g.Start:end]...)
	}
	c.arena = arena
	c.pieces = overlay(c.pieces, fresh)
}

// lay puts later copies over these.
func (c *copies) lay(later copies) {
	fresh := slices.Clone(later.pieces)
	for n := range fresh {
		fresh[n].off += len(c.arena)
	}
	c.arena = append(c.arena, later.arena...)
	c.pieces = overlay(c.pieces, fresh)
}

// compact leaves out of the arena what has been copied again since, so that it never
// holds more than twice the memory, however often it is copied ahead.
func (c *copies) compact(room int) {
	arena := make([]byte, 0, len(c.arena)+room)
	for n, p := range c.pieces {
		c.pieces[n].off = len(arena)
		arena = append(arena, c.arena[p.off:p.off+int(p.end-p.start)]...)
	}
	c.arena = arena
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
func (c *copies) runs() []checkpoint.Run {
	runs := make([]checkpoint.Run, len(c.pieces))
	for n, p := range c.pieces {
		end := p.off + int(p.end-p.start)
		runs[n] = checkpoint.Run{Start: p.start, Bytes: c.arena[p.off:end:end]}
	}
	return runs
}
