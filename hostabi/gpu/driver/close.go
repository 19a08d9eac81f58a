package driver

import (
	"fmt"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// Close frees everything. What is at work after Config.Grace is ended with the process.
func (s *session) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	well := s.err == nil
	s.mu.Unlock()
	if again {
		return fmt.Errorf("session: %w", device.ErrClosed)
	}
	s.lose(fmt.Errorf("session: %w", device.ErrClosed))
	for _, b := range s.take() {
		b.unmap()
	}
	if well {
		s.process.survivors.forget(s.limits.Label)
	}
	if s.process.alone {
		s.process.stop()
		return nil
	}
	s.leave()
	s.process.forget(s)
	return nil
}

// take takes all buffers away.
func (s *session) take() map[uint64]*buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	buffers := s.buffers
	s.buffers = nil
	return buffers
}

// leave tells the driver that there is no more to come, and sees that it does not work for
// the session any longer.
func (s *session) leave() {
	if s.conn.CloseWrite() != nil || s.left(s.process.config.Grace) {
		return
	}
	if s.overrun() {
		<-s.process.gone
		return
	}
	// Others' work is before its own. It is seen to that what comes later is not endless.
	s.process.begin(func() {
		for !s.left(s.process.config.Grace) && !s.overrun() {
		}
	})
}

// left tells whether the connection ends within that time.
func (s *session) left(d time.Duration) bool { return s.process.ended() || within(d, s.heard) }

// overrun kills the process if it is at work for the session now.
func (s *session) overrun() bool {
	busy := s.process.busy(s)
	if busy {
		s.process.kill(verdict{reason: fmt.Sprintf("work of %s did not end", s.name()), blamed: s})
	}
	return busy
}

func (s *session) name() string {
	if s.limits.Label == "" {
		return fmt.Sprintf("session %d", s.id)
	}
	return wire.Printable(s.limits.Label, device.MaxText)
}

// watch sees that kernels run no longer than Limits.QueueTime.
func (s *session) watch() {
	ticker := time.NewTicker(min(max(s.limits.QueueTime/10, 5*time.Millisecond), 250*time.Millisecond))
	defer ticker.Stop()
	var head uint64     // what was first in the queue at the last tick
	var since time.Time // when it was first seen to run
	for {
		if s.first() == 0 {
			select {
			case <-s.over:
				return
			case <-s.wake:
			}
		}
		select {
		case <-s.over:
			return
		case <-ticker.C:
		}
		first := s.first()
		if first == 0 || first != head {
			head, since = first, time.Now()
			continue
		}
		if !s.process.busy(s) {
			since = time.Now()
		} else if ran := time.Since(since); ran+s.Usage().Busy > s.limits.QueueTime {
			s.process.kill(verdict{reason: fmt.Sprintf("kernels of %s ran for more than %v", s.name(), s.limits.QueueTime), blamed: s})
			return
		}
	}
}

// first is the number of what is first in the queue, 0 if nothing is queued.
func (s *session) first() (first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for seq, e := range s.pending {
		if e.queued && (first == 0 || seq < first) {
			first = seq
		}
	}
	return first
}
