package linmem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Rung is a way of finding written pages.
type Rung int

const (
	// Auto is the first of the others that proves itself here.
	Auto Rung = iota
	// WriteProtect lets the kernel note first writes: userfaultfd with
	// asynchronous write protection, read and re-armed by PAGEMAP_SCAN.
	// Linux 6.7 on amd64, 6.10 on arm64; needs no privilege.
	WriteProtect
	// PrivateMapping maps the memory privately from a memfd that holds its
	// last state: pages of its own are written ones. Any Linux.
	PrivateMapping
	// Compare compares with a copy. Works everywhere.
	Compare
)

// String returns the rung's name as `godwit doctor` shows it.
func (r Rung) String() string {
	switch r {
	case Auto:
		return "auto"
	case WriteProtect:
		return "userfaultfd write-protect"
	case PrivateMapping:
		return "private mapping"
	case Compare:
		return "comparison"
	}
	return fmt.Sprintf("Rung(%d)", int(r))
}

// method makes watchers of one rung.
type method interface {
	// watch starts watching a mapping whose present contents count as written
	// but for src, if not nil, with which it starts.
	watch(m *mapping, src *source) (watcher, error)
	close() error
}

// watcher watches one mapping.
type watcher interface {
	// scan appends what was written in mem, the mapping's used prefix, since
	// the last scan with rearm.
	scan(dst []Range, mem []byte, rearm bool) ([]Range, error)
	// close gives back what the watcher holds besides the mapping.
	close() error
}

// mover is a watcher that does not mind where the memory is.
type mover interface {
	watcher
	movable()
}

// openMethod makes the method of a rung and lets it prove itself. Auto takes
// the first that does.
func openMethod(rung Rung) (method, Rung, error) {
	rungs := []Rung{rung}
	if rung == Auto {
		rungs = []Rung{WriteProtect, PrivateMapping, Compare}
	}
	var errs []error
	for _, r := range rungs {
		m, err := newMethod(r)
		if err == nil {
			if err = selfTest(m); err == nil {
				return m, r, nil
			}
			err = errors.Join(err, m.close())
		}
		errs = append(errs, fmt.Errorf("%v: %w", r, err))
	}
	return nil, rung, fmt.Errorf("no dirty tracking: %w", errors.Join(errs...))
}

// Proof says whether a rung works in this process.
type Proof struct {
	Rung Rung
	Err  error // why not, nil if it does
}

// Prove runs the self-tests of all rungs, best first, for a diagnosis.
func Prove() []Proof {
	var proofs []Proof
	for _, rung := range []Rung{WriteProtect, PrivateMapping, Compare} {
		m, _, err := openMethod(rung)
		if err == nil {
			err = m.close()
		}
		proofs = append(proofs, Proof{rung, err})
	}
	return proofs
}

// selfTest writes to a small memory in the ways a guest does and checks that
// each write, and nothing else, is found. Kernels answer without tracking
// anything (soft-dirty compiled out), so success of the calls proves nothing.
func selfTest(m method) (err error) {
	const size, grown = 4 * PageSize, 8 * PageSize
	area, err := reserve(16 * PageSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, area.release()) }()
	if err := area.commit(size); err != nil {
		return err
	}
	src, err := selfTestSource(area.mem)
	if err != nil {
		return err
	}
	defer src.file.Close()
	area.mem[2*PageSize] = 1
	w, err := m.watch(area, src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	add := func(at ...uint64) func() error {
		return func() error {
			for _, at := range at {
				area.mem[at]++
			}
			return nil
		}
	}
	steps := []struct {
		name  string
		size  int
		write func() error
		want  []uint64 // pages of the system that must be found
	}{
		{"an earlier write", size, add(), []uint64{2 * PageSize}},
		{"no write", size, add(), nil},
		{"reading what was loaded", size, func() error { _ = bytes.Count(area.mem[:PageSize], []byte{1}); return nil }, nil},
		{"writing over it", size, add(0), []uint64{0}},
		{"two writes", size, add(0, 2*PageSize), []uint64{0, 2 * PageSize}},
		{"a write by the kernel", size, func() error { return kernelWrite(area.mem[3*PageSize:][:8]) }, []uint64{3 * PageSize}},
		{"growth", grown, func() error { return errors.Join(area.commit(grown), add(grown-1)()) }, []uint64{grown - TrackSize}},
		{"quiet", grown, add(), nil},
	}
	for _, step := range steps {
		if err := step.write(); err != nil {
			return err
		}
		got, err := w.scan(nil, area.mem[:step.size], true)
		if err != nil {
			return err
		}
		if err := checkFound(got, step.want); err != nil {
			return fmt.Errorf("self-test: %s: %w", step.name, err)
		}
	}
	return nil
}

// selfTestSource loads mem with a page of a file.
func selfTestSource(mem []byte) (*source, error) {
	f, err := anonymousFile("godwit-self-test")
	if err != nil {
		return nil, err
	}
	src := &source{file: f, n: PageSize}
	if _, err = f.WriteAt(bytes.Repeat([]byte{1}, src.n), 0); err == nil {
		src.copied, err = src.into(mem)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return src, nil
}

// kernelWrite fills dst by read(2).
func kernelWrite(dst []byte) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.Write([]byte("self-test")[:len(dst)]); err != nil {
		return err
	}
	_, err = r.Read(dst)
	return err
}

// checkFound wants exactly the system pages that hold the wanted addresses.
func checkFound(got []Range, want []uint64) error {
	page := uint64(os.Getpagesize())
	var pages uint64
	for _, r := range got {
		pages += (r.End - r.Start + page - 1) / page
	}
	if pages != uint64(len(want)) {
		return fmt.Errorf("found %v, want pages at %v", got, want)
	}
	for _, w := range want {
		if !contains(got, w) {
			return fmt.Errorf("missed the page at %d", w)
		}
	}
	return nil
}

func contains(ranges []Range, at uint64) bool {
	for _, r := range ranges {
		if r.Start <= at && at < r.End {
			return true
		}
	}
	return false
}
