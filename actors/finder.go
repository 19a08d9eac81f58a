package actors

import (
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// findWait is how long a question to the other nodes waits for those that do not
// answer.
const findWait = 700 * time.Millisecond

// finder asks other nodes for actors. It is pure: see calls.
type finder struct {
	self wire.NodeID
	send func(to wire.NodeID, m wire.NodeMessage)
	last uint64
	open map[uint64]*query
	due  *alarms[uint64]
}

// query is a question under way.
type query struct {
	text string // a name, an id or the beginning of one; empty: all actors
	// asked are those that have not answered yet.
	asked map[wire.NodeID]bool
	found []wire.Where
	// done gets what was found, and whether all that were asked have answered.
	done func(found []wire.Where, all bool)
}

func newFinder(self wire.NodeID, send func(wire.NodeID, wire.NodeMessage)) *finder {
	return &finder{self: self, send: send, open: make(map[uint64]*query), due: newAlarms[uint64]()}
}

// begin asks nodes for what a text means.
func (f *finder) begin(now time.Time, text string, nodes []wire.NodeID, done func([]wire.Where, bool)) {
	if len(nodes) == 0 {
		done(nil, true)
		return
	}
	f.last++
	q := &query{text: text, asked: make(map[wire.NodeID]bool), done: done}
	f.open[f.last] = q
	f.due.set(f.last, now.Add(findWait))
	for _, node := range nodes {
		q.asked[node] = true
		f.send(node, wire.Find{Query: f.last, Name: text, Asker: f.self})
	}
}

// found takes an answer. One that has the very name is enough.
func (f *finder) found(from wire.NodeID, m wire.Found) {
	q := f.open[m.Query]
	if q == nil || !q.asked[from] {
		return
	}
	enough := false
	for _, w := range m.Actors {
		if q.text == "" || matches(q.text, &w) {
			q.found = append(q.found, w)
			enough = enough || w.Name == q.text
		}
	}
	if !m.More {
		delete(q.asked, from)
	}
	if enough || len(q.asked) == 0 {
		f.end(m.Query, len(q.asked) == 0)
	}
}

// lost expects no answer of a node any more.
func (f *finder) lost(node wire.NodeID) {
	for id, q := range f.open {
		if !q.asked[node] {
			continue
		}
		if delete(q.asked, node); len(q.asked) == 0 {
			f.end(id, false)
		}
	}
}

// tick ends what has waited long enough.
func (f *finder) tick(now time.Time) {
	for id, ok := f.due.due(now); ok; id, ok = f.due.due(now) {
		f.end(id, false)
	}
}

func (f *finder) end(id uint64, all bool) {
	q := f.open[id]
	delete(f.open, id)
	f.due.set(id, time.Time{})
	q.done(q.found, all)
}
