package runtime

import (
	"fmt"
	goruntime "runtime"
	"time"

	"github.com/godwit-run/godwit/hostabi"
)

// Kind says how an engine executes guests. Fuel and results are the same on
// every kind; only speed differs.
type Kind string

const (
	// KindAuto is the compiler where wazero has one for this machine
	// (amd64 and arm64), else the interpreter.
	KindAuto Kind = "auto"
	// KindCompiler translates a module to machine code when it is loaded.
	KindCompiler Kind = "compiler"
	// KindInterpreter runs anywhere, some 10 to 100 times slower.
	KindInterpreter Kind = "interpreter"
)

// Config configures an Engine. The zero value of a field means its default.
type Config struct {
	// Kind chooses compiler or interpreter. Default KindAuto.
	Kind Kind

	// CacheDir keeps rewritten modules and machine code between processes, for
	// this user alone: whoever can write there can run machine code as this
	// user. Default empty: memory only.
	CacheDir string

	// HostModules are what guests may import besides WASI.
	HostModules []hostabi.Module

	// Suspend lets guests be suspended in the middle of a call (see Instance.Suspend):
	// they are rewritten so that they can, which costs them little speed, and some time
	// and memory when they are loaded. Continuations go on only where Suspend is set as
	// well, and the same host functions suspend. Default false.
	Suspend bool

	// MaxModuleBytes bounds the size of a module, in bytes. Default 64 MiB.
	MaxModuleBytes int

	// CompileWorkers is how many goroutines compile one module. Default 1, since
	// only then can a panic of the compiler be recovered: the module is interpreted,
	// and the process with all its other guests lives on. Modules that load side by
	// side keep all cores busy as it is.
	CompileWorkers int

	// IdleMemories is how many freed linear memories stay mapped for later
	// instances, at up to 1 MiB of RAM each. Default 64; negative keeps none.
	IdleMemories int
}

// DefaultConfig is the configuration that the zero Config stands for.
func DefaultConfig() Config {
	return Config{}.withDefaults()
}

func (c Config) withDefaults() Config {
	if c.Kind == "" {
		c.Kind = KindAuto
	}
	if c.MaxModuleBytes == 0 {
		c.MaxModuleBytes = 64 << 20
	}
	if c.CompileWorkers == 0 {
		c.CompileWorkers = 1
	}
	if c.IdleMemories == 0 {
		c.IdleMemories = 64
	}
	return c
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch c.Kind {
	case "", KindAuto, KindInterpreter:
	case KindCompiler:
		if !compilerSupported() {
			return fmt.Errorf("no compiler for %s/%s: use the interpreter", goruntime.GOOS, goruntime.GOARCH)
		}
	default:
		return fmt.Errorf("unknown engine kind %q: want auto, compiler or interpreter", c.Kind)
	}
	if c.MaxModuleBytes < 0 {
		return fmt.Errorf("negative module size limit %d", c.MaxModuleBytes)
	}
	if c.CompileWorkers < 0 {
		return fmt.Errorf("negative number of compile workers %d", c.CompileWorkers)
	}
	return nil
}

// Limits bound what one instance may use. The zero value of a field means its
// default.
type Limits struct {
	// Fuel is the budget in units of fuel version 1 (see the package
	// documentation), up to MaxFuel. Default: no limit; fuel is counted all the
	// same.
	Fuel uint64

	// Memory bounds the bytes of all linear memories and tables together (a
	// table element counts 8). Default 1 GiB.
	Memory uint64

	// WallTime bounds the time from instantiation to the end. Default: no limit.
	WallTime time.Duration

	// CallDepth bounds nested guest calls, in frames of up to 16 values
	// (parameters, locals and operands); a larger frame counts for as many as it
	// takes. At most MaxCallDepth, and on 32-bit machines DefaultCallDepth.
	// Default DefaultCallDepth.
	CallDepth int

	// OutputBytes bounds what the guest writes to stdout and stderr together,
	// and, separately, what it keeps in /out and /tmp. Default 1 GiB.
	OutputBytes int64

	// OpenFiles bounds the guest's open descriptors. Default 1024.
	OpenFiles int
}

const (
	// MaxFuel is the largest fuel limit, in units; a century of work.
	MaxFuel = 1 << 62
	// DefaultCallDepth is the limit on call depth unless another is set, in
	// frames: about what browsers and other runtimes allow.
	DefaultCallDepth = 16384
	// MaxCallDepth is the largest call depth limit, in frames. The interpreter
	// takes some 4 KiB of Go's stack for each, and Go ends a process whose stack
	// gets beyond 1 GB, or on 32-bit machines 250 MB.
	MaxCallDepth = 32768
)

// DefaultLimits are the limits that the zero Limits stand for.
func DefaultLimits() Limits {
	return Limits{}.withDefaults()
}

func (l Limits) withDefaults() Limits {
	if l.Fuel == 0 {
		l.Fuel = MaxFuel
	}
	if l.Memory == 0 {
		l.Memory = 1 << 30
	}
	if l.CallDepth == 0 {
		l.CallDepth = DefaultCallDepth
	}
	if l.OutputBytes == 0 {
		l.OutputBytes = 1 << 30
	}
	if l.OpenFiles == 0 {
		l.OpenFiles = 1024
	}
	return l
}

// Validate reports the first value that makes no sense.
func (l Limits) Validate() error {
	switch {
	case l.Fuel > MaxFuel:
		return fmt.Errorf("fuel limit %d is above %d", l.Fuel, uint64(MaxFuel))
	case l.WallTime < 0:
		return fmt.Errorf("negative time limit %v", l.WallTime)
	case l.CallDepth < 0 || l.CallDepth > maxCallDepth():
		return fmt.Errorf("call depth limit %d is not between 0 and %d, the most on this machine", l.CallDepth, maxCallDepth())
	case l.OutputBytes < 0:
		return fmt.Errorf("negative output limit %d", l.OutputBytes)
	case l.OpenFiles < 0:
		return fmt.Errorf("negative open files limit %d", l.OpenFiles)
	}
	return nil
}
