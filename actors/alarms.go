package actors

import (
	"container/heap"
	"time"
)

// alarms is when what has to be looked at next, such as an actor: one heap for all of
// a node, so that an actor with a timer needs no timer of the process, and one without
// needs nothing.
type alarms[K comparable] struct {
	order alarmHeap[K]
	place map[K]*alarm[K]
}

// alarm is one key's.
type alarm[K comparable] struct {
	at    time.Time
	key   K
	index int // in the heap
}

func newAlarms[K comparable]() *alarms[K] { return &alarms[K]{place: make(map[K]*alarm[K])} }

// set sets a key's alarm, in place of the one it has. The zero time takes it back.
func (a *alarms[K]) set(key K, at time.Time) {
	old := a.place[key]
	switch {
	case at.IsZero() && old != nil:
		heap.Remove(&a.order, old.index)
		delete(a.place, key)
	case at.IsZero():
	case old != nil && old.at.Equal(at):
	case old != nil:
		old.at = at
		heap.Fix(&a.order, old.index)
	default:
		n := &alarm[K]{at: at, key: key}
		a.place[key] = n
		heap.Push(&a.order, n)
	}
}

// has tells whether a key has an alarm.
func (a *alarms[K]) has(key K) bool { return a.place[key] != nil }

// next is the time of the first alarm; zero if there is none.
func (a *alarms[K]) next() time.Time {
	if len(a.order) == 0 {
		return time.Time{}
	}
	return a.order[0].at
}

// due takes out a key whose alarm has come; false if there is none.
func (a *alarms[K]) due(now time.Time) (key K, ok bool) {
	if len(a.order) == 0 || a.order[0].at.After(now) {
		return key, false
	}
	first := heap.Pop(&a.order).(*alarm[K])
	delete(a.place, first.key)
	return first.key, true
}

// alarmHeap implements heap.Interface.
type alarmHeap[K comparable] []*alarm[K]

func (h alarmHeap[K]) Len() int           { return len(h) }
func (h alarmHeap[K]) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h alarmHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *alarmHeap[K]) Push(x any) {
	a := x.(*alarm[K])
	a.index = len(*h)
	*h = append(*h, a)
}

func (h *alarmHeap[K]) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return a
}
