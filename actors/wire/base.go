package wire

import "fmt"

// Member is a replica of a group.
type Member struct {
	// Replica is its number: never given to another one of the group.
	Replica uint64 `cbor:"replica"`
	Node    NodeID `cbor:"node"`
}

// Members are the replicas of a group, by number. Who of them votes is raft's to know.
type Members []Member

// Node returns the node of a replica, empty if there is no such replica.
func (m Members) Node(replica uint64) NodeID {
	for _, one := range m {
		if one.Replica == replica {
			return one.Node
		}
	}
	return ""
}

// Replica returns the number of a node's replica, 0 if it has none.
func (m Members) Replica(node NodeID) uint64 {
	for _, one := range m {
		if one.Node == node {
			return one.Replica
		}
	}
	return 0
}

// Base is where a replica's log begins: the state after Checkpoint.Index, as a
// reference. It is what raft calls the data of a snapshot.
type Base struct {
	Actor ActorID `cbor:"actor"`
	Spec  Spec    `cbor:"spec"`
	// Checkpoint is nil as long as there was none: the state is what the module makes
	// of itself.
	Checkpoint *Checkpoint `cbor:"checkpoint,omitempty"`
	Members    Members     `cbor:"members"`
	// NextReplica is the number that the next replica gets.
	NextReplica uint64 `cbor:"next_replica"`
}

// Validate implements Body.
func (b Base) Validate() error {
	if b.Checkpoint != nil {
		if err := b.Checkpoint.validate(); err != nil {
			return err
		}
	}
	return first(checkActor(b.Actor), b.Spec.Validate(), b.Members.validate(b.NextReplica))
}

func (m Members) validate(next uint64) error {
	if len(m) == 0 || len(m) > MaxMembers {
		return fmt.Errorf("%d members, not 1 to %d: %w", len(m), MaxMembers, ErrInvalid)
	}
	for i, one := range m {
		if one.Replica == 0 || one.Replica >= next || i > 0 && one.Replica <= m[i-1].Replica || m.Replica(one.Node) != one.Replica {
			return fmt.Errorf("member %d: %w", one.Replica, ErrInvalid)
		}
		if err := checkNode(one.Node); err != nil {
			return err
		}
	}
	return nil
}
