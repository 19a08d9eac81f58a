package godwit

import (
	"slices"
	"sync"

	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// waiters are those who wait for tasks to end.
type waiters struct {
	mu   sync.Mutex
	list map[wire.TaskID][]chan *scheduler.Task
}

// add returns a channel that gets the task at its end.
func (w *waiters) add(id wire.TaskID) chan *scheduler.Task {
	c := make(chan *scheduler.Task, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil {
		w.list = make(map[wire.TaskID][]chan *scheduler.Task)
	}
	w.list[id] = append(w.list[id], c)
	return c
}

func (w *waiters) remove(id wire.TaskID, c chan *scheduler.Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list[id] = slices.DeleteFunc(w.list[id], func(other chan *scheduler.Task) bool { return other == c })
	if len(w.list[id]) == 0 {
		delete(w.list, id)
	}
}

// end tells all who wait for a task. It must not be changed any more.
func (w *waiters) end(t *scheduler.Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.list[t.ID] {
		c <- t
	}
	delete(w.list, t.ID)
}
