package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
	"github.com/godwit-run/godwit/internal/journal"
)

// rest is what the journal has of an actor that its leader has let go of, for those who
// ask about it: it need not be woken then. In memory there is none of it, since there
// may be very many that rest.
type rest struct {
	// Epoch is the activation that it is about: after a later one it says nothing.
	Epoch        uint64               `cbor:"1,keyasint"`
	Module       wire.Link            `cbor:"2,keyasint"`
	Previous     wire.Link            `cbor:"3,keyasint,omitzero"`
	Checkpointed uint64               `cbor:"4,keyasint"`
	Waiting      int                  `cbor:"5,keyasint,omitempty"`
	Spec         wire.Spec            `cbor:"6,keyasint"`
	History      []mailbox.Activation `cbor:"7,keyasint,omitempty"`
}

// saveRest writes what this node knows of an actor that it leads.
func (l *loop) saveRest(r *replica) {
	s := &r.summary
	value, err := cbor.Marshal(rest{
		Epoch: r.where.Epoch, Module: s.Module, Previous: s.Previous, Checkpointed: r.agreedIndex,
		Waiting: s.Waiting, Spec: r.spec, History: s.History,
	})
	if err != nil {
		panic(fmt.Sprintf("rest of an actor: %v", err)) // it has only what always encodes
	}
	l.out.records = append(l.out.records, journal.Record{Key: actorKey(r.id, keyRest), Value: value})
}

// resting tells of an actor that rests and was led here last; not ok if it does not, or
// if more is known only once it is woken.
func (h *Host) resting(ctx context.Context, actor wire.ActorID) (s Status, ok bool, err error) {
	var number uint64
	err = h.do(ctx, func(now time.Time) {
		r := h.loop.replicas[actor]
		ok = r != nil && r.live == nil && !r.interrupted && !r.mending &&
			r.where.Leader == h.cfg.Self && h.loop.quorum(r)
		if ok {
			s, number = h.loop.outline(now, r), r.number
		}
	})
	if err != nil || !ok {
		return s, false, err
	}
	if s.Epoch == 0 {
		return h.unbegun(s, number)
	}
	known, ok, err := restIn(h.journal, actor)
	if err != nil || !ok || known.Epoch != s.Epoch {
		return s, false, err
	}
	s.Module, s.Previous, s.Spec = known.Module.Cid, known.Previous.Cid, known.Spec
	s.Checkpointed, s.Waiting, s.History = known.Checkpointed, known.Waiting, history(known.History)
	return s, true, nil
}

// unbegun adds what is known of an actor that was never active.
func (h *Host) unbegun(s Status, number uint64) (Status, bool, error) {
	saved, _, err := savedIn(h.journal, s.ID)
	if err != nil || len(saved.Base) == 0 {
		return s, false, err
	}
	g, err := group.New(group.Config{Self: h.cfg.Self}, s.ID, number, saved)
	if err != nil {
		return s, false, err
	}
	s.Spec = g.Base().Spec
	s.Module = s.Spec.Module.Cid
	return s, true, nil
}

// restIn reads what was written of an actor when it was parked; not ok if nothing was.
func restIn(j *journal.Journal, id wire.ActorID) (known rest, ok bool, err error) {
	value, err := j.Get(actorKey(id, keyRest))
	if err != nil || value == nil {
		return known, false, err
	}
	if err := cbor.Unmarshal(value, &known); err != nil {
		return known, false, fmt.Errorf("journal of actors: %w", err)
	}
	return known, true, nil
}
