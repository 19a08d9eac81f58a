package main

import (
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// stream passes a guest's output through untouched. Once a write fails the
// guest works for nobody: it is stopped.
type stream struct {
	*os.File
	stop func(cause error)

	// midLine is set while the last byte written was not a line end. It is read
	// when the guest has ended, which may leave a write behind.
	midLine atomic.Bool
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if n > 0 {
		s.midLine.Store(p[n-1] != '\n')
	}
	switch {
	case errors.Is(err, syscall.EPIPE):
		s.stop(errStdoutClosed)
	case err != nil:
		s.stop(err)
	}
	return n, err
}

// keepBrokenPipe makes writes to a closed pipe fail instead of ending the
// process, so that a run can still be reported. It is called before any write.
func keepBrokenPipe() {
	signal.Ignore(syscall.SIGPIPE)
}

// openStdin is what the guest reads: the file named by --stdin, else our own
// standard input, unless the module has come from there.
func openStdin(name, module string) (*os.File, error) {
	switch {
	case name != "" && name != "-":
		return openFile(name)
	case module == "-" && name == "-":
		return nil, errors.New("standard input cannot be both the module and the guest's input")
	case module == "-":
		return openFile(os.DevNull)
	}
	return os.Stdin, nil
}

// openFile opens a regular file or a device, but no directory.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(&os.PathError{Op: "open", Path: name, Err: syscall.EISDIR}, f.Close())
	}
	return f, nil
}
