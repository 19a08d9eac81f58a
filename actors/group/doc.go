// Package group is one replica of an actor's group: etcd's raft, and what an actor
// needs above it. It is pure: no goroutine, lock, clock, randomness, disk or network.
//
// # Glossary
//
//   - replica: one member of a group; its number is its raft id and is never used
//     again. A voter counts for majorities, a learner is on its way to.
//   - leader: the replica that proposes and executes; its term is the actor's epoch.
//   - base: the checkpoint that a replica's log begins behind.
//   - held: a checkpoint that a replica has all of on its disk; agreed: one that the
//     log says a majority holds.
//   - busy: a leader with something to wait for. Only busy leaders tick.
//
// # How a shell drives it
//
// One goroutine at a time uses a group. It calls Step with the time and an event, and
// then carries out the [Ready] that it gets:
//
//   - Send Messages, now or never: they need not wait for the write. What is lost the
//     group sends again.
//   - Write Write to disk, behind all earlier ones, and step [Written] with its number
//     when it is there. Many groups and many writes can share one sync. Steps may go on
//     meanwhile.
//   - Hand Committed to the activation, if this replica leads; they are the same on
//     every replica and come in the order of the log. After New they come again from
//     the base on.
//   - Carry out Effects.
//
// Set one timer to Deadline (zero: none) and step [Tick] when it is due, or later. Step
// Tick after New, too, and Suspect for each node that is. Time must not go backwards.
//
//	Elected       propose an entry whose first item is Activate, at once. When it comes
//	              back in Committed with this epoch: activate, from the base's checkpoint
//	              and the entries behind it.
//	Deposed       drop the instance, fail or redirect what was proposed and not committed
//	Installed     what is here is older than the log of the others: fetch the base
//	Based         checkpoints before the base's can go, once this Ready's write is on disk
//	Confirmed     outputs that were held back may leave
//	Gone          delete everything: Removed tells whether the actor is gone, or only
//	              this replica's place in it. A leader whose actor is gone stays for as
//	              long as it takes the others to hear of it (Progress)
//
// Which outputs may leave: those of committed entries, while Fresh; else hold them, step
// [Confirm] and wait for Confirmed or Deposed. A leader that was stopped for long finds
// out that way that it is none any more before it says anything.
//
// # Liveness is the node's
//
// No group sends heartbeats while it has nothing to do. The shell watches nodes and
// steps [Suspect] and [Trust]; it steps [Campaign] when a leader is wanted, that is, if
// the leader's node is suspected and the actor has work, or a message has come and there
// is no leader. Then the living voters campaign, one after the other, in an order of
// their own for each actor. Replicas vote for another only if they suspect their leader
// or have not heard of it for long; so nobody who is cut off disturbs the others. Whoever
// asks for votes and lacks entries has those stand who have them: else a leader that was
// back from a crash before anybody noticed might ask for ever.
//
// A group with Idle true may be dropped and made again from what is on disk: that is
// parking. The leader that comes back campaigns like any other; its epoch is a new one.
//
// # Checkpoints
//
// Step [Hold] when a checkpoint is on this node's disk, and after New for what is there
// already. Followers tell the leader. Once
// a majority of voters holds one, the leader proposes it; when that is committed, each
// replica that holds it makes it its base and cuts its log. A replica too far behind is
// sent the leader's base (a raft snapshot) and must fetch the rest: Installed.
//
// # Invariants
//
//   - One leader an epoch; what is committed at an index is the same everywhere.
//   - A replica acknowledges nothing that is not on its disk.
//   - A log is cut only at checkpoints that its replica holds and a majority held when
//     they were agreed on. A learner is promoted only when it holds the base. So any
//     majority has all that is needed to go on.
//   - A replica that was taken out stays until a majority of the others has it on disk
//     that it was: till then they may need its vote.
//   - No message from another node panics: what raft itself would panic at makes Step
//     return ErrBroken, and the group is made again from disk.
//
// # Why
//
// Raft's own election timers are not used: they tick while nothing happens, and know
// less than the node does. Its quorum check and pre-vote are. Storage is asynchronous,
// so that the leader's disk and the followers' work at the same time.
//
// Why a replica that was taken out goes on voting: the simulation (actortest) found
// that it matters. A joint configuration, once committed, needs votes of both sides
// until the next entry is known to be committed as well; commit indices are written
// late; and so two that crash may need the vote of a third that had gone.
//
// Who speaks for a replica that is not known must be vouched for by a member that is:
// entries that are still to come may have made it one, but anybody can say so.
//
// # Figures
//
// Three replicas in one process, without disks and networks, on one core of a busy
// EPYC machine: 80 µs for an entry of one message, 9 µs for each message in entries of
// 64 (go test -bench Propose ./actors/group).
package group
