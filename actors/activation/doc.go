// Package activation has the guests of actors: it executes the entries of an actor's
// log against its mailbox and its instance, makes checkpoints of both, and goes on from
// those, here or elsewhere.
//
// # Glossary
//
//   - activation: an actor at work on this node. There is one only while the node
//     leads the actor's group.
//   - run: a mailbox and an instance that go on together from a base, until a message
//     fails; then there is another one.
//   - base: the checkpoint to begin from, or nothing. The entries behind it are kept.
//   - delivery: one thing that the guest is given to work on (package mailbox).
//   - reactor, process: the two styles of guests (package hostabi/actor).
//   - image: the linear memory of a checkpoint as a file, to be mapped.
//   - push: bringing a checkpoint to another node.
//
// # Use
//
//	engine, err := activation.New(activation.Config{Runtime: rt, Store: store, Dir: dir, Owner: key, Modules: find})
//	go engine.Run(ctx)
//	a, err := engine.Activate(activation.Start{Actor: id, Spec: spec, Checkpoint: c, Entries: committed, Epoch: term}, sink)
//	a.Apply(more)                     // as entries are committed
//	err = a.Halt()                    // the node does not lead any more, or the actor is idle
//
//	sent, err := engine.Push(ctx, id, checkpoint, stream)  // on the leader
//	got, err := engine.Serve(ctx, id, stream)              // on a follower
//	engine.Needed(id, got)            // the log begins there: what is older may go
//
// # How a log is executed
//
// The guest runs on the activation's goroutine, and the loop that applies entries runs
// on the same: when the guest waits, in await or in a process's receive, the loop goes
// on inside that call. So the guest is back, or blocked, whenever an entry is applied,
// and what it sees is a function of the log. An activation without anything to do has
// no goroutine, unless its guest is blocked. Config.Workers bounds how many guests run
// at a time; who is blocked does not count. Where the engine can suspend guests
// (runtime.Config.Suspend) one that waits with nothing left to apply is suspended: then
// it needs no goroutine either, and a process that waits in receive is captured with its
// stack, like any other.
//
// What the guest does leaves through the Sink, with the entry that caused it. While the
// entries that Start brought are executed nothing leaves; then the whole outbox does.
//
// # Failures of the guest
//
// A message at which the guest traps, or runs out of fuel or memory, has no effect: the
// activation goes back to its base and replays what is behind it without the message
// (mailbox.State.Skip). A process that cannot be suspended is replayed from its
// beginning; its log is kept from there. Errors of this node, such as a
// missing page, are not the guest's: the sink is told, and another node may go on.
//
// # Devices
//
// An actor may have GPUs (Spec.GPU, package hostabi/gpu). What it has on them is part of
// its checkpoints. But what it reads from them is in no log, and on another device the
// same kernel may compute other last bits: a replay may come to another state. So
//
//   - outputs that follow a look at a device, and all outputs after them, are held until
//     the group has agreed on a checkpoint that covers it (Agreed). Whoever goes on
//     elsewhere goes on from there, or repeats what nobody has heard of;
//   - after a delivery that has looked a capture is made before the next delivery;
//   - await answers ENOTSUP in a delivery that has looked: the question would be held
//     until a checkpoint, and within a delivery there is none. An ask whose reply comes as a
//     message is the way;
//   - a process that cannot be suspended is refused, as it is never captured;
//   - a message that takes longer than Config.DeviceTime fails, as a kernel may never end.
//     That is no function of the log either, and counts as a look.
//
// If a node dies between a look and the checkpoint, the replay may find an ask of a later
// message in await that has never left: it times out. To record what is read in the log
// instead would have megabytes go through raft for each read, and still leave other
// devices' contents to differ.
//
// # Checkpoints
//
// A capture is taken between two messages, every Config.Checkpoint while there is
// something new. None is taken in an await: a handler that then fails goes back to before
// its message, so the base may not be behind that. Where it goes on elsewhere the
// message is repeated up to the await, without asking again. Its mailbox is in the section "host:godwit_actor" of the checkpoint:
// a version byte, until when a suspended receive waits, and mailbox.State.Encode. Making it an object tree, signing and
// writing it happen outside the pause; one at a time for an actor. Once it is on disk
// it is the base, and the sink is told, for the group to have it pushed and committed.
//
// A push sends what the other side lacks (see push.go for the protocol): where it has
// the checkpoint before, what was new in this one. The receiver checks every object
// against its name. It need not trust who signed: a checkpoint counts for nothing until
// a log that was agreed on names it by its CID.
//
// # Invariants
//
//   - The same checkpoint and entries make the same state, to the byte
//     (runtime.Instance.StateHash), on every node.
//   - Clock and randomness of a guest come from the log alone.
//   - After Halt nothing is called back, and nothing of the actor is in memory but the
//     image of its last memory.
//   - A checkpoint is told of after it is on disk.
//
// # Figures
//
// On a virtual machine with two EPYC cores, with a load of 15 and more from other work
// (go test -run xxx -bench . ./actors/activation):
//
//   - asks to one counter, executed and answered, with a checkpoint every 100 ms: 140,000
//     a second one by one, 190,000 to 210,000 in batches (BenchmarkDeliver); 2 µs of
//     processor time each
//   - from Activate of an idle actor to the answer of its first message: 0.25 ms in the
//     median where its image is ready, whatever its size; 0.6 ms with 128 KiB and 1.3 to 6
//     with 1 MiB where it is not (BenchmarkActivate)
//   - moving an actor of 64 MiB that writes to 1 % between checkpoints, from its last
//     capture until it has answered elsewhere: 6.6 to 11 ms in the median, without raft
//     (BenchmarkMigrate)
//   - an idle actor: 0.5 KiB of heap, most of it the store's index (BenchmarkIdle)
package activation
