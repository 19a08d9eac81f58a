package runtime

import (
	goruntime "runtime"
	"sync"
	"sync/atomic"
)

// inStages runs first and then second for each number below n, each of them in order. On more
// than one processor a second runs while the first of a later number does, and the number of those
// that are not finished is at most slots: slot, which is i modulo slots, is one's own from the
// beginning of first to the end of second. The error is that of the smallest number; behind it
// nothing more is begun. What panics in second panics in the caller.
//
// The rewriters work on a module's functions in this way, so that loading is done sooner
// and what comes of it does not depend on the number of processors.
func inStages(n, slots int, first, second func(slot, i int) error) error {
	if goruntime.GOMAXPROCS(0) == 1 || n < 2 || slots < 2 {
		return oneByOne(n, slots, first, second)
	}
	p := &stages{free: make(chan struct{}, slots), ready: make(chan int, slots)}
	var behind sync.WaitGroup
	behind.Go(func() { p.follow(slots, second) })
	err := func() error {
		defer behind.Wait()
		defer close(p.ready)
		return p.lead(n, slots, first)
	}()
	if p.panicked != nil {
		panic(p.panicked)
	}
	if p.err != nil {
		return p.err
	}
	return err
}

// oneByOne does the same on one processor.
func oneByOne(n, slots int, first, second func(slot, i int) error) error {
	for i := range n {
		if err := first(i%slots, i); err != nil {
			return err
		}
		if err := second(i%slots, i); err != nil {
			return err
		}
	}
	return nil
}

// stages is what the two goroutines of inStages share.
type stages struct {
	free     chan struct{} // holds an element for each slot in use
	ready    chan int      // numbers whose first is done
	failed   atomic.Bool   // second has
	err      error         // of second; to be read when all has ended
	panicked any           // likewise
}

// lead runs first, until second fails.
func (p *stages) lead(n, slots int, first func(slot, i int) error) error {
	for i := range n {
		p.free <- struct{}{}
		if p.failed.Load() {
			break
		}
		if err := first(i%slots, i); err != nil {
			return err
		}
		p.ready <- i
	}
	return nil
}

// follow runs second, and after an error only frees the slots.
func (p *stages) follow(slots int, second func(slot, i int) error) {
	for i := range p.ready {
		if !p.failed.Load() {
			p.step(i%slots, i, second)
		}
		<-p.free
	}
}

func (p *stages) step(slot, i int, second func(slot, i int) error) {
	defer func() {
		p.panicked = recover()
		p.failed.Store(p.err != nil || p.panicked != nil)
	}()
	p.err = second(slot, i)
}
