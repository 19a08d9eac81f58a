package scheduler_test

import (
	"testing"
	"time"

	"github.com/godwit-run/godwit/scheduler"
)

// A task's whole way through both cores, with every message encoded and decoded,
// and the result signed and checked: what the cores cost a node that submits and
// runs it.
func BenchmarkTask(b *testing.B) {
	m := newMesh(b, scheduler.SubmitterConfig{MaxEnded: 1000}, small, small, small)
	for b.Loop() {
		m.now = m.now.Add(time.Millisecond)
		m.mustSubmit("a", m.spec())
		for id, starts := range m.starts {
			if len(starts) > 0 {
				m.end(m.names[id], success)
			}
		}
		m.trace = nil
	}
}

// The same with ten thousand tasks waiting.
func BenchmarkTaskBacklog(b *testing.B) {
	m := newMesh(b, scheduler.SubmitterConfig{MaxEnded: 1000, MaxQueued: 20_000}, small, small, small)
	for range 10_000 {
		m.mustSubmit("a", m.spec())
	}
	for b.Loop() {
		m.now = m.now.Add(time.Millisecond)
		m.mustSubmit("a", m.spec())
		for id, starts := range m.starts {
			if len(starts) > 0 {
				m.end(m.names[id], success)
				break
			}
		}
		m.trace = nil
	}
}
