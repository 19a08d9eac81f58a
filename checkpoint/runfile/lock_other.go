//go:build !unix

package runfile

import "os"

// lock does nothing where there is no flock.
func lock(*os.File) error { return nil }

func unlock(*os.File) error { return nil }
