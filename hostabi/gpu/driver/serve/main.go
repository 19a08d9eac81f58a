package serve

import (
	"fmt"
	"os"
	"os/signal"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// Main is the driver process if this process was started as one: it then does not
// return. Otherwise it does nothing. It belongs at the very beginning of a main, or of a
// TestMain whose tests give driver.Config the command of the test itself.
func Main() {
	if os.Getenv(wire.SocketVariable) != wire.SocketValue {
		return
	}
	if err := main(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// inCalls is how many goroutines may be in calls of the driver, which last, before others wait for
// Go to notice that they do not use a processor.
const inCalls = 16

func main() error {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT) // meant for the node
	confined, err := confine()
	if err != nil {
		return err
	}
	unix.CloseOnExec(wire.SocketFile)
	dieOfFaults()
	goruntime.GOMAXPROCS(goruntime.NumCPU() + inCalls)
	return Run(os.NewFile(wire.SocketFile, "control"), confined)
}
