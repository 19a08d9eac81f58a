package activation

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/runtime"
	swire "github.com/godwit-run/godwit/scheduler/wire"
)

// Config is what an engine works with. The zero value of a field that has a default
// means the default.
type Config struct {
	// Runtime runs the guests. Among its host modules are actor.Module() and, for
	// actors with GPUs, gpu.Module().
	Runtime *runtime.Engine
	// Store holds the checkpoints. The engine writes there under the actors' ids and
	// removes what their logs need no more; what others keep in it stays.
	Store *store.Store
	// Dir is a folder for images of memories, which do not outlast the process, and
	// for the actors' logs.
	Dir string
	// Owner signs the checkpoints made here.
	Owner checkpoint.Signer
	// Modules finds the bytes of a module. They are checked.
	Modules func(ctx context.Context, id cid.Cid) ([]byte, error)

	// GPU says what an actor that asks for GPUs gets of this node's: backend, devices,
	// memory. Default: there are none.
	GPU func(spec *swire.GPUSpec) gpu.Config

	// DeviceTime is how long an actor with GPUs may take for a message without waiting for
	// another: a kernel that never ends costs no fuel. Default 30 s.
	DeviceTime time.Duration

	// Workers is how many guests run at a time. Default: 16 for each processor, which
	// they share, so that some that work for long keep nobody waiting.
	Workers int
	// Checkpoint is the time from one checkpoint of a working actor to the next; more
	// when the disk cannot keep up, or when there are more actors at work than Rate is
	// for. Then an actor is captured whenever its guest has run for Checkpoint, and not
	// before its turn otherwise: so activating it elsewhere repeats no more than
	// Checkpoint of work, whatever the load. Default 100 ms.
	Checkpoint time.Duration
	// Rate is how many checkpoints a second are made of actors that have worked for less
	// than that. Default 50 for each processor.
	Rate int
	// KeepModules is how many modules without an instance stay compiled. Default 64.
	KeepModules int
	// ImageBytes bounds the images of memories that are kept ready, in bytes,
	// ImageFiles their number. Defaults 1 GiB and 256.
	ImageBytes int64
	ImageFiles int
	// LogBytes bounds what is kept of what an actor says, in bytes. Default 1 MiB.
	LogBytes int64
	// PushBytes bounds a checkpoint that another node sends, in bytes. Default 8 GiB.
	PushBytes int64
	// OutputBytes bounds what a guest writes to stdout and stderr for one message and,
	// separately, what it keeps in files, which are in RAM and in every checkpoint.
	// Default 16 MiB.
	OutputBytes int64
	// Now is the clock, for pacing and for the time of checkpoints: never for guests.
	// Default time.Now.
	Now func() time.Time
}

// DefaultConfig is the zero Config with its defaults filled in.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	if c.Workers == 0 {
		c.Workers = 16 * goruntime.GOMAXPROCS(0)
	}
	if c.DeviceTime == 0 {
		c.DeviceTime = 30 * time.Second
	}
	if c.Checkpoint == 0 {
		c.Checkpoint = 100 * time.Millisecond
	}
	if c.Rate == 0 {
		c.Rate = 50 * goruntime.GOMAXPROCS(0)
	}
	if c.KeepModules == 0 {
		c.KeepModules = 64
	}
	if c.ImageBytes == 0 {
		c.ImageBytes = 1 << 30
	}
	if c.ImageFiles == 0 {
		c.ImageFiles = 256
	}
	if c.LogBytes == 0 {
		c.LogBytes = 1 << 20
	}
	if c.PushBytes == 0 {
		c.PushBytes = 8 << 30
	}
	if c.OutputBytes == 0 {
		c.OutputBytes = 16 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Runtime == nil || c.Store == nil || c.Owner == nil || c.Modules == nil || c.Dir == "":
		return errors.New("activation: runtime, store, owner, modules and dir are needed")
	case c.Workers < 0 || c.Rate < 0 || c.Rate > 1e6 || c.KeepModules < 0 || c.ImageFiles < 0:
		return errors.New("activation: a number out of range")
	case c.DeviceTime < 0:
		return fmt.Errorf("activation: %v for a message", c.DeviceTime)
	case c.Checkpoint < 0 || c.Checkpoint > time.Minute:
		return fmt.Errorf("activation: a checkpoint every %v: not up to a minute", c.Checkpoint)
	case c.ImageBytes < 0 || c.LogBytes < 0 || c.PushBytes < 0 || c.OutputBytes < 0:
		return errors.New("activation: a negative number of bytes")
	}
	return nil
}
