package wire

import (
	"fmt"
	"time"
)

// NodeMessage is a body that one node sends another over a stream, which says who sent
// it. It may be lost, late, early or come twice: all bear that.
type NodeMessage interface {
	Body
	nodeMessage()
}

const (
	// MaxRaft is the largest raft message in bytes.
	MaxRaft = 3<<20 + 1<<19
	// MaxFind is the most answers to one Find.
	MaxFind = 256
	// MaxDetail is the longest cause in words, in bytes.
	MaxDetail = 4 << 10
	// MaxDeadline is the longest time that a request is held.
	MaxDeadline = time.Hour
	// MaxTTL is how many nodes may pass a Find on.
	MaxTTL = 4
)

// Between the replicas of a group: package group makes and takes them.
type (
	// Raft is a message of the raft library, in its own encoding.
	Raft struct {
		Actor ActorID `cbor:"actor"`
		Data  []byte  `cbor:"data"`
	}
	// Held tells the leader that a replica has all of a checkpoint on its disk.
	Held struct {
		Actor      ActorID    `cbor:"actor"`
		Replica    uint64     `cbor:"replica"`
		Checkpoint Checkpoint `cbor:"checkpoint"`
	}
	// Evicted tells a replica that it does not belong to its group any more: it deletes
	// what it has. The receiver believes it of a node that is, as far as it knows, a
	// member. From the replica itself it is the question whether that is so.
	Evicted struct {
		Actor   ActorID `cbor:"actor"`
		Replica uint64  `cbor:"replica"`
		// Removed: the actor itself is gone.
		Removed bool `cbor:"removed,omitempty"`
	}
	// Vouch asks whether a replica that the asker has not heard of belongs to the group,
	// and where; the answer is the same with Yes, or none. It counts from a member.
	Vouch struct {
		Actor   ActorID `cbor:"actor"`
		Replica uint64  `cbor:"replica"`
		Node    NodeID  `cbor:"node"`
		Yes     bool    `cbor:"yes,omitempty"`
	}
)

// To make replicas.
type (
	// Create asks a node to be a replica of an actor: one of the first ones (Base has
	// no checkpoint and Replica is among its voters), or one that is to learn the rest
	// from the leader. Answer: Created, once it is on disk.
	Create struct {
		Base    Base   `cbor:"base"`
		Replica uint64 `cbor:"replica"`
		// Joining: the replica begins empty and is brought up to date by the leader.
		Joining bool `cbor:"joining,omitempty"`
		// Idle: the actor is only written down, and begins with its first message.
		Idle bool `cbor:"idle,omitempty"`
	}
	// Created answers Create. Refusal is empty if the replica is there.
	Created struct {
		Actor   ActorID `cbor:"actor"`
		Replica uint64  `cbor:"replica"`
		Refusal string  `cbor:"refusal,omitempty"`
	}
)

// From a client's node, or that of an actor that sends, to the leader's.
type (
	// Request has an actor take a message, or a control. It is repeated, the same,
	// until its Response comes.
	Request struct {
		Actor   ActorID  `cbor:"actor"`
		Message *Message `cbor:"message,omitempty"`
		Control *Control `cbor:"control,omitempty"`
		// Remaining is how long the sender goes on waiting.
		Remaining time.Duration `cbor:"remaining"`
	}
	// Response answers a Request. Of an actor's message that is no ask there is none,
	// but an Ack of its channel.
	Response struct {
		Actor ActorID   `cbor:"actor"`
		ID    MessageID `cbor:"id"`
		// Phase says how far it is.
		Phase Phase `cbor:"phase"`
		// Result is there when Phase is Answered.
		Result *Result `cbor:"result,omitempty"`
		// Leader and Members tell a Redirected where to ask, as far as known.
		Leader  NodeID  `cbor:"leader,omitempty"`
		Members Members `cbor:"members,omitempty"`
		Epoch   uint64  `cbor:"epoch,omitempty"`
	}
	// Ack says that all messages of a channel up to Seq are taken: see Settled.
	Ack struct {
		Actor ActorID `cbor:"actor"` // the sender of the channel, whose leader this is for
		To    string  `cbor:"to"`
		Seq   uint64  `cbor:"seq"`
	}
)

// Phase is how far a request is.
type Phase uint8

