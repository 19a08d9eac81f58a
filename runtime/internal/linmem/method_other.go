//go:build !linux

package linmem

import (
	"errors"
	"os"
)

func newMethod(rung Rung) (method, error) {
	if rung == Compare {
		return comparing{}, nil
	}
	return nil, errors.ErrUnsupported
}

// anonymousFile makes a temporary file and removes its name where that is
// possible while it is open.
func anonymousFile(name string) (*os.File, error) {
	f, err := os.CreateTemp("", name)
	if err == nil {
		_ = os.Remove(f.Name()) // Windows refuses; its temporary files are swept by others
	}
	return f, err
}
