package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells on standard error how far a long job is: nothing in the first
// second, then in place on a terminal, or a line every ten seconds.
type progress struct {
	what     string
	w        io.Writer
	terminal bool
	now      func() time.Time
	next     time.Time
	said     bool
}

func newProgress(what string) *progress {
	p := &progress{what: what, w: os.Stderr, terminal: isTerminal(os.Stderr), now: time.Now}
	p.next = p.now().Add(time.Second)
	return p
}

// report says how far the job is, if it is time for that.
func (p *progress) report(how func() string) {
	now := p.now()
	if now.Before(p.next) {
		return
	}
	p.said = true
	if p.terminal {
		p.next = now.Add(200 * time.Millisecond)
		fmt.Fprintf(p.w, "\r%s: %s\x1b[K", p.what, how())
		return
	}
	p.next = now.Add(10 * time.Second)
	fmt.Fprintf(p.w, "%s: %s\n", p.what, how())
}

// end takes back what stands on a terminal.
func (p *progress) end() {
	if p.said && p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// isTerminal asks for what only terminals have: a size.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}
