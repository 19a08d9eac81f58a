package linmem

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func newMethod(rung Rung) (method, error) {
	switch rung {
	case WriteProtect:
		return newWriteProtect()
	case PrivateMapping:
		return newPrivateMapping()
	case Compare:
		return comparing{}, nil
	}
	return nil, errors.ErrUnsupported
}

// anonymousFile makes a file that has no name and lives in RAM.
func anonymousFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
