//go:build unix && !linux

package driver

import "syscall"

// The process sees its connection end when this one does.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitEnd does not know.
func awaitEnd(int) bool { return false }
