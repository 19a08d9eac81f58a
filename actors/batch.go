package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/actors/wire"
)

// batch is messages of a client for one actor that want no answer. If the actor is led
// here they go into its log together, and one note of the batch stands for what every
// other message needs: a call, an alarm, a waiter. Where that is not so, or no longer,
// each of them that is not acknowledged becomes a call.
type batch struct {
	actor    string
	payloads [][]byte
	bytes    int // what they weigh
	deadline time.Time
	done     chan batchEnd // has room for one

	// Of the loop:
	found wire.ActorID
	acked int // from the first on
	began time.Time
	end   batchEnd
	calls int // that are under way
}

// batchEnd is how a batch ended.
type batchEnd struct {
	ids []wire.MessageID
	err error
}

// maxTogether is how many messages are on their way at once for one SendAll.
const maxTogether = 4096

// SendAll gives an actor many messages, each of which counts by itself, and returns their
// ids when all are acknowledged: none can be lost any more. It is [Host.Send] for those
// who have much to say, and costs a fraction for each message. They come in their
// order, unless the actor moves meanwhile. Errors are those of Send; which of the
// messages the actor has taken then is not known.
func (h *Host) SendAll(ctx context.Context, actor string, payloads [][]byte) ([]wire.MessageID, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Deadline)
	defer cancel()
	ids := make([]wire.MessageID, 0, len(payloads))
	for len(payloads) > 0 {
		b, err := nextBatch(actor, payloads)
		if err != nil {
			return ids, err
		}
		end := h.sendBatch(ctx, b)
		if ids = append(ids, end.ids...); end.err != nil {
			return ids, end.err
		}
		payloads = payloads[len(b.payloads):]
	}
	return ids, nil
}

// nextBatch is those of the payloads that go together.
func nextBatch(actor string, payloads [][]byte) (*batch, error) {
	b := &batch{actor: actor}
	for i, p := range payloads[:min(len(payloads), maxTogether)] {
		if len(p) > wire.MaxPayload {
			return nil, fmt.Errorf("%w: payload of %d bytes, more than %d", ErrInvalid, len(p), wire.MaxPayload)
		}
		weight := itemBytes(wire.Item{Message: &wire.Message{Payload: p}})
		if i > 0 && b.bytes+weight > wire.MaxBatch {
			break
		}
		b.bytes += weight
		b.payloads = payloads[:i+1]
	}
	return b, nil
}

func (h *Host) sendBatch(ctx context.Context, b *batch) batchEnd {
	b.deadline, _ = ctx.Deadline()
	b.done = make(chan batchEnd, 1)
	if err := h.offer(ctx, b); err != nil {
		return batchEnd{err: err}
	}
	select {
	case end := <-b.done:
		return end
	case <-h.stopped:
		return batchEnd{err: ErrUnavailable}
	case <-ctx.Done():
	}
	select {
	case end := <-b.done: // which knows better why
		return end
	case <-time.After(batchGrace):
		return batchEnd{err: fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())}
	}
}

// batchGrace is how long a batch is waited for whose time is up: its calls end then, and
// say why.
const batchGrace = 50 * time.Millisecond

// beginBatch finds the actor that a batch is for.
func (l *loop) beginBatch(now time.Time, b *batch) {
	l.resolve(now, b.actor, func(now time.Time, w wire.Where, err error) {
		r := l.replicas[w.Actor]
		switch {
		case err != nil && !errors.Is(err, errUnsure):
			b.done <- batchEnd{err: err}
		case r == nil || r.live == nil || !r.leading || !l.quorum(r) || r.summary.Kept > maxKept:
			l.callEach(now, b)
		case !l.admitBatch(now, r, b):
			l.retryBatch(now, b)
		}
	})
}

// batchRetry is the wait of a batch that there is no room for.
const batchRetry = 2 * time.Millisecond

func (l *loop) retryBatch(now time.Time, b *batch) {
	if !now.Before(b.deadline) {
		b.done <- batchEnd{err: ErrBusy}
		return
	}
	l.later(batchRetry, func(now time.Time) { l.beginBatch(now, b) })
}

// admitBatch takes a batch into an actor's log, if there is room for all of it.
func (l *loop) admitBatch(now time.Time, r *replica, b *batch) bool {
	n, q := len(b.payloads), &r.intake
	if q.count > 0 && (q.bytes+b.bytes > l.host.cfg.Unapplied || q.count+n > l.host.cfg.UnappliedEntries) {
		return false
	}
	first, floor, ok := l.sessions.begin(r.id, n)
	if !ok {
		return false
	}
	b.found, b.began = r.id, now
	b.end.ids = make([]wire.MessageID, n)
	messages := make([]wire.Message, n)
	for i, p := range b.payloads {
		b.end.ids[i] = wire.NewMessageID(first.Session(), first.Seq()+uint64(i))
		messages[i] = wire.Message{ID: b.end.ids[i], Floor: floor, Payload: p}
		item := wire.Item{Message: &messages[i]}
		q.add(item, itemBytes(item))
	}
	r.batches = append(r.batches, b)
	r.work = now
	l.traffic(r, l.host.cfg.Self, n)
	l.touch(r)
	return true
}

// inBatch takes note that a message is committed, if it is the next of a batch.
func (l *loop) inBatch(now time.Time, r *replica, id wire.MessageID) bool {
	if len(r.batches) == 0 {
		return false
	}
	b := r.batches[0]
	if id != b.end.ids[b.acked] {
		return false
	}
	b.acked++
	l.sessions.end(b.found, id)
	l.host.cfg.Observer.Message(now.Sub(b.began))
	if b.acked == len(b.payloads) {
		r.batches[0] = nil
		r.batches = r.batches[1:]
		b.done <- b.end
	}
	return true
}

// scatter has those messages of batches that this replica has not seen committed go
// wherever the actor is led.
func (l *loop) scatter(now time.Time, r *replica) {
	batches := r.batches
	r.batches = nil
	for _, b := range batches {
		l.callEach(now, b)
	}
}

// callEach makes a call of each message of a batch that is not acknowledged.
func (l *loop) callEach(now time.Time, b *batch) {
	if b.end.ids == nil {
		b.end.ids = make([]wire.MessageID, len(b.payloads))
	}
	from := b.acked
	b.calls = len(b.payloads) - from
	for i := from; i < len(b.payloads); i++ {
		l.beginCall(now, &clientCall{
			actor: b.actor, message: &wire.Message{ID: b.end.ids[i], Payload: b.payloads[i]}, deadline: b.deadline,
			done: func(o outcome) { b.called(i, o) },
		})
	}
}

// called takes note of how the call of one of the messages ended.
func (b *batch) called(i int, o outcome) {
	b.end.ids[i] = o.id
	if b.end.err == nil {
		b.end.err = o.err
	}
	if b.calls--; b.calls == 0 {
		b.done <- b.end
	}
}
