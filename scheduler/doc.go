// Package scheduler decides: which task runs next, where, whether to try again,
// what is believed of others, and when a task has ended. It has two cores, both
// pure: no goroutine, lock, clock, randomness, disk or network.
//
//   - [Submitter]: the tasks that this node accepted, from submission to their one
//     end, and its view of the mesh.
//   - [Executor]: the attempts that this node runs for submitters, itself included,
//     and its [Ledger] of capacity.
//
// # How a shell drives a core
//
// After etcd/raft. One goroutine owns a core. It calls Step with the time and an
// event, and then carries out the [Ready] that it gets, in this order:
//
//  1. Write Ready.Persist as one batch. If Ready.Sync, wait until that and all
//     before it is on disk; else it may be written late, but never out of order.
//  2. Send Ready.Messages. A message to the node itself is given to the other core
//     of this process as [Received]. A message that cannot be sent is dropped: the
//     core sends again what matters. The shell never sends again by itself.
//  3. Carry out Ready.Effects.
//
// Steps may go on while an earlier Ready is still being written, so that one fsync
// serves many of them, as long as Readys are carried out in the order in which they
// came. A client is answered only after the Ready of its event, and every earlier
// one, is through step 1: that goes for an error that tells of another task, too
// (an [ExistsError]).
//
// The shell sets one timer to Deadline (zero: none) and steps with [Tick] when it
// is due, or later. Time must not go backwards between steps: use readings of
// time.Now, which are monotonic.
//
// If writing fails, the process must stop: what the core believes is no longer on
// disk.
//
// Which events there are, and which core takes them:
//
//	Submit, CancelTask, MigrateTask      Submitter
//	Learned, Collected, Measured         Submitter
//	Trusted                              Submitter
//	Ended, SetDraining, Asked            Executor
//	Suspected, Recovered                 Submitter
//	Lost                                 both
//	Received, Connected, Disconnected    both; wire.ForExecutor says whose a message is
//	Tick                                 both
//
// The shell decides nothing, but checks what needs a key or a network: a message
// comes with the node that its stream authenticates; a [Learned] vector is one that
// wire.Open returned. Results need no check by the shell: the submitter opens their
// envelopes, and those of offers. A request for offers, the effect [Ask], the shell
// signs and gossips; each node that gets it, the asking one too, checks the signature
// and steps [Asked].
//
// While an attempt runs, the executor's shell sends its [wire.Output], [wire.Progress],
// [wire.Keep] and [wire.Kept] itself, to the node in [Start]; all else comes out of Ready.
// Output comes before Ended is stepped: what follows a Done is dropped.
//
// # How a task is placed
//
//   - direct: the best node of the view is asked to reserve (wire.Reserve), the next
//     one when it refuses. This takes one round trip.
//   - auction: all nodes are asked at once (wire.Request). Who has room reserves it for
//     ExecutorConfig.OfferLease and answers with signed facts (wire.Offer); the
//     submitter scores them by the policy by which it ranks its view. The window
//     closes when everybody has answered that the view knows to live and could run
//     the task, or when it ends. The best offer is taken up by renewing its lease, the
//     others are turned down; an offer that is neither ends by itself. In a mesh of
//     more than MaxBidders capable nodes a part of them is asked, by hash.
//   - auto: an auction if the task is large or long (SubmitterConfig.Large), if it
//     wishes for what nobody in view has, or if the last news of the best node are
//     old; else direct.
//   - local: this node, if it fits.
//
// The executor holds each attempt on a lease from the first moment on: that of a
// reservation or an offer is short, that of a run SubmitterConfig.Lease. It is renewed
// at two thirds of it, and once more when half of the rest is over, in case that got
// lost. What is not renewed is given back: a submitter that has gone for good takes no
// capacity along.
//
// Each task keeps its last [Round]s: whom it asked, who answered what and when, what
// the answers were worth. So "why there?" has an answer when it has ended, too.
//
// # How a task goes on
//
// After CheckpointAfter the executor's shell asks who is to keep checkpoints of an attempt
// (wire.Keep). The submitter ranks the nodes as for a new attempt and takes the first
// SubmitterConfig.Keepers of those that could run the task, and itself where there are too
// few. It signs a wire.Grant, which the shell shows to keepers with every checkpoint. The
// shell tells the submitter which checkpoint counts and who has
// it (wire.Kept). When the attempt is lost, or is given back ([Yield]: the task is to
// migrate, or the node drains), the next one is placed on a keeper if one fits, and its
// grant names the attempts before: the shell asks all of them, and all keepers, for what
// they have, and goes on from the first of [Best] that can be fetched. So nothing depends on
// the submitter having heard of the newest one. A lost node uses up none of the task's
// retries if the submitter has heard of a checkpoint of the attempt that is further than
// all before it: a long task outlives any number of nodes, one that brings them down does not.
//
// The fence is the attempt's number, as for results. A [Keeper] that has seen the grant of
// an attempt, when it keeps for it or is asked by it, takes nothing of an earlier one; a
// checkpoint counts only if the node of the attempt has signed it; and (attempt, sequence)
// orders them, so that what a stale executor has left with somebody who knew no better is
// passed over. An attempt that ended by its time limit is not gone on from: its clock has
// run out.
//
// # Who gets what
//
//   - Of two tasks of one submitter the more important one comes first, but a minute
//     of waiting counts as much as a level of priority: nothing waits for ever.
//   - While a submitter waits for room on an executor, no other one gets more than an
//     even share of it there. The one that waited for longest is told when there is
//     room.
//   - A submitter that was refused where its view had room is not alone: for a second
//     it chooses among nearly equal nodes by chance in proportion to their room. Of 40
//     that submit at once over 20 nodes, all with the same view, each is refused 0.96
//     times on average, 3.15 times without this (go test -run xxx -bench Herd
//     -benchtime 20x ./scheduler).
//
// # Queries
//
// Between steps, on the goroutine that owns the core:
//
//	(*Submitter).Restore(now time.Time, records []Record) (Ready, error)
//	(*Submitter).Step(now time.Time, ev Event) (Ready, error)   error: only of Submit and CancelTask
//	(*Submitter).Deadline() time.Time
//	(*Submitter).Task(id wire.TaskID) (Task, bool)
//	(*Submitter).Tasks() iter.Seq[Task]                         newest first
//	(*Submitter).Explain(id wire.TaskID) (Explanation, bool)    why it is where it is
//	(*Submitter).Plan(id wire.TaskID, spec *wire.Spec) Explanation   a dry run
//	(*Submitter).Nodes() []placement.Node                       the mesh as this node sees it
//	(*Submitter).Stats() SubmitterStats                         for metrics
//	(*Executor).Restore, Step, Deadline                         alike; Step returns no error
//	(*Executor).Free() wire.Capacity
//	(*Executor).Lasting() wire.Capacity                         Free without open offers: for vectors
//	(*Executor).Price() uint64                                  of 1000 units of fuel now
//	Partners() iter.Seq[wire.NodeID]                            of both: who shares work with this node
//	(*Executor).Runs() int                                      reserved, running and stopping
//	(*Executor).Idle() bool                                     nothing runs, every result is acknowledged
//
// # After a restart
//
// Make the core, hand it everything that was persisted with Restore before the
// first Step, and carry out the Ready that Restore returns. Then:
//
//   - queued tasks are placed as before;
//   - tasks that were being placed or run elsewhere are kept for
//     SubmitterConfig.Rejoin: executors that still run them say so in their
//     heartbeats, or deliver results that waited;
//   - attempts that ran here have died with the process: their submitters are told
//     node_lost, at once, and place them anew. Results that were not acknowledged
//     are sent again.
//
// # Invariants
//
//   - An attempt goes on only from what an earlier attempt of its task has made, and from
//     the newest of that which anybody has who can be asked.
//   - A task that Submit accepted has exactly one end, however many attempts ran.
//   - An attempt is (task, number, node). A result counts only if its executor signed
//     it, and only for the attempt that the submitter holds to be live.
//   - Capacity is never given twice; a run's is free again when the run has really
//     stopped, not when it was told to.
//   - Accepted means on disk before it is said, here for submissions and there for
//     assignments.
//   - Everything a peer can make a core keep is bounded.
//
// # What is believed of others
//
// Trust is given: the shell's configuration says how far each node is trusted, and the
// shell steps Trusted when that has changed. A submitter gives no tasks to nodes below
// the gate of its policy (0.3), an executor takes none of submitters below
// ExecutorConfig.MinTrust (0.1); such a refusal is told apart, so that the node is not
// asked again for 15 s and until it has said more of itself. Health is learned: the success rate of
// late (each end counts a fifth), the mean time of tasks and failures in a row. What
// speaks against a node is forgotten by half every ten minutes. It is kept over the
// node's absence and, written at most every ten seconds, over a restart.
//
// # Why
//
// Assignments are not synced before they are sent: losing one in a crash makes
// another attempt, which the fence makes harmless, and it saves a write on the way
// of every task. Reservations come before assignments since a refusal is then
// cheap: no attempt is spent, and nothing was written.
//
// Offers reserve, although most are turned down a moment later: so the one that is
// taken up holds, and two submitters that race for the last slot both know at once who
// has it.
package scheduler
