// Package godwit is a whole node of the mesh: it takes tasks, finds nodes that
// run them, runs the tasks of others, and keeps what was accepted through crashes.
//
//	node, err := godwit.New(godwit.Config{
//		Dir:       "/var/lib/godwit",
//		Bootstrap: []string{"/ip4/192.0.2.7/tcp/4011/p2p/12D3Koo..."},
//		API:       "127.0.0.1:8080",
//	})
//	...
//	err = node.Run(ctx) // until ctx is done and the tasks here have finished
//
// Several nodes may run in one process, each with a folder of its own.
//
// # Glossary
//
//   - submitter: the node that accepted a task, keeps it and tells how it ended.
//   - executor: a node that runs an attempt of it.
//   - journal: the database of what a node has accepted, on disk before it is
//     acknowledged.
//   - link: the stream of task messages from one node to another.
//   - actor: a program with a name and a memory that lasts, kept by several nodes; see
//     package actors. The node gives their host what it needs: modules by CID, where they
//     best live (the policy that places tasks), metrics, events, and a way to move them
//     when it drains.
//   - device: something that runs kernels (package hostabi/gpu/device), of Config.Devices. A
//     task has those that are reserved for it to itself; actors share them.
//   - keeper: a node that keeps checkpoints of tasks that run elsewhere, or the part of a
//     node that does so. Tasks that may run for more than a second run on an engine whose
//     guests can be suspended; see scheduler.Keeper for who may keep what.
//   - partner: a node that work is shared with. Partners watch each other (package
//     detect), and what one has of the other's moves on when it dies.
//
// # How it works
//
// What happens to a task is decided by the cores in package scheduler, which know
// no clock, disk or network. One goroutine steps them (see loop); what they want
// written, sent and done is carried out by a second one (see committer), which
// takes all that has come together meanwhile as one batch: one write to the
// journal and one sync, and only then the messages. So a thousand tasks cost few
// syncs, a slow disk makes larger batches rather than a longer queue, and nothing
// is said that a crash could take back.
//
// # Invariants
//
//   - A task is acknowledged only when it is on disk, and then ends exactly once.
//   - A message is sent only when what it says is on disk.
//   - Nothing from another node is acted upon before its bounds, and where it is
//     signed its signature, have been checked; what waits for or from one peer is
//     bounded.
//   - Run returns after all that it started has ended.
//   - A checkpoint of a task counts when a keeper has it on disk, and holds all that the
//     task is: the output that was kept by then, too. Snapshots are taken no faster than the
//     keepers take them, and of those that come meanwhile only the newest is sent.
//
// # Figures
//
// Three nodes on loopback in one process, with their clients, on a virtual machine
// with two EPYC cores that others use as well (load 5 to 8):
//
//   - a task that does nothing, by the API, to its result: 2.0 ms in the median,
//     5.7 ms for 99 of 100 (go test -run xxx -bench Latency -benchtime 1000x .).
//     Bacalhau takes 530 ms on the same machine.
//   - as many of them as 96 clients get through: 2,060 a second, each 0.6 ms of
//     processor time with its client's part
//     (go test -run xxx -bench Throughput -benchtime 15000x .). Bacalhau: 33.
//   - placed directly, from the choice of a node to its reservation: 0.41 ms in the
//     median, 1.0 ms for 99 of 100, where nothing else runs (go test -run xxx -bench
//     Direct$ -benchtime 3s .); 0.6 ms at a load of 6 to 15 on the two cores.
//   - an auction among twenty nodes that all run in one process, from the task's
//     acceptance to the best offer: 7.8 ms in the median where nothing else runs, with
//     all nodes' answers (go test -run xxx -bench Auction$ -benchtime 3s .); 28 ms at a
//     load of 6. Between four processes all offers are there after 2 to 11 ms.
//   - from the start of a process until it is ready 0.23 s in the median, 0.58 s at
//     worst, and 48 MiB of memory then, most of it the program itself
//     (go test -run xxx -bench Start -benchtime 20x .).
//   - 48 kills of nodes within 40 s, submitters too: 3,840 accepted tasks, each with
//     one end (GODWIT_CHAOS=40s go test -run AnyNodeIsKilled -v .).
//   - from the SIGKILL of the process that an actor lives on to the answer of the next
//     message by another: 83 ms in the median, 120 ms at worst of 12, at load 7
//     (go test -run xxx -bench ActorFailover -benchtime 12x .).
package godwit
