package wasi

import (
	"errors"
	"math/rand/v2"
)

// System is the WASI of one instance: its State, and what the state is attached
// to in this process. It is used by one goroutine at a time, that of the guest,
// and read by others only once the guest has ended.
type System struct {
	state State
	cfg   Config

	inputs []Attachment
	files  map[uint64]*inputFile // open input files by inode
	stdin  source
	stdout sink
	stderr sink
}

// New makes the WASI of one instance. The caller hands it to the runtime as the
// instance's state for ModuleName, and closes it after the instance has ended.
func New(cfg Config) (*System, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &System{cfg: cfg.withDefaults()}
	if err := s.openInputs(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.stdin.reader = cfg.Stdin
	s.stdout.writer = cfg.Stdout
	s.stderr.writer = cfg.Stderr
	s.start()
	return s, nil
}

// start sets the state up as the guest finds it.
func (s *System) start() {
	s.state.Descriptors = append(make([]Descriptor, 0, 8),
		Descriptor{Kind: Stdin, Rights: rightsStdin},
		Descriptor{Kind: Stdout, Rights: rightsStdout, Flags: flagAppend},
		Descriptor{Kind: Stderr, Rights: rightsStdout, Flags: flagAppend},
		Descriptor{
			Kind: File, Preopen: true, Name: "/", Inode: inodeRoot,
			Rights: rightsDirectory, Inheriting: rightsAll,
		})
	if s.cfg.Deterministic {
		s.state.Random = rand.NewChaCha8(s.cfg.Seed)
		return
	}
	s.state.Clock.Offset = int64(monotonicStart) - s.cfg.Monotonic()
}

// Written is how many bytes the guest has written to standard output and standard error.
func (s *System) Written() (stdout, stderr uint64) { return s.state.Stdout, s.state.Stderr }

// Close lets go of the inputs and waits for the goroutines of the standard
// streams, except one that is inside a Read or Write that has not returned:
// that one ends when the call does. See the package documentation.
func (s *System) Close() error {
	s.stdin.close()
	s.stdout.close()
	s.stderr.close()
	return s.closeInputs()
}
