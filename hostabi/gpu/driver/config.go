package driver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// ErrNotFound is that there is no driver program; the message says where it was looked for.
var ErrNotFound = errors.New("godwit-gpu not found")

// Program is what the driver program is called, and Variable names it from the
// environment.
const (
	Program  = "godwit-gpu"
	Variable = "GODWIT_GPU"
)

// Config says how the driver process is run. The zero value is of use.
type Config struct {
	// Command starts the driver process; empty means what Find finds.
	Command []string

	// CacheDir keeps what was built, if it is not empty; it is made if need be. Nobody
	// else should be able to write to it.
	CacheDir string
	// CacheSize is how many bytes are kept there; default 256 MiB.
	CacheSize uint64

	// StartTimeout is how long the process may take to list the devices; default 20 s.
	StartTimeout time.Duration
	// BuildTimeout is how long a build may take; default 60 s. Then the process is killed.
	BuildTimeout time.Duration
	// Grace is how long a session that is closed may still be at work before the process
	// is killed; default 200 ms. A process that does not say for ten times as long what it is
	// doing is killed as well.
	Grace time.Duration

	// Staged makes all devices have memory of their own, as if none was unified: for tests.
	Staged bool
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.StartTimeout, 20*time.Second)
	set(&c.BuildTimeout, time.Minute)
	set(&c.Grace, 200*time.Millisecond)
	if c.CacheSize == 0 {
		c.CacheSize = 256 << 20
	}
	return c
}

// Validate checks the bounds.
func (c Config) Validate() error {
	if c.StartTimeout < 0 || c.BuildTimeout < 0 || c.Grace < 0 {
		return errors.New("negative time")
	}
	return nil
}

// Find is where the driver program is: named by GODWIT_GPU, beside this program, or on the
// PATH. Errors wrap ErrNotFound.
func Find() (string, error) {
	if named := os.Getenv(Variable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%w: %s names %s: %w", ErrNotFound, Variable, named, err)
		}
		return path, nil
	}
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	beside := filepath.Join(filepath.Dir(own), Program)
	if path, err := exec.LookPath(beside); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(Program)
	if err != nil {
		return "", fmt.Errorf("%w: neither beside %s nor on the PATH", ErrNotFound, own)
	}
	return path, nil
}

// staged tells whether a device's buffers are copies of the memory that node and driver
// share. Only a CPU's are that memory: what others see of it depends on their caches.
func (c Config) staged(info device.Info) bool {
	return c.Staged || !info.Unified || info.Kind != device.CPU
}
