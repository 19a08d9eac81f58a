package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// skipped is standard input, given again to a run that goes on: what the guest had read is passed
// over when it reads on.
type skipped struct {
	*os.File
	start int64 // where the run began to read it, if it is a file
	skip  int64 // what it has read since
	done  bool
	fail  func(error) // ends the run
}

// skipStdin is standard input without what had been read of it. A terminal is read on.
func skipStdin(stdin io.Reader, start int64, w *wasi.State, fail func(error)) io.Reader {
	f, ok := stdin.(*os.File)
	n := int64(w.Stdin.Delivered) + int64(len(w.Stdin.Pending))
	if !ok || w.Stdin.EOF || n == 0 && start == 0 || isTerminal(f) {
		return stdin
	}
	return &skipped{File: f, start: start, skip: n, fail: fail}
}

// Read implements io.Reader.
func (s *skipped) Read(p []byte) (int, error) {
	if !s.done {
		if err := s.pass(); err != nil {
			s.fail(err)
			return 0, err
		}
		s.done = true
	}
	return s.File.Read(p)
}

func (s *skipped) pass() error {
	info, err := s.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		n, err := io.CopyN(io.Discard, s.File, s.skip)
		if errors.Is(err, io.EOF) {
			return tooShort(n, s.skip)
		}
		return err
	}
	if info.Size() < s.start+s.skip {
		return tooShort(info.Size(), s.start+s.skip)
	}
	_, err = s.Seek(s.start+s.skip, io.SeekStart)
	return err
}

func tooShort(n, want int64) error {
	return hintedError{fmt.Errorf("standard input has %d bytes, and the run had read %d", n, want), "give it the same input again, from its beginning"}
}
