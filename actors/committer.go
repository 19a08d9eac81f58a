package actors

import (
	"context"
	"sync"

	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// step is what one round of the loop wants done: on disk, then known there, then the
// rest.
type step struct {
	records  []journal.Record
	sync     bool
	written  []written
	after    []func()
	messages []outgoing // at once
}

// outgoing is a message for a node.
type outgoing struct {
	to      wire.NodeID
	message wire.NodeMessage
}

func (s *step) empty() bool {
	return len(s.records) == 0 && !s.sync && len(s.written) == 0 && len(s.after) == 0
}

// committer carries out steps in their order: first the journal, one batch and at most
// one sync for all the steps that wait, whatever actors they are of. So a slow disk
// makes larger batches, not a longer queue.
type committer struct {
	journal *journal.Journal
	inbox   *inbox // is told what is on disk
	queue[step]
}

func newCommitter(j *journal.Journal, in *inbox) *committer {
	return &committer{journal: j, inbox: in, queue: newQueue[step]()}
}

// run carries out steps until ctx is done. What has been added by then is still carried
// out. If the journal fails, the host must stop: what the groups believe is no longer
// on disk.
func (c *committer) run(ctx context.Context) error {
	for steps := c.take(ctx); len(steps) > 0; steps = c.take(ctx) {
		if err := c.write(steps); err != nil {
			return err
		}
		var all []written
		for i := range steps {
			all = append(all, steps[i].written...)
			for _, f := range steps[i].after {
				f()
			}
		}
		if len(all) > 0 {
			c.inbox.put(all)
		}
	}
	return nil
}

func (c *committer) write(steps []step) error {
	var records []journal.Record
	sync := false
	for _, s := range steps {
		records = append(records, s.records...)
		sync = sync || s.sync
	}
	if len(records) == 0 && !sync {
		return nil
	}
	return c.journal.Commit(records, sync)
}

// post encodes and sends what the loop says, in order.
type post struct {
	send func(outgoing)
	queue[outgoing]
}

func newPost(send func(outgoing)) *post { return &post{send: send, queue: newQueue[outgoing]()} }

// run sends until ctx is done.
func (p *post) run(ctx context.Context) error {
	for all := p.take(ctx); len(all) > 0; all = p.take(ctx) {
		for _, m := range all {
			p.send(m)
		}
	}
	return nil
}

// queue is what waits for a goroutine, which takes all of it at once.
type queue[T any] struct {
	mu   sync.Mutex
	all  []T
	wake chan struct{} // has room for one
}

func newQueue[T any]() queue[T] { return queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) add(more ...T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, more...)
	nudge(q.wake)
}

// take waits for something and takes all there is; nothing, once ctx is done and all is
// taken.
func (q *queue[T]) take(ctx context.Context) []T {
	for {
		if all := q.takeNow(); len(all) > 0 {
			return all
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return q.takeNow()
		}
	}
}

func (q *queue[T]) takeNow() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.all
	q.all = nil
	return all
}
