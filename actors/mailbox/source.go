package mailbox

import (
	"slices"

	"github.com/godwit-run/godwit/actors/wire"
)

// sourceKey names a source: a session, or the channel from an actor to a name.
type sourceKey struct {
	session [8]byte
	from    wire.ActorID
	to      string
}

func keyOf(m *wire.Message) sourceKey {
	if m.From.IsZero() {
		return sourceKey{session: m.ID.Session()}
	}
	return sourceKey{from: m.From, to: m.To}
}

// source is what is known of a session or channel.
type source struct {
	key sourceKey
	// floor: numbers below it are taken and forgotten.
	floor uint64
	// taken are those at or above the floor, ascending. A channel has only its last.
	taken []uint64
	// answers are the replies to asks at or above the floor, ascending.
	answers []answer
	used    int64  // log time of the last message
	turn    uint64 // counts uses, of all sources: the lowest is the oldest
}

// answer is the reply to an ask that has been given.
type answer struct {
	Seq    uint64      `cbor:"seq"`
	Result wire.Result `cbor:"result"`
}

// sources are all that messages have come from.
type sources struct {
	all      map[sourceKey]*source
	channels int
	turn     uint64
	bytes    int // of answers
}

func newSources() sources { return sources{all: make(map[sourceKey]*source)} }

// verdict is what becomes of a message.
type verdict uint8

const (
	fresh  verdict = iota // taken now
	repeat                // taken before
	ahead                 // one before it is missing: not taken
)

// of finds or makes the source of a message.
func (t *sources) of(m *wire.Message, now int64) *source {
	key := keyOf(m)
	s := t.all[key]
	if s == nil {
		t.makeRoom(key, now)
		s = &source{key: key}
		if s.ordered() {
			t.channels++
			s.taken = []uint64{m.Floor - 1} // a channel has no number 0
		}
		t.all[key] = s
	}
	t.turn++
	s.used, s.turn = now, t.turn
	return s
}

func (s *source) ordered() bool { return !s.key.from.IsZero() }

// take decides about message number seq.
func (s *source) take(seq uint64) verdict {
	if s.ordered() {
		switch last := s.taken[0]; {
		case seq <= last:
			return repeat
		case seq > last+1:
			return ahead
		}
		s.taken[0] = seq
		return fresh
	}
	i, found := slices.BinarySearch(s.taken, seq)
	if found || seq < s.floor {
		return repeat
	}
	s.taken = slices.Insert(s.taken, i, seq)
	return fresh
}

// last is the highest number that a channel has taken.
func (s *source) last() uint64 { return s.taken[0] }

// raise moves the floor up: the sender has no questions about numbers below it.
func (t *sources) raise(s *source, floor uint64) {
	if floor <= s.floor {
		return
	}
	s.floor = floor
	if s.ordered() {
		s.taken[0] = max(s.taken[0], floor-1)
	} else {
		s.taken = s.taken[lowerBound(s.taken, floor):]
	}
	for len(s.answers) > 0 && s.answers[0].Seq < floor {
		t.dropAnswer(s)
	}
}

func lowerBound(list []uint64, v uint64) int {
	i, _ := slices.BinarySearch(list, v)
	return i
}

// bound forgets what a sender has not bounded itself: the lowest numbers first.
func (t *sources) bound(s *source) {
	if !s.ordered() && len(s.taken) > MaxTaken {
		t.raise(s, s.taken[len(s.taken)-MaxTaken])
	}
}

// answered keeps the reply to an ask.
func (t *sources) answered(s *source, seq uint64, r wire.Result) {
	if seq < s.floor {
		return
	}
	i, found := slices.BinarySearchFunc(s.answers, seq, compareAnswer)
	if found {
		return
	}
	s.answers = slices.Insert(s.answers, i, answer{seq, r})
	t.bytes += len(r.Payload)
	for t.bytes > MaxAnswers {
		t.dropAnswer(t.oldest(func(o *source) bool { return hasBytes(o.answers) }))
	}
}

func compareAnswer(a answer, seq uint64) int {
	switch {
	case a.Seq < seq:
		return -1
	case a.Seq > seq:
		return 1
	}
	return 0
}

func hasBytes(answers []answer) bool {
	return slices.ContainsFunc(answers, func(a answer) bool { return len(a.Result.Payload) > 0 })
}

// find is the reply to an ask, if it is known.
func (s *source) find(seq uint64) (wire.Result, bool) {
	i, found := slices.BinarySearchFunc(s.answers, seq, compareAnswer)
	if !found {
		return wire.Result{}, false
	}
	return s.answers[i].Result, true
}

func (t *sources) dropAnswer(s *source) {
	t.bytes -= len(s.answers[0].Result.Payload)
	s.answers[0] = answer{}
	s.answers = s.answers[1:]
}

// makeRoom forgets sessions that have not been used for long, and the oldest sources
// if there are too many.
func (t *sources) makeRoom(key sourceKey, now int64) {
	channel := !key.from.IsZero()
	count, most := len(t.all)-t.channels, MaxSessions
	if channel {
		count, most = t.channels, MaxChannels
	}
	if count < most {
		return
	}
	for _, s := range t.all {
		if !s.ordered() && s.used < now-int64(SessionAge) {
			t.forget(s)
			count--
		}
	}
	if channel || count >= most {
		t.forget(t.oldest(func(s *source) bool { return s.ordered() == channel }))
	}
}

// oldest is the source that was used least recently, of those that there is one of.
func (t *sources) oldest(of func(*source) bool) *source {
	var oldest *source
	for _, s := range t.all {
		if of(s) && (oldest == nil || s.turn < oldest.turn) {
			oldest = s
		}
	}
	return oldest
}

func (t *sources) forget(s *source) {
	for len(s.answers) > 0 {
		t.dropAnswer(s)
	}
	if s.ordered() {
		t.channels--
	}
	delete(t.all, s.key)
}
