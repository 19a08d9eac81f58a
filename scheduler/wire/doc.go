// Package wire is what nodes say to each other: ids, messages and signed
// records, their bounds and their encoding. It decides nothing and does no I/O.
//
// # Glossary
//
//   - task: one run of a module to completion. Its [TaskID] sorts by time.
//   - attempt: one try to run a task on one node; a [Ref] names it. The number is
//     the fence: whatever is said of an attempt that its submitter has given up is
//     refused.
//   - submitter: the node that accepted a task and alone decides about it.
//   - executor: a node that runs attempts.
//   - message: what one node sends another over a stream, which authenticates it.
//   - record: what is signed, since others check it later: [Result], [Vector], [Model],
//     [Request], [Offer], [Grant].
//   - keeper: a node that keeps checkpoints of an attempt for others to go on from.
//
// # A task's messages
//
//	submitter            executor
//	Reserve   ────────▶            capacity is kept for a lease
//	          ◀────────  Reserved  or Refused
//	Assign    ────────▶            on disk, then it runs
//	          ◀────────  Accepted  or Refused
//	          ◀────────  Progress, Output, Heartbeat
//	          ◀────────  Done      with the signed Result, until acknowledged
//	Ack       ────────▶            the result is on disk: forget it
//	Renew     ────────▶            the lease of what was reserved or runs goes on
//	Cancel    ────────▶            at any time
//
// If it runs for long:
//
//	submitter            executor
//	          ◀────────  Keep      who is to keep its checkpoints?
//	Granted   ────────▶            with the signed Grant
//	          ◀────────  Kept      what there is to go on from, and who has it
//	Yield     ────────▶            give it back, with a last checkpoint
//
// The executor shows its [Grant] to keepers, with a [Claim]; so does whoever goes on. An
// [Assign] has one if there may be checkpoints of earlier attempts.
//
// In an auction a [Request], gossiped to all, takes the place of Reserve; a [Bid],
// with a signed [Offer] and a short lease, that of Reserved; Renew takes the best
// one up, and Cancel turns the others down.
//
// # Invariants
//
//   - There is one encoding of a value: [version, kind, map] in core deterministic
//     CBOR. What decodes encodes to the same bytes.
//   - Sizes are bounded before memory is allocated; a decoded body is valid.
//   - A signature is checked before the bytes below it are decoded, and the
//     signer must be the node that the record is about.
//   - Numbers are integers: there is no NaN to compare with. Times are nanoseconds
//     if they are durations, milliseconds since 1970 otherwise.
//
// # Envelopes
//
// They are libp2p's, so any libp2p can verify one, yet made without it: packages
// that only check a result need not link a network. An Ed25519 node id contains
// its public key, so nothing has to be looked up.
//
//	envelope, err := wire.Seal(result, key)
//	...
//	result, err := wire.Open[wire.Result](envelope)
package wire
