// Package actors is the actors of a node: modules with a name, a mailbox and durable
// memory, that outlive the machines they run on.
//
//	host, err := actors.New(actors.Config{
//		Self: id, Key: key, Dir: dir, Network: transport, Engine: engine, Modules: modules,
//	})
//	...
//	err = host.Run(ctx) // until ctx is done
//
//	status, err := host.Create(ctx, actors.CreateOptions{Name: "counter", Module: module})
//	reply, err := host.Ask(ctx, "counter", []byte("inc"), actors.MessageOptions{}) // on any node
//	moved, err := host.Migrate(ctx, "counter", actors.MigrateOptions{To: other})
//
// # Glossary
//
//   - actor: a deterministic machine, fed by a log that its replicas agree on.
//   - replica: a node's part in an actor's raft group (package group): log, base, pages.
//   - leader: the replica on which the actor is active; its raft term is the epoch.
//   - activation: the guest's instance and mailbox (packages activation and mailbox).
//   - parked: a replica of which nothing is in memory but a few hundred bytes.
//   - call: a client's message under way, repeated with the same id until it is answered.
//   - channel: what one actor has sent to another and is not settled.
//   - handover: an actor on its way to another node.
//
// # How it works
//
// One goroutine, the loop, owns all that is decided, in parts that know no disk, network
// or clock: groups, liveness, directory, calls, channels, claims. It works in rounds. What
// has come is taken, the groups that it touched are driven, and what they want goes three
// ways: writes to the committer, which makes one batch and one sync of all that waits,
// whatever actors it is of; messages to the post, which encodes and sends; committed
// entries to the activations, which run guests on goroutines of their own and answer
// through the loop's inbox. Messages need not wait for the disk: what a replica says it
// has, it says after its write was confirmed (see package group).
//
// Messages of clients wait in a replica's intake, and are proposed as one entry when there
// is room: while an entry is on its way only larger ones follow soon, four at most, so under
// load an entry has hundreds of messages and one sync serves them all.
//
// A checkpoint is signed, stored and checked on each replica, and agreed on: with many
// actors that would be most of what a node does. So those of all actors of a node take
// turns, a hundred a second on two processors: up to ten actors at work have one every
// 100 ms, a hundred of them one a second. Whose guest has run for 100 ms since the last
// one, or has 4 MiB of log behind it, waits for no turn: so what is repeated after a
// failure is bounded all the same, by work and not by time.
//
// # Who leads
//
// Nothing ticks while nothing happens. A node sends heartbeats to the nodes that it
// shares actors with, one each whatever their number; a closed connection, or silence,
// makes it dead. Then the groups that were at work elect a leader at once, those with a
// message when it comes, and the parked others a few at a time, since they may have
// timers. A node that was itself stopped judges nobody by the silence that it finds.
//
// Who leads executes what its log has committed, and lets its outputs out while it is
// fresh from a majority's word that it leads; else it asks first. One that was stopped
// for ten seconds finds out that way that it leads no more, before it has said anything.
//
// # A message's way
//
//	client ─▶ its node: call ─▶ leader's node: intake ─▶ log, on disk at a majority ─▶ acknowledged
//	                                                        └▶ guest ─▶ mailbox: answer ─▶ answered
//
// A call goes to the leader as far as known, and on where it is told; it goes elsewhere at
// once when that node dies, and again when it is silent. A replica that knows no leader
// holds it and campaigns. The id makes it count once, however often it arrives. A replica
// that knows of no living majority takes nothing in and says so; a call that hears
// nothing better for 1.5 s, or finds nobody to ask, ends as unavailable, and says whether
// the message may still take effect (TestMajorityGone, TestACallIsUnavailable).
//
// Actors send in channels: numbered, kept in the sender's replicated outbox until the
// receiver has them in its log, sent all over again by whoever activates the sender.
//
// # Migration
//
// Checkpoints go ahead while the guest works, until the target holds one behind which the
// guest has run for a few milliseconds only; then nothing more is proposed, what is on
// its way commits, and leadership is transferred. The target has the pages mapped and
// repeats those milliseconds. What comes
// meanwhile waits, and is sent on. Until the transfer the source goes on if anything
// fails; after it the target does, or any replica.
//
// A handler that waits in an await moves, or fails over, as the message that it handles: it
// is repeated from there up to the await, with the same replies, since no checkpoint is
// taken in the middle of a message that may yet fail. That is at most the fuel of one message.
//
// An actor at work is moved every few seconds to where it would better be (Placer.Better);
// an idle one stays where it is until its next message, as to wake it costs more than it
// gains by the move, unless its node is drained or lost.
//
// # Invariants
//
//   - A message is acknowledged when a majority has it on disk, and takes effect once.
//   - One activation an epoch; outputs leave only while it is sure to be the last one.
//   - Names are claimed with all nodes that can be reached; of two actors that got one name
//     in a partition, it means the older; when that is removed it means the other one, which
//     is to be removed too. Of a name whose nodes are not all known to be without it, a
//     removal is never said to be done: it is unavailable.
//   - What waits for an actor, a node or the loop is bounded; beyond that senders wait.
//   - An actor that was removed stays so: replicas that were away are told on return, and
//     one that was about to join as well (TestRemovedBeforeItHasJoined). Who removed it has
//     its name at once (TestNameAfterRemoval).
//   - Whoever is in the mesh may use its actors; frames and streams are bounded and decoded
//     strictly, and what a node sends is believed only as far as it is a member.
//   - Run returns after all that it started has ended.
//   - Once Drain has returned without an error every actor has a majority without the node
//     (TestDrained); else the error names those that have not. What it comes to lead later,
//     since another node dies, moves on within seconds (TestDrainedLater).
//   - An actor that was made in vain leaves nothing on any node, though its nodes may learn
//     that later (TestMadeInVain), half a minute after its maker was killed (TestMakerEnds).
//     Actors make few others at a time (TestSpawnFlood).
//   - With a majority of its replicas within reach an actor answers soon, whatever was
//     before (TestChaos here on virtual time, TestBank at the root on processes). A member
//     whose node lives has a replica that answers, or is replaced.
//
// An actor that gives no answer all the same explains itself: Host.Inspect, which is
// "godwit actor show --replicas", asks each node what it knows and what it waits for.
//
// # Figures
//
// Three nodes on libp2p over loopback in one process, disk sync on, two cores of an AMD
// EPYC virtual machine that was very busy with other work (load 7 to 20):
//
//   - asks through one actor with three replicas: 6,200 to 13,200 a second
//     (go test -run xxx -bench Replicated -benchtime 3s ./actors); 58,000 to 77,000
//     from 512 clients where nothing else ran
//   - sends to an actor with one replica, on disk: with [Host.SendAll] 4.4 µs of processor
//     time each, executed, and 31,000 to 73,000 a second at a load of 17 to 25; sends one
//     by one 13.7 µs each. Where nothing else ran 333,000 a second, and 147,000 one by one
//     (-bench LocalSend).
//   - asks through a hundred actors of one node, all three replicas of each in this
//     process, while the other work was stopped: 28,000 to 43,000 a second from 2,048
//     clients in four runs of five, 15,000 in one; 15,000 to 18,000 from 512
//     (-bench AllOfANode). 512 had 9,000 before checkpoints took turns and small entries
//     waited for each other. With a load of 23: 3,200.
//   - from the death of an actor's node to the next answer: 17 ms in the median of 60,
//     278 ms at worst, at a load of 15 (-bench Failover). What is left above 150 ms is
//     the disk's, which syncs in 100 to 200 ms then. Where nothing else ran 5 and 7 ms, and
//     51 and 149 ms for 99 of 100. Between real processes, of which one gets SIGKILL, 111 ms in the
//     median and 159 ms at worst of 12 (-bench ActorFailover at the root).
//   - from a message to an idle actor to its answer: 5.3 ms in the median with one
//     replica, 21 ms with three, which is an election; 1.9 and 4.9 ms where nothing else ran
//     (-bench Wake).
//   - an idle actor, in memory, without a goroutine (-bench Idle/begun=false/replicas=1
//     -benchtime 100000x and so on, at a load of 15 to 20): 463 bytes each of 100,000 that
//     were made idle, in 34 s, 84 µs of processor time each; 642 bytes a replica of 30,000
//     on three nodes, 0.36 ms for all three; 1,473 bytes each of 100,000 that have begun
//     (-bench Idle/begun=true/replicas=1), most of them the index of the checkpoints' store, 1 ms of
//     processor time and 0.8 ms each where nothing else ran. With three replicas
//     that have begun 3.6 to 4.0 KiB a replica of 4,000 to 12,000, of which 1.4 KiB are live
//     objects; the rest are holes in the heap that beginning so many at once leaves. Making them
//     takes 1.8 ms, 4.5 ms of processor time for all three.
//   - the disk of two actors at work: 76 MiB at most in half an hour, 70 MiB in the next, of
//     which they need less than one: pages that nobody needs go a segment at a time
//     (TestDiskOfBusyActors).
//   - the pause of a migration of a busy actor with 64 MiB: 4.3 and 5.5 ms in the median
//     of 25 while the other work was stopped, 3.7 to 6.5 each but for the first, right
//     after the 64 MiB were written: 40 to 100 (-bench BenchmarkMigration). Most of it are two syncs: the vote, and the first entry of the new epoch.
package actors
