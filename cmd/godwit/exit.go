package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/hostabi/gpu"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/runtime"
)

// Exit codes of the command. A guest that ends by itself has its own.
const (
	exitOK         = 0
	exitDamaged    = 1 // what was looked at is damaged or broken, or can't run here
	exitOutOfFuel  = 123
	exitTimeout    = 124
	exitSystem     = 125 // the system failed: bad flags, bad file, a module that can't run
	exitRefused    = 126 // the limits do not even let the module start, or no node takes it
	exitSignal     = 128 // plus the signal's number
	exitTrap       = 134
	exitBrokenPipe = exitSignal + int(syscall.SIGPIPE)
)

// endedError is a run that ended otherwise than in success.
type endedError struct {
	result *runtime.Result
}

// Error is the cause, or nothing if the guest exited by itself: then it has
// said itself what there is to say.
func (e endedError) Error() string {
	r := e.result
	switch {
	case r.Reason == runtime.ReasonExit:
		return ""
	case r.Reason == runtime.ReasonTrap:
		return "trap: " + r.Message
	case r.Message != "":
		return r.Message
	default:
		return strings.ReplaceAll(string(r.Reason), "_", " ")
	}
}

// stoppedError is a run that the world around it ended.
type stoppedError struct {
	cause error // interruptedError, errStdoutClosed or writeError
}

func (e stoppedError) Error() string { return e.cause.Error() }
func (e stoppedError) Unwrap() error { return e.cause }

// interruptedError is a signal that asked to stop.
type interruptedError struct {
	signal syscall.Signal
}

func (e interruptedError) Error() string { return fmt.Sprintf("stopped by signal: %v", e.signal) }

// errStdoutClosed is a reader of our output that went away, as head does.
var errStdoutClosed = errors.New("stopped: nobody reads the output any more")

// damagedError is checkpoints that were found damaged, and have been named.
type damagedError struct {
	damaged, of int
}

func (e damagedError) Error() string {
	if e.damaged == 0 {
		return "the store is damaged"
	}
	return fmt.Sprintf("%d of %d checkpoints are damaged", e.damaged, e.of)
}

// errUnfit is what `godwit doctor` ends with where Godwit cannot run.
var errUnfit = errors.New("godwit cannot run here")

// usageError is a command line that cannot be understood.
type usageError struct {
	cause   error
	command string
}

func (e usageError) Error() string { return e.cause.Error() }
func (e usageError) Unwrap() error { return e.cause }

func (e usageError) hint() string {
	text := e.command + " --help shows the flags"
	if e.command == "godwit run" || e.command == "godwit task submit" {
		text += "; a guest's own arguments go after --"
	}
	return text
}

// hintedError adds to an error what can be done about it.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// exitCode is the one place where an end becomes a number.
func exitCode(err error) int {
	var ended endedError
	var interrupted interruptedError
	var damaged damagedError
	var busy *api.BusyError
	var message *api.MessageError
	var broken brokenError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &damaged), errors.Is(err, errUnfit), errors.As(err, &broken):
		return exitDamaged
	case errors.As(err, &interrupted):
		return exitSignal + int(interrupted.signal)
	case errors.Is(err, errStdoutClosed):
		return exitBrokenPipe
	case errors.As(err, &ended):
		return endCode(ended.result)
	case errors.As(err, &busy), errors.Is(err, gpu.ErrNoDevice):
		return exitRefused
	case errors.As(err, &message):
		return messageCode(message.Kind())
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	default:
		return exitSystem
	}
}

// messageCode is the exit code for a message that an actor failed at or, for no
// kind, refused.
func messageCode(kind string) int {
	switch runtime.Reason(kind) {
	case runtime.ReasonOutOfFuel:
		return exitOutOfFuel
	case runtime.ReasonTrap, runtime.ReasonExit, runtime.ReasonOutOfMemory:
		return exitTrap
	}
	return exitRefused
}

// endCode is the exit code of a run. A guest's own code is cut to the eight
// bits that a process has, without ever making a failure of it look like success.
func endCode(r *runtime.Result) int {
	switch r.Reason {
	case runtime.ReasonOutOfFuel:
		return exitOutOfFuel
	case runtime.ReasonTimeout:
		return exitTimeout
	case runtime.ReasonTrap:
		return exitTrap
	case runtime.ReasonOutOfMemory:
		switch {
		case r.ExitCode != 0:
			return int(min(r.ExitCode, 255))
		case !r.Started:
			return exitRefused
		}
		return exitTrap
	case runtime.ReasonExit:
		return int(min(r.ExitCode, 255))
	case reasonNotPlaced, reasonRefused:
		return exitRefused
	}
	return exitSystem
}

// hint is what people can do about an error, or nothing.
func hint(err error) string {
	var hinted hintedError
	var usage usageError
	var ended endedError
	var missing *runtime.MissingImportsError
	var damaged damagedError
	var remote interface{ Hint() string }
	var task taskError
	switch {
	case errors.As(err, &damaged):
		return "import another copy of them; until then the newest sound one of each name is used"
	case errors.As(err, &hinted):
		return hinted.hint
	case errors.As(err, &remote) && remote.Hint() != "":
		return remote.Hint()
	case errors.Is(err, api.ErrAmbiguous):
		return "name more of the id, or the whole of it"
	case errors.As(err, &task) && task.waited():
		return "it was never run: godwit task explain " + task.id + " says why"
	case errors.As(err, &usage):
		return usage.hint()
	case errors.As(err, &ended):
		return endHint(ended.result.Reason)
	case errors.As(err, &missing) && isActor(missing):
		return "it is an actor: godwit actor create NAME MODULE"
	case errors.As(err, &missing):
		return "build it for wasm32-wasip1 (WASI preview 1), whose functions Godwit has"
	case errors.Is(err, runtime.ErrComponent):
		return "components are not supported: build a core module for wasm32-wasip1, or take the core module out with `wasm-tools component unbundle`"
	}
	return ""
}

// isActor tells whether what is missing is what actors have.
func isActor(e *runtime.MissingImportsError) bool {
	return slices.ContainsFunc(e.Imports, func(s string) bool { return strings.HasPrefix(s, actor.ModuleName+".") })
}

func endHint(reason runtime.Reason) string {
	switch reason {
	case runtime.ReasonOutOfFuel:
		return "allow more with --fuel N, or leave --fuel out for no limit"
	case runtime.ReasonTimeout:
		return "allow more with --timeout D"
	case runtime.ReasonOutOfMemory:
		return "allow more with --memory SIZE"
	}
	return ""
}
