package actors

import (
	"container/list"
	"crypto/rand"

	"github.com/godwit-run/godwit/actors/mailbox"
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

// begin returns the ids of the next n messages for an actor, all of one session and in a
// row, and the session's floor. With too many under way it returns false: the actor
// would forget the numbers of the oldest, and take them for answered.
func (s *sessions) begin(actor wire.ActorID, n int) (first wire.MessageID, floor uint64, ok bool) {
	c := s.session(actor)
	if c.next-c.floor+uint64(n) > maxUnderWay && c.next > c.floor {
		return first, 0, false
	}
	first = wire.NewMessageID(c.id, c.next)
	c.next += uint64(n)
	return first, c.floor, true
}

// maxUnderWay is how many messages of a session may be between the first that is not
// answered and the last.
const maxUnderWay = mailbox.MaxTaken

// session is that with an actor, as the last used.
func (s *sessions) session(actor wire.ActorID) *session {
	e := s.of[actor]
	if e == nil {
		s.makeRoom()
		n := &session{actor: actor, next: 1, floor: 1, ended: make(map[uint64]bool)}
		rand.Read(n.id[:])
		e = s.recent.PushFront(n)
		s.of[actor] = e
	}
	s.recent.MoveToFront(e)
	return e.Value.(*session)
}

// end notes that nobody wants an answer to a message any more.
func (s *sessions) end(actor wire.ActorID, id wire.MessageID) {
	e := s.of[actor]
	if e == nil || e.Value.(*session).id != id.Session() {
		return // a client's own, or of a session that was dropped
	}
	n := e.Value.(*session)
	if id.Seq() == n.floor { // as a rule they end in their order
		n.floor++
	} else if id.Seq() > n.floor {
		n.ended[id.Seq()] = true
	}
	for ; len(n.ended) > 0 && n.ended[n.floor]; n.floor++ {
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
