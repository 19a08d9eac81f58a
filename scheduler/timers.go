package scheduler

import (
	"cmp"
	"container/heap"
	"time"
)

// timers holds one wake-up time for each key that has one. Those of one time are
// due in the order in which they were set.
type timers[K comparable] struct {
	heap timerHeap[K]
	seq  uint64
	at   map[K]*timer[K]
}

type timer[K comparable] struct {
	key   K
	at    time.Time
	seq   uint64
	index int
}

func newTimers[K comparable]() timers[K] { return timers[K]{at: make(map[K]*timer[K])} }

// set moves the key's wake-up; the zero time takes it away.
func (t *timers[K]) set(key K, at time.Time) {
	old := t.at[key]
	t.seq++
	switch {
	case at.IsZero() && old != nil:
		heap.Remove(&t.heap, old.index)
		delete(t.at, key)
	case at.IsZero():
	case old != nil:
		old.at, old.seq = at, t.seq
		heap.Fix(&t.heap, old.index)
	default:
		n := &timer[K]{key: key, at: at, seq: t.seq}
		t.at[key] = n
		heap.Push(&t.heap, n)
	}
}

// next is the earliest wake-up, zero if there is none.
func (t *timers[K]) next() time.Time {
	if len(t.heap) == 0 {
		return time.Time{}
	}
	return t.heap[0].at
}

// pop takes away the earliest wake-up if it is due.
func (t *timers[K]) pop(now time.Time) (key K, ok bool) {
	if len(t.heap) == 0 || t.heap[0].at.After(now) {
		return key, false
	}
	n := heap.Pop(&t.heap).(*timer[K])
	delete(t.at, n.key)
	return n.key, true
}

type timerHeap[K comparable] []*timer[K]

func (h timerHeap[K]) Len() int { return len(h) }
func (h timerHeap[K]) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].seq, h[j].seq)) < 0
}
func (h timerHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *timerHeap[K]) Push(x any) {
	n := x.(*timer[K])
	n.index = len(*h)
	*h = append(*h, n)
}

// Pop implements heap.Interface.
func (h *timerHeap[K]) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return n
}

// earliest is the first of the times that are not zero.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