// The phases. A request is acknowledged once and, if it is an ask, answered later.
const (
	Acknowledged Phase = 1 + iota // committed
	Answered                      // the result is here
	Redirected                    // not the leader
	Busy                          // try again later
	Unavailable                   // no majority can be reached
	Gone                          // the actor was removed
)

// To find actors.
type (
	// Claim asks whether a name is free for an actor. Answer: Claimed.
	Claim struct {
		Name    string  `cbor:"name"`
		Actor   ActorID `cbor:"actor"`
		Created int64   `cbor:"created"` // milliseconds since 1970
	}
	// Claimed answers Claim: Holder is who has the name at that node, the asker's own
	// actor if it is free now. Who has asked says it as well, of that actor, when its claim
	// has ended: the name need not be kept free for it any longer.
	Claimed struct {
		Name    string  `cbor:"name"`
		Actor   ActorID `cbor:"actor"` // as asked
		Holder  ActorID `cbor:"holder"`
		Created int64   `cbor:"created"`
	}
	// Find asks for actors: by name, by id, or all that a node has (neither). The
	// answer goes to Asker; a node that knows none passes it on TTL times.
	Find struct {
		Query uint64  `cbor:"query"`
		Name  string  `cbor:"name,omitempty"`
		Actor ActorID `cbor:"actor,omitzero"`
		Asker NodeID  `cbor:"asker"`
		TTL   int     `cbor:"ttl,omitempty"`
	}
	// Found answers Find. More says that another Found follows.
	Found struct {
		Query  uint64  `cbor:"query"`
		Actors []Where `cbor:"actors,omitempty"`
		More   bool    `cbor:"more,omitempty"`
	}
)

// Where is what a node knows of an actor.
type Where struct {
	Actor   ActorID `cbor:"actor"`
	Name    string  `cbor:"name"`
	Created int64   `cbor:"created"`
	Members Members `cbor:"members,omitempty"`
	Leader  NodeID  `cbor:"leader,omitempty"` // as far as known
	Epoch   uint64  `cbor:"epoch"`
	Removed bool    `cbor:"removed,omitempty"`
}

// Heartbeat is sent to nodes that actors are shared with, so that silence means
// something. Seq counts up; Echo is the receiver's last number, so that the time of a
// round trip is known. Since names the sender's process: another number is another
// life.
type Heartbeat struct {
	Seq   uint64 `cbor:"seq"`
	Echo  uint64 `cbor:"echo,omitempty"`
	Since int64  `cbor:"since"`
	// Draining: the sender wants no more actors.
	Draining bool `cbor:"draining,omitempty"`
}

// Bulk is the first frame on a stream of its own: what the rest of it is about. Actor
// is zero if it is about no actor in particular.
type Bulk struct {
	Actor ActorID `cbor:"actor,omitzero"`
	// Purpose is the shell's: "push", "fetch", "export", "logs".
	Purpose    string      `cbor:"purpose"`
	Checkpoint *Checkpoint `cbor:"checkpoint,omitempty"`
	Detail     []byte      `cbor:"detail,omitempty"`
}

func (Raft) nodeMessage()      {}
func (Held) nodeMessage()      {}
func (Evicted) nodeMessage()   {}
func (Vouch) nodeMessage()     {}
func (Create) nodeMessage()    {}
func (Created) nodeMessage()   {}
func (Request) nodeMessage()   {}
func (Response) nodeMessage()  {}
func (Ack) nodeMessage()       {}
func (Claim) nodeMessage()     {}
func (Claimed) nodeMessage()   {}
func (Find) nodeMessage()      {}
func (Found) nodeMessage()     {}
func (Heartbeat) nodeMessage() {}
func (Bulk) nodeMessage()      {}

// Validate implements Body. The data is checked by package group.
func (m Raft) Validate() error {
	if len(m.Data) == 0 || len(m.Data) > MaxRaft {
		return fmt.Errorf("raft message of %d bytes: %w", len(m.Data), ErrInvalid)
	}
	return checkActor(m.Actor)
}

// Validate implements Body.
func (m Held) Validate() error {
	return first(checkActor(m.Actor), checkReplica(m.Replica), m.Checkpoint.validate())
}

// Validate implements Body.
func (m Evicted) Validate() error { return first(checkActor(m.Actor), checkReplica(m.Replica)) }

// Validate implements Body.
func (m Vouch) Validate() error {
	return first(checkActor(m.Actor), checkReplica(m.Replica), checkNode(m.Node))
}

