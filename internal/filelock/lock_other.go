//go:build !unix

package filelock

import "os"

// Lock does nothing where there is no flock.
func Lock(*os.File) error { return nil }

// Unlock does nothing where there is no flock.
func Unlock(*os.File) error { return nil }
