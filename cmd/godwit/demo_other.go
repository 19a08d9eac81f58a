//go:build !linux

package main

import "syscall"

// dieWithParent keeps Ctrl-C to the demo, which stops its nodes then. Only Linux
// can end them if the demo is killed itself.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
