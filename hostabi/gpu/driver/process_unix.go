package driver

import "syscall"

// end kills the process and what it has started: compilers' linkers, and whatever a kernel
// did. Once it has been waited for its number may be another's.
func (p *process) end() {
	p.reaping.Lock()
	defer p.reaping.Unlock()
	if !p.reaped.Load() {
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // it may have ended by itself
		_ = p.command.Process.Kill()
	}
}

// wait waits until the process has ended, and ends what it has left behind.
func (p *process) wait() error {
	if awaitEnd(p.command.Process.Pid) {
		p.reaping.Lock()
		defer p.reaping.Unlock()
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // there may be nothing
	}
	err := p.command.Wait()
	p.reaped.Store(true)
	return err
}
