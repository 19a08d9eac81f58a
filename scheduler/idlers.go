package scheduler

import (
	"time"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// idler is a submitter that reserved and did not come: how often since it last
// did, and until when it gets nothing. Else one node could hold the capacity of all
// by asking for it again and again.
type idler struct {
	lapses int
	until  time.Time
}

const (
	// freeLapses may happen to anyone: a busy machine, a lost message.
	freeLapses = 8
	// The pause after each further lapse doubles from the first to the longest.
	firstIdlePause = time.Second
	maxIdlePause   = time.Minute
	// maxIdlers bounds how many are remembered.
	maxIdlers = 1024
)

// idled notes that a reservation has lapsed.
func (e *Executor) idled(submitter wire.NodeID) {
	i, known := e.idlers[submitter]
	if !known && len(e.idlers) >= maxIdlers {
		e.forgetIdlers()
	}
	i.lapses++
	if over := i.lapses - freeLapses; over > 0 {
		pause := maxIdlePause
		if over <= 6 { // beyond that it is longer than the longest
			pause = firstIdlePause << (over - 1)
		}
		i.until = e.now.Add(pause)
	}
	if known || len(e.idlers) < maxIdlers {
		e.idlers[submitter] = i
	}
}

// forgetIdlers drops those whose last pause is long over, or who never had one.
func (e *Executor) forgetIdlers() {
	for id, i := range e.idlers {
		if e.now.Sub(i.until) > maxIdlePause {
			delete(e.idlers, id)
		}
	}
}
