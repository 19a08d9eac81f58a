// Package filelock takes advisory locks on files and folders (flock), by which one process
// at a time uses a store, a run file or a node's data. A lock belongs to the open file: the
// kernel lets go of it with the process, however that ends. It is exclusive.
//
//	if err := filelock.Lock(f); errors.Is(err, filelock.ErrHeld) {
//		return ErrInUse
//	}
package filelock

import "errors"

// ErrHeld is returned when another open file, of this process or another, has the lock.
var ErrHeld = errors.New("the lock is held")
