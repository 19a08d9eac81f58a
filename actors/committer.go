package actors

import (
	"context"
	"sync"

	"github.com/godwit-run/godwit/actors/wire"
)

// step is what one round of the loop wants done, in this order: on disk, then said,
// then the rest.
type step struct {
	records  []record
	sync     bool
	messages []outgoing
	after    []func()
}

// outgoing is a message for a node.
type outgoing struct {
	to      wire.NodeID
	message wire.NodeMessage
}

func (s *step) empty() bool {
	return len(s.records) == 0 && !s.sync && len(s.messages) == 0 && len(s.after) == 0
}

// committer carries out steps in their order: first the journal, one batch and at most
// one sync for all the steps that wait, whatever actors they are of; then what they
// say. So a slow disk makes larger batches, not a longer queue.
type committer struct {
	journal *journal
	send    func(outgoing)

	mu    sync.Mutex
	steps []step
	wake  chan struct{} // has room for one
}

func newCommitter(j *journal, send func(outgoing)) *committer {
	return &committer{journal: j, send: send, wake: make(chan struct{}, 1)}
}

func (c *committer) add(s step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
	nudge(c.wake)
}

func (c *committer) takeAll() []step {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := c.steps
	c.steps = nil
	return steps
}

// run carries out steps until ctx is done. What has been added by then is still carried
// out. If the journal fails, the host must stop: what the groups believe is no longer
// on disk.
func (c *committer) run(ctx context.Context) error {
	for {
		steps := c.takeAll()
		if len(steps) == 0 {
			select {
			case <-c.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err := c.write(steps); err != nil {
			return err
		}
		for i := range steps {
			c.carryOut(&steps[i])
		}
	}
}

func (c *committer) write(steps []step) error {
	var records []record
	sync := false
	for _, s := range steps {
		records = append(records, s.records...)
		sync = sync || s.sync
	}
	if len(records) == 0 && !sync {
		return nil
	}
	return c.journal.commit(records, sync)
}

func (c *committer) carryOut(s *step) {
	for _, m := range s.messages {
		c.send(m)
	}
	for _, f := range s.after {
		f()
	}
}
