//go:build !unix

package linmem

import (
	"errors"
	"os"
)

func mapFile([]byte, *os.File, int64) error { return errors.ErrUnsupported }
