package actors

import (
	"context"
	"sync"
)

// inbox is what waits for the loop. Whoever puts something in pays for a lock and an
// append; the loop takes all that has come together at once.
type inbox struct {
	mu     sync.Mutex
	events []any
	spare  []any         // what take returned last
	closed bool          // nobody takes any more
	wake   chan struct{} // has room for one
	room   chan struct{} // closed and replaced when a full box was emptied; nil if it is not full
}

// maxInbox is how many events wait for the loop before clients and nodes have to wait
// too.
const maxInbox = 1 << 16

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put puts an event in, whatever waits already: for what the host's own parts have to
// say. It tells whether the loop will see it.
func (b *inbox) put(ev any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(ev)
}

func (b *inbox) add(ev any) bool {
	if b.closed {
		return false
	}
	b.events = append(b.events, ev)
	if len(b.events) == 1 {
		nudge(b.wake)
	}
	return true
}

// offer puts an event in once there is room: for what comes from outside. Its errors
// are ctx's and ErrUnavailable.
func (b *inbox) offer(ctx context.Context, ev any) error {
	for {
		full, ok := b.tryOffer(ev)
		if full == nil {
			if !ok {
				return ErrUnavailable
			}
			return nil
		}
		select {
		case <-full:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryOffer puts an event in, or returns a channel that is closed when it is worth
// another try.
func (b *inbox) tryOffer(ev any) (full <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.events) < maxInbox {
		return nil, b.add(ev)
	}
	if b.room == nil {
		b.room = make(chan struct{})
	}
	return b.room, false
}

// take empties the box. What it returns is good until the next call.
func (b *inbox) take() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	clear(b.spare)
	b.events, b.spare = b.spare[:0], events
	b.makeRoom()
	return events
}

func (b *inbox) makeRoom() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}

// close has nothing put in any more.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.makeRoom()
}

// nudge wakes whoever waits on a channel with room for one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
