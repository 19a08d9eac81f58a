// Package wire is what actors and their nodes write down and say to each other: ids,
// specs, the entries of an actor's log, and the messages between nodes; their bounds
// and their encoding. It decides nothing and does no I/O.
//
// # Glossary
//
//   - actor: a module with a name, a mailbox and durable memory. Its [ActorID] names
//     one actor for ever; its name may come to mean another one.
//   - group: the replicas of an actor. A replica has a number, used once in a group.
//   - entry: what a group commits at once: a batch of items, with a time and a seed.
//   - epoch: the raft term of the leader that proposed an entry.
//   - session: a source of client messages, of which nobody knows more than its eight
//     random bytes; sequence numbers in it are in the id of a message.
//   - channel: the messages of one actor to another, numbered from 1.
//   - floor: the lowest number of a session or channel that its sender still wants an
//     answer to: nothing below comes again.
//
// # Invariants
//
//   - There is one encoding of a value: [version, kind, map] in core deterministic
//     CBOR. What decodes encodes to the same bytes.
//   - Sizes are bounded before memory is allocated; a decoded body is valid.
//   - Kinds and the keys of their fields are never used for something else.
package wire
