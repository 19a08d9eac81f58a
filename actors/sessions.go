package actors

import (
	"container/list"
	"crypto/rand"

	"github.com/godwit-run/godwit/actors/wire"
)

// sessions number the messages of this node's clients: one session for each actor, so
// that what an actor must remember of it is what is still wanted, and no more.
type sessions struct {
	limit  int
	of     map[wire.ActorID]*list.Element // of *session
	recent *list.List                     // the last used in front
}

// session is the messages of this node to one actor.
type session struct {
	actor wire.ActorID
	id    [8]byte
	next  uint64
	// floor is the lowest number that an answer is wanted to; ended has those above it
	// that have been answered.
	floor uint64
	ended map[uint64]bool
}

func newSessions(limit int) *sessions {
	return &sessions{limit: limit, of: make(map[wire.ActorID]*list.Element), recent: list.New()}
}

// begin returns the id of a new message for an actor, and the session's floor.
func (s *sessions) begin(actor wire.ActorID) (id wire.MessageID, floor uint64) {
	e := s.of[actor]
	if e == nil {
		s.makeRoom()
		n := &session{actor: actor, next: 1, floor: 1, ended: make(map[uint64]bool)}
		rand.Read(n.id[:])
		e = s.recent.PushFront(n)
		s.of[actor] = e
	}
	s.recent.MoveToFront(e)
	n := e.Value.(*session)
	n.next++
	return wire.NewMessageID(n.id, n.next-1), n.floor
}

// end notes that nobody wants an answer to a message any more.
func (s *sessions) end(actor wire.ActorID, id wire.MessageID) {
	e := s.of[actor]
	if e == nil || e.Value.(*session).id != id.Session() {
		return // a client's own, or of a session that was dropped
	}
	n := e.Value.(*session)
	n.ended[id.Seq()] = true
	for ; n.ended[n.floor]; n.floor++ {
		delete(n.ended, n.floor)
	}
}

// makeRoom drops the session that was used longest ago: its actor forgets it by itself,
// and the next message begins another one.
func (s *sessions) makeRoom() {
	for len(s.of) >= s.limit {
		oldest := s.recent.Back()
		delete(s.of, s.recent.Remove(oldest).(*session).actor)
	}
}
