package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// MeshRate is how many vectors a second all nodes of a mesh say together at most.
// Each is passed on by everybody, so this is what bounds what gossip costs a node,
// however many there are.
const MeshRate = 20

// paceBurst is how many vectors a node may say at once after a quiet time.
const paceBurst = 2

// Pace says when a node tells the mesh of itself: in a small mesh every so often, and
// soon after a change; in a large one less often. Half of MeshRate is for what is said
// anyway, the rest for changes. It is pure: a token bucket.
type Pace struct {
	// Every is the longest time between two vectors in a small mesh, Least the
	// shortest in any.
	Every, Least time.Duration

	last    time.Time
	tokens  float64
	counted time.Time // when tokens were
}

// Interval is the longest time between two vectors in a mesh of so many nodes.
func (p *Pace) Interval(nodes int) time.Duration {
	return min(max(p.Every, share(nodes, MeshRate/2)), max(p.Every, wire.MaxEvery))
}

// share is the time from one vector of a node to the next if all nodes together say
// rate of them a second.
func share(nodes int, rate float64) time.Duration {
	return time.Duration(float64(max(nodes, 1)) / rate * float64(time.Second))
}

// Due tells whether a vector is due, for its time has come or for a change, and else
// when to ask again.
func (p *Pace) Due(now time.Time, nodes int, changed bool) (due bool, again time.Time) {
	p.count(now, nodes)
	again = p.last.Add(p.Interval(nodes))
	if changed {
		wait := time.Duration(0)
		if p.tokens < 1 {
			wait = time.Duration((1 - p.tokens) * float64(p.gap(nodes)))
		}
		again = earliest(again, later(p.last.Add(p.Least), now.Add(wait)))
	}
	return !again.After(now), again
}

// Said notes that a vector is said.
func (p *Pace) Said(now time.Time, nodes int) {
	p.count(now, nodes)
	if p.last.Add(p.Interval(nodes)).After(now) { // for a change, not since its time had come
		p.tokens = max(p.tokens-1, 0)
	}
	p.last = now
}

// gap is the time in which a node may say one more vector for a change: what the
// vectors that come anyway leave of the rate.
func (p *Pace) gap(nodes int) time.Duration {
	left := 1/share(nodes, MeshRate).Seconds() - 1/p.Interval(nodes).Seconds()
	return time.Duration(float64(time.Second) / max(left, 1/wire.MaxEvery.Seconds()))
}

func (p *Pace) count(now time.Time, nodes int) {
	if p.counted.IsZero() {
		p.counted, p.tokens = now, paceBurst
	}
	p.tokens = min(paceBurst, p.tokens+now.Sub(p.counted).Seconds()/p.gap(nodes).Seconds())
	p.counted = now
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// KnownNodes counts the nodes in view, this one included.
func (s *Submitter) KnownNodes() int { return len(s.view.known) }

// missedVectors is how many vectors a node may miss to say before it is forgotten.
const missedVectors = 3

// forgetAfter is how long a node may be silent before it leaves the view. It says
// itself how often it speaks, but no more than twice as rarely as is usual in a mesh
// of the size of the view.
func (v *view) forgetAfter(n *placement.Node) time.Duration {
	usual := Pace{Every: v.cfg.ForgetAfter / missedVectors}
	every := min(n.Vector.Every, 2*usual.Interval(len(v.known)))
	return max(v.cfg.ForgetAfter, missedVectors*every)
}
