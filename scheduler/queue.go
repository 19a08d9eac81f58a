package scheduler

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// queue holds tasks that wait for a node: higher priority first, then older. Age
// counts against priority, so that no stream of important tasks keeps others from
// ever running: see turn. Tasks
// that want the same of a node stand in one line: if the first finds none, so do
// the others, and they need not be tried.
type queue struct {
	lines map[string]*line
	order lineHeap
	size  int
}

// line is tasks of one priority that want the same, oldest first.
type line struct {
	key   string
	tasks []*task
	index int // in the heap; -1 while it is set aside
}

func newQueue() queue { return queue{lines: make(map[string]*line)} }

// groupOf names the line that a task stands in.
func groupOf(spec *wire.Spec) string {
	return string(encodeRecord([]any{spec.Priority, spec.Needs(), spec.Hints, spec.Placement, spec.Class, spec.MaxCost, spec.Limits.Fuel}))
}

func (q *queue) len() int { return q.size }

func (q *queue) push(t *task) {
	if t.group == "" {
		t.group = groupOf(t.spec)
	}
	l := q.lines[t.group]
	if l == nil {
		l = &line{key: t.group}
		q.lines[t.group] = l
		l.insert(t)
		heap.Push(&q.order, l)
	} else {
		l.insert(t)
		q.fix(l)
	}
	q.size++
}

func (q *queue) remove(t *task) {
	l := q.lines[t.group]
	i, ok := l.find(t)
	if !ok {
		panic("task in no line") // phaseQueued means that it is in one
	}
	l.tasks = slices.Delete(l.tasks, i, i+1)
	q.size--
	if len(l.tasks) > 0 {
		q.fix(l)
		return
	}
	delete(q.lines, l.key)
	if l.index >= 0 {
		heap.Remove(&q.order, l.index)
	}
}

func (q *queue) fix(l *line) {
	if l.index >= 0 {
		heap.Fix(&q.order, l.index)
	}
}

// setAside takes the first line out of the order, until putBack.
func (q *queue) setAside() *line { return heap.Pop(&q.order).(*line) }

// putBack ends setAside for lines that are not empty by now.
func (q *queue) putBack(lines []*line) {
	for _, l := range lines {
		if len(l.tasks) > 0 {
			heap.Push(&q.order, l)
		}
	}
}

func (l *line) find(t *task) (int, bool) {
	return slices.BinarySearchFunc(l.tasks, t, func(a, b *task) int { return a.id.Compare(b.id) })
}

func (l *line) insert(t *task) {
	i, _ := l.find(t)
	l.tasks = slices.Insert(l.tasks, i, t)
}

// lineHeap orders lines by their first tasks.
type lineHeap []*line

func (h lineHeap) Len() int { return len(h) }

func (h lineHeap) Less(i, j int) bool {
	a, b := h[i].tasks[0], h[j].tasks[0]
	return cmp.Or(turn(a).Compare(turn(b)), a.id.Compare(b.id)) < 0
}

// agePerLevel is how much older a task must be to come before one whose priority is
// a level higher.
const agePerLevel = time.Minute

// turn orders tasks of all priorities by when they would have come if all had the
// same one. So who is first never changes while they wait.
func turn(t *task) time.Time {
	return t.id.Time().Add(-time.Duration(t.spec.Priority) * agePerLevel)
}

func (h lineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *lineHeap) Push(x any) {
	l := x.(*line)
	l.index = len(*h)
	*h = append(*h, l)
}

// Pop implements heap.Interface.
func (h *lineHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.index = -1
	return l
}
