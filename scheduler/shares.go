package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// shares sees to it that no submitter has an executor for itself while others want
// a part of it. Who is refused for want of capacity waits; while somebody waits,
// nobody else gets more than an even share. The share is that of the resource of
// which one has most (Dominant Resource Fairness, Ghodsi et al. 2011). Without
// anybody waiting there is no bound.
type shares struct {
	held    map[wire.NodeID]held
	waiting map[wire.NodeID]time.Time // until when
}

// held is what the runs of a submitter hold, reservations included.
type held struct {
	runs, cpu, memory, storage, network, gpus uint64
}

const (
	// waitFor is how long what nobody asks for again is kept for who was refused.
	waitFor = time.Second
	// maxWaiting bounds how many may wait.
	maxWaiting = 256
)

func newShares() shares {
	return shares{make(map[wire.NodeID]held), make(map[wire.NodeID]time.Time)}
}

// got notes what a submitter holds more. It waits no longer.
func (s *shares) got(id wire.NodeID, a *Allotment) {
	h := s.held[id]
	s.held[id] = held{h.runs + 1, h.cpu + uint64(a.CPU), h.memory + a.Memory, h.storage + a.Storage, h.network + a.Network, h.gpus + uint64(len(a.GPUs))}
	delete(s.waiting, id)
}

// gave notes what it holds no more.
func (s *shares) gave(id wire.NodeID, a *Allotment) {
	h := s.held[id]
	if h.runs == 1 {
		delete(s.held, id)
		return
	}
	s.held[id] = held{h.runs - 1, h.cpu - uint64(a.CPU), h.memory - a.Memory, h.storage - a.Storage, h.network - a.Network, h.gpus - uint64(len(a.GPUs))}
}

// refused notes that there was too little left for a submitter. What would be more
// than its share it does not wait for.
func (s *shares) refused(now time.Time, id wire.NodeID, needs wire.Profile, total *wire.Capacity) {
	s.expire(now)
	if _, waits := s.waiting[id]; !waits && len(s.waiting) >= maxWaiting {
		return
	}
	wants := s.held[id].with(needs)
	if wants.of(total)*float64(s.claimants(id)) <= 1 {
		s.waiting[id] = now.Add(waitFor)
	}
}

// over tells whether a submitter may get no more, since others wait.
func (s *shares) over(now time.Time, id wire.NodeID, needs wire.Profile, total *wire.Capacity) bool {
	s.expire(now)
	others := len(s.waiting)
	if _, waits := s.waiting[id]; waits {
		others--
	}
	if others == 0 || s.held[id].runs == 0 {
		return false
	}
	wants := s.held[id].with(needs)
	return wants.of(total)*float64(s.claimants(id)) > 1
}

func (s *shares) expire(now time.Time) {
	for id, until := range s.waiting {
		if !until.After(now) {
			delete(s.waiting, id)
		}
	}
}

// claimants counts those who hold something or wait, and this one.
func (s *shares) claimants(id wire.NodeID) int {
	n := len(s.held)
	for other := range s.waiting {
		if s.held[other].runs == 0 {
			n++
		}
	}
	if _, waits := s.waiting[id]; s.held[id].runs == 0 && !waits {
		n++
	}
	return n
}

// next is who has waited for longest, to be told that there is room.
func (s *shares) next(now time.Time) (first wire.NodeID, ok bool) {
	s.expire(now)
	for id, until := range s.waiting {
		if !ok || until.Before(s.waiting[first]) || until.Equal(s.waiting[first]) && id < first {
			first, ok = id, true
		}
	}
	return first, ok
}

func (h held) with(p wire.Profile) held {
	h.cpu += uint64(p.CPU)
	h.memory += p.Memory
	h.storage += p.Storage
	h.network += p.Network
	if p.GPU != nil && p.GPU.Required {
		h.gpus += uint64(p.GPU.Count)
	}
	return h
}

// of is the largest of the parts that it is of a total.
func (h held) of(total *wire.Capacity) float64 {
	part := func(has, of uint64) float64 { return float64(has) / float64(max(of, 1)) }
	return max(part(h.cpu, uint64(total.CPU)), part(h.memory, total.Memory), part(h.storage, total.Storage),
		part(h.network, total.Network), part(h.gpus, uint64(len(total.GPUs))))
}
