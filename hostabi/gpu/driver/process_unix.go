package driver

import (
	"os"
	"syscall"
)

// killGroup kills the process and what it has started: compilers' linkers.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // it may have ended by itself
	_ = p.Kill()
}