// Validate implements Body.
func (m Create) Validate() error {
	if m.Base.Members.Node(m.Replica) == "" {
		return fmt.Errorf("replica %d is no member: %w", m.Replica, ErrInvalid)
	}
	return m.Base.Validate()
}

// Validate implements Body.
func (m Created) Validate() error {
	return first(checkActor(m.Actor), checkReplica(m.Replica), checkText("refusal", m.Refusal, 0, MaxDetail))
}

// Validate implements Body.
func (m Request) Validate() error {
	if m.Remaining < 0 || m.Remaining > MaxDeadline || (m.Message == nil) == (m.Control == nil) {
		return fmt.Errorf("request with %v left: %w", m.Remaining, ErrInvalid)
	}
	if m.Message != nil {
		return first(checkActor(m.Actor), m.Message.Validate())
	}
	return first(checkActor(m.Actor), m.Control.validate())
}

// Validate implements Body.
func (m Response) Validate() error {
	if m.Phase == 0 || m.Phase > Gone || (m.Result != nil) != (m.Phase == Answered) || m.ID.IsZero() {
		return fmt.Errorf("response of phase %d: %w", m.Phase, ErrInvalid)
	}
	if m.Result != nil {
		if err := m.Result.validate(); err != nil {
			return err
		}
	}
	return first(checkActor(m.Actor), checkNodeIf(m.Leader), checkMembers(m.Members))
}

// Validate implements Body.
func (m Ack) Validate() error {
	if m.Seq == 0 || m.Seq > MaxSeq {
		return fmt.Errorf("ack of %d: %w", m.Seq, ErrInvalid)
	}
	return first(checkActor(m.Actor), CheckName(m.To))
}

// Validate implements Body.
func (m Claim) Validate() error {
	return first(checkActor(m.Actor), CheckName(m.Name), checkMillis(m.Created))
}

// Validate implements Body.
func (m Claimed) Validate() error {
	return first(checkActor(m.Actor), checkActor(m.Holder), CheckName(m.Name), checkMillis(m.Created))
}

// Validate implements Body.
func (m Find) Validate() error {
	if m.TTL < 0 || m.TTL > MaxTTL {
		return fmt.Errorf("find of ttl %d: %w", m.TTL, ErrInvalid)
	}
	return first(checkText("name", m.Name, 0, MaxName), checkNode(m.Asker))
}

// Validate implements Body.
func (m Found) Validate() error {
	if len(m.Actors) > MaxFind {
		return fmt.Errorf("%d actors found, more than %d: %w", len(m.Actors), MaxFind, ErrInvalid)
	}
	for _, w := range m.Actors {
		err := first(checkActor(w.Actor), CheckName(w.Name), checkMillis(w.Created), checkMembers(w.Members), checkNodeIf(w.Leader))
		if err != nil {
			return err
		}
	}
	return nil
}

// Validate implements Body.
func (m Heartbeat) Validate() error {
	if m.Seq == 0 || m.Since < 0 {
		return fmt.Errorf("heartbeat %d since %d: %w", m.Seq, m.Since, ErrInvalid)
	}
	return nil
}

// Validate implements Body.
func (m Bulk) Validate() error {
	if m.Checkpoint != nil {
		if err := m.Checkpoint.validate(); err != nil {
			return err
		}
	}
	if len(m.Detail) > MaxText {
		return fmt.Errorf("bulk detail of %d bytes: %w", len(m.Detail), ErrInvalid)
	}
	return checkText("purpose", m.Purpose, 1, 32)
}

func checkReplica(n uint64) error {
	if n == 0 || n > 1<<32 {
		return fmt.Errorf("replica %d: %w", n, ErrInvalid)
	}
	return nil
}

func checkMillis(t int64) error {
	if t < 0 || t > maxMillis {
		return fmt.Errorf("time %d: %w", t, ErrInvalid)
	}
	return nil
}

func checkNodeIf(id NodeID) error {
	if id == "" {
		return nil
	}
	return checkNode(id)
}

// checkMembers is for members that are only told of.
func checkMembers(m Members) error {
	if len(m) > MaxMembers {
		return fmt.Errorf("%d members, more than %d: %w", len(m), MaxMembers, ErrInvalid)
	}
	for _, one := range m {
		if err := first(checkReplica(one.Replica), checkNode(one.Node)); err != nil {
			return err
		}
	}
	return nil
}
