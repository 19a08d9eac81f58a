package godwit

import (
	"bytes"
	"io"
	"os"
)

// spoolMemory is how many bytes of a spool are kept in memory.
const spoolMemory = 256 << 10

// spool keeps what is written to it: little in memory, much in a file without a
// name, which goes away with the process whatever happens.
type spool struct {
	dir    string
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	n, err := s.write(p)
	s.size += int64(n)
	return n, err
}

func (s *spool) write(p []byte) (int, error) {
	if s.file != nil {
		return s.file.Write(p)
	}
	if s.memory.Len()+len(p) <= spoolMemory {
		return s.memory.Write(p)
	}
	f, err := os.CreateTemp(s.dir, "spool-")
	if err != nil {
		return 0, err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return 0, err
	}
	if _, err := f.Write(s.memory.Bytes()); err != nil {
		return 0, err
	}
	s.memory = bytes.Buffer{}
	return f.Write(p)
}

// reader reads from the start what has been written by now.
func (s *spool) reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.memory.Bytes())
}

// prefix is a copy of the first bytes.
func (s *spool) prefix(n int64) ([]byte, error) {
	b := make([]byte, min(n, s.size))
	if s.file != nil {
		_, err := s.file.ReadAt(b, 0)
		return b, err
	}
	copy(b, s.memory.Bytes())
	return b, nil
}

// inline is all of it; it must be in memory.
func (s *spool) inline() []byte { return s.memory.Bytes() }

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
