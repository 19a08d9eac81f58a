// Package journal keeps records on disk that must survive a SIGKILL and a loss of power: a
// node's memory of its tasks, and the raft logs of its actors. It is a thin layer over
// pebble that turns the store's fatal errors into an error of the write.
//
// Invariants: what has been committed with sync, and all that was committed before, is
// there when the journal is opened again. Batches are committed whole, and in order. Once
// a write has failed all further ones fail with [ErrFailed]: nothing that was not written
// may be acknowledged.
//
// Kinds of keys are told apart by their first bytes: see the key functions of those who
// keep them.
//
//	j, err := journal.Open(vfs.Default, dir, journal.Config{Name: "journal", Cache: 1 << 20, Table: 4 << 20, Log: log})
//	...
//	err = j.Commit([]journal.Record{{Key: []byte("task/1"), Value: encoded}}, true)
package journal
