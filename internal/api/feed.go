package api

import (
	"context"
	"iter"
	"sync"
)

// Feed hands events to any number of readers. It keeps the last ones for those
// who come late or come back; a writer never waits for a reader.
type Feed struct {
	mu   sync.Mutex
	ring []Event       // the event with number s is at s % len(ring)
	last uint64        // number of the newest event, 0 if there is none
	more chan struct{} // closed at the next event
}

// NewFeed makes a feed that remembers the last size events.
func NewFeed(size int) *Feed {
	return &Feed{ring: make([]Event, max(size, 1)), more: make(chan struct{})}
}

// Publish numbers an event and hands it to all readers.
func (f *Feed) Publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	e.Seq = f.last
	f.ring[e.Seq%uint64(len(f.ring))] = e
	close(f.more)
	f.more = make(chan struct{})
}

// Last is the number of the newest event, 0 if there was none.
func (f *Feed) Last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// Events are those after number after, until ctx is done. See [Backend].
func (f *Feed) Events(ctx context.Context, after uint64) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		if after == FromNow {
			after = f.Last()
		}
		for {
			e, more := f.next(after)
			if more != nil {
				select {
				case <-more:
					continue
				case <-ctx.Done():
					return
				}
			}
			after = e.Seq
			if ctx.Err() != nil || !yield(e) {
				return
			}
		}
	}
}

// next is the event after number after, or a channel to wait for it on.
func (f *Feed) next(after uint64) (Event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := uint64(len(f.ring))
	switch {
	case after == f.last:
		return Event{}, f.more
	case after > f.last: // a number of before a restart
		return Event{Type: EventMissed, Time: f.ring[f.last%size].Time}, nil
	case f.last-after > size:
		oldest := f.last - size + 1
		return Event{Type: EventMissed, Seq: oldest - 1, Missed: oldest - 1 - after, Time: f.ring[oldest%size].Time}, nil
	}
	return f.ring[(after+1)%size], nil
}
