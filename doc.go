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
package godwit
