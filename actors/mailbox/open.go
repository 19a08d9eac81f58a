package mailbox

import (
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// openAsk is an ask that was taken and has no reply yet.
type openAsk struct {
	ID   wire.MessageID `cbor:"id"`
	From wire.ActorID   `cbor:"from,omitzero"`
	To   string         `cbor:"to,omitempty"`
	Seq  uint64         `cbor:"seq"`
}

func (a openAsk) key() sourceKey {
	if a.From.IsZero() {
		return sourceKey{session: a.ID.Session()}
	}
	return sourceKey{from: a.From, to: a.To}
}

// opens are the asks without a reply, in the order in which they were taken.
type opens struct {
	list []openAsk
	byID map[wire.MessageID]bool
}

func newOpens() opens { return opens{byID: make(map[wire.MessageID]bool)} }

func (o *opens) add(a openAsk) {
	o.list = append(o.list, a)
	o.byID[a.ID] = true
}

// remove takes an ask out; ok is false if there is none.
func (o *opens) remove(id wire.MessageID) (a openAsk, ok bool) {
	if !o.byID[id] {
		return openAsk{}, false
	}
	delete(o.byID, id)
	for i, one := range o.list {
		if one.ID == id {
			o.list = append(o.list[:i], o.list[i+1:]...)
			return one, true
		}
	}
	return openAsk{}, false
}

// answer answers an ask, if it is open, and keeps the reply.
func (s *State) answer(id wire.MessageID, r wire.Result) []Output {
	a, ok := s.open.remove(id)
	if !ok {
		return nil
	}
	if src := s.sources.all[a.key()]; src != nil {
		s.sources.answered(src, a.Seq, r)
	}
	return []Output{Answer{ID: a.ID, From: a.From, Result: r}}
}

// answerAll answers all that is open, in order.
func (s *State) answerAll(r wire.Result) []Output {
	var out []Output
	for len(s.open.list) > 0 {
		out = append(out, s.answer(s.open.list[0].ID, r)...)
	}
	return out
}

// forget drops the asks of a source below a floor: nobody waits for them.
func (o *opens) forget(key sourceKey, floor uint64) {
	o.list = slices.DeleteFunc(o.list, func(a openAsk) bool {
		gone := a.Seq < floor && a.key() == key
		if gone {
			delete(o.byID, a.ID)
		}
		return gone
	})
}
