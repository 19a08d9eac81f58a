package wasi

// RenewOutput counts what the guest writes to standard output and standard error from
// zero again: for guests that are called again and again, each time with a budget of
// their own. The guest is not running, or in a host function.
func (s *System) RenewOutput() { s.state.Stdout, s.state.Stderr = 0, 0 }
