package wasi

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Config is what one instance's WASI is made of. The zero value is a guest
// without arguments, environment, input or output, with default limits, the
// real clock and real randomness.
type Config struct {
	// Args are the guest's arguments, the program's name first. No argument
	// may contain a NUL byte; with their NULs they take at most MaxArgsBytes.
	Args []string
	// Env are the guest's environment variables, each "NAME=value". The bounds
	// of Args apply.
	Env []string

	// Stdin is what descriptor 0 reads; nil reads as empty. Reads are made as
	// the guest asks for input, in pieces of up to 64 KiB, never two at a time.
	Stdin io.Reader
	// Stdout and Stderr get what the guest writes to descriptors 1 and 2, as it
	// is written; nil discards it. Write must not keep the slice it is given.
	// The same Writer may serve both: writes to it are never concurrent.
	Stdout, Stderr io.Writer

	// Inputs appear under /in.
	Inputs []Input

	// Deterministic makes two runs with the same input identical: both clocks
	// start at a fixed instant and advance by a fixed step when they are read,
	// sleeping advances them at once, randomness comes from Seed, and reads of
	// standard input are full unless it ends.
	Deterministic bool
	// Seed is the seed of a deterministic run's randomness.
	Seed [32]byte

	// Sources are where time and randomness come from. Unused when Deterministic.
	Sources

	// MaxOpenFiles is how many descriptors may be open at once, the three
	// standard streams and the preopened directory included: 4 to 65536;
	// 0 is DefaultMaxOpenFiles.
	MaxOpenFiles int
	// MaxOutputBytes is how many bytes the files of the guest may take
	// (their sizes, holes included, their names, and NodeBytes for each file,
	// directory and symbolic link) and, counted separately, how many bytes it
	// may write to standard output and standard error together; 0 is
	// DefaultMaxOutputBytes, and OutputBytesCeiling the most.
	MaxOutputBytes int64
}

// Sources are where a guest's time and randomness come from. The zero value is the
// system's clocks and crypto/rand. They are called on the guest's goroutine.
type Sources struct {
	// Realtime is the time since the Unix epoch in nanoseconds.
	Realtime func() int64
	// Monotonic is the time in nanoseconds since some fixed instant; it must
	// not run backwards.
	Monotonic func() int64
	// Random fills p with random bytes.
	Random func(p []byte)
	// Sleep is called, where it is not nil, when the guest waits for a clock, with
	// the nanoseconds that are left to wait; the clocks must then show a time that
	// is later by as much. So clocks that do not go by themselves can be waited for.
	Sleep func(nanoseconds uint64)
}

// Defaults and bounds of Config.
const (
	DefaultMaxOpenFiles   = 1024
	DefaultMaxOutputBytes = 1 << 30
	OutputBytesCeiling    = 1 << 40

	// MaxArgsBytes bounds Args and, separately, Env.
	MaxArgsBytes = 16 << 20
	// NodeBytes is what a file, directory or symbolic link counts against
	// MaxOutputBytes beside its content and its names.
	NodeBytes = 512
)

// ErrConfig is wrapped by every error that Validate returns.
var ErrConfig = errors.New("invalid wasi configuration")

// DefaultConfig is the zero Config with its limits written out.
func DefaultConfig() Config {
	return Config{MaxOpenFiles: DefaultMaxOpenFiles, MaxOutputBytes: DefaultMaxOutputBytes}
}

// Validate reports what is wrong with c, as an error that wraps ErrConfig.
func (c Config) Validate() error {
	if err := validateStrings("argument", c.Args); err != nil {
		return err
	}
	if err := validateStrings("environment variable", c.Env); err != nil {
		return err
	}
	for _, kv := range c.Env {
		if strings.IndexByte(kv, '=') < 1 {
			return fmt.Errorf("%w: environment variable %q is not of the form NAME=value", ErrConfig, kv)
		}
	}
	if c.MaxOpenFiles != 0 && (c.MaxOpenFiles < 4 || c.MaxOpenFiles > 1<<16) {
		return fmt.Errorf("%w: max open files %d: not between 4 and 65536", ErrConfig, c.MaxOpenFiles)
	}
	if c.MaxOutputBytes < 0 || c.MaxOutputBytes > OutputBytesCeiling {
		return fmt.Errorf("%w: max output bytes %d: not between 0 and 1 TiB", ErrConfig, c.MaxOutputBytes)
	}
	return validateInputs(c.Inputs)
}

func validateStrings(what string, list []string) error {
	size := 0
	for _, s := range list {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%w: %s %q contains a NUL byte", ErrConfig, what, s)
		}
		size += len(s) + 1
	}
	if size > MaxArgsBytes {
		return fmt.Errorf("%w: %ss take %d bytes: more than %d", ErrConfig, what, size, MaxArgsBytes)
	}
	return nil
}

// withDefaults fills in what c leaves open.
func (c Config) withDefaults() Config {
	if c.MaxOpenFiles == 0 {
		c.MaxOpenFiles = DefaultMaxOpenFiles
	}
	if c.MaxOutputBytes == 0 {
		c.MaxOutputBytes = DefaultMaxOutputBytes
	}
	if c.Realtime == nil {
		c.Realtime = systemRealtime
	}
	if c.Monotonic == nil {
		c.Monotonic = systemMonotonic
	}
	if c.Random == nil {
		c.Random = systemRandom
	}
	return c
}

func systemRealtime() int64 { return time.Now().UnixNano() }
