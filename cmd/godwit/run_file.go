package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/runfile"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime"
)

// sectionOutput is the part of a checkpoint's state that holds what this file keeps: how long
// the run has taken, in nanoseconds, and the output that may not have been delivered.
const sectionOutput = "output"

// recorder keeps a run in a file while it goes on.
type recorder struct {
	path string
	file *runfile.File
	key  checkpoint.Ed25519Key
	spec runSpec
	own  bool // this user began it
	over bool // it has ended

	from    *checkpoint.Signed // to go on from; nil if the run begins
	image   *os.File           // the linear memory of from
	earlier time.Duration      // what the run had taken by then

	chain   *checkpoint.Chain
	release *release
	order   checkpoint.Order
	began   time.Time
	stop    chan struct{} // closed when the guest is to be suspended
	workers sync.WaitGroup
}

// inFile tells whether the flags are for a run that is kept in a file while it goes on, rather
// than for an instance that is kept in a folder between calls.
func (f *runFlags) inFile() bool {
	s := f.state
	whileRunning := f.changed("every") || s.after > 0
	switch {
	case s.checkpoint == "" && s.resume == "":
		return whileRunning
	case isDir(s.resume) || isDir(s.checkpoint):
		return false
	}
	return whileRunning || f.invoke == "" || isFile(s.resume) || isFile(s.checkpoint)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && info.Mode().IsRegular()
}

// checkFileFlags tells what does not go together.
func (f *runFlags) checkFileFlags() error {
	switch s := f.state; {
	case s.checkpoint == "" && s.resume == "":
		return hintedError{errors.New("--every and --suspend-after keep a run in a file, and none is named"), "name one with --checkpoint FILE"}
	case s.name != "" || s.owner != "":
		return errors.New("--name and --owner are for an instance that is kept in a folder")
	case s.every <= 0:
		return errors.New("--every: want a time such as 100ms")
	}
	return nil
}

// begin makes the file of a run that begins.
func beginRun(f runFlags, name string, args []string, module []byte) (*recorder, error) {
	spec, err := specOf(f, name, args)
	if err != nil {
		return nil, err
	}
	r := &recorder{path: f.state.checkpoint, spec: spec, own: true, stop: make(chan struct{})}
	if r.key, err = userKey(); err != nil {
		return nil, err
	}
	if stdin, ok := stdinPosition(f, name); ok {
		r.spec.StdinStart = stdin
	}
	sealed, err := r.spec.seal(r.key)
	if err != nil {
		return nil, err
	}
	if r.file, err = runfile.Create(r.path, sealed, module); err != nil {
		return nil, explainFile(r.path, err)
	}
	return r, nil
}

// stdinPosition is where our own standard input stands, if it is a file.
func stdinPosition(f runFlags, module string) (int64, bool) {
	if f.stdin != "" && f.stdin != "-" || module == "-" {
		return 0, false
	}
	info, err := os.Stdin.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	at, err := os.Stdin.Seek(0, io.SeekCurrent)
	return at, err == nil
}

// resumeRun opens the file of a run that has begun. If it is to be kept in another one from now
// on, that is made.
func resumeRun(ctx context.Context, f runFlags, args []string) (*recorder, error) {
	r := &recorder{path: f.state.resume, stop: make(chan struct{})}
	var err error
	if r.key, err = userKey(); err != nil {
		return nil, err
	}
	if r.file, err = runfile.Open(r.path); err != nil {
		return nil, explainFile(r.path, err)
	}
	if err := r.resume(ctx, f, args); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *recorder) resume(ctx context.Context, f runFlags, args []string) (err error) {
	if r.spec, r.own, err = openSpec(r.file.Job(), r.key); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if !r.own {
		if err := r.spec.foreign(f); err != nil {
			return err
		}
	}
	if err := r.spec.amend(f, f.changed, args); err != nil {
		return err
	}
	if r.over = r.file.End() != nil && !r.reopened(f); r.over {
		return nil
	}
	if err := r.find(ctx); err != nil {
		return err
	}
	if r.from != nil && f.changed("fuel") && r.from.Fuel.Used > r.spec.Fuel {
		return hintedError{fmt.Errorf("the run has used %d units of fuel, more than --fuel %d", r.from.Fuel.Used, r.spec.Fuel), "allow more"}
	}
	return r.settle(f)
}

// reopened tells whether a run that has ended for want of fuel or time has got more.
func (r *recorder) reopened(f runFlags) bool {
	end, err := r.end()
	if err != nil {
		return false
	}
	return end.Reason == runtime.ReasonOutOfFuel && f.changed("fuel") && r.spec.Fuel > end.FuelLimit ||
		end.Reason == runtime.ReasonTimeout && f.changed("timeout")
}

// find finds the newest checkpoint that is whole, and makes its memory a file.
func (r *recorder) find(ctx context.Context) error {
	found, damaged, err := r.file.Newest(func(s *checkpoint.Signed) (err error) {
		r.from = s
		if r.image != nil {
			r.image.Close() // of one that turned out to be damaged
		}
		r.image, err = memoryFile(ctx, r.path, s.Memory, r.spec.Memory, r.file)
		if err != nil {
			return err
		}
		_, err = s.ReadState(r.file)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if !found {
		r.from = nil
	}
	if damaged > 0 {
		fmt.Fprintf(os.Stderr, "godwit: %s: %d damaged checkpoints are passed over\n", r.path, damaged)
	}
	return nil
}

// settle writes the file anew where it has to be: elsewhere, or with what the flags have changed.
func (r *recorder) settle(f runFlags) error {
	sealed, err := r.spec.seal(r.key)
	if err != nil {
		return err
	}
	to := f.state.checkpoint
	switch {
	case to != "" && !samePath(to, r.path):
		file, err := r.file.Copy(to, sealed, r.from)
		if err != nil {
			return explainFile(to, err)
		}
		err = r.file.Close()
		r.path, r.file = to, file
		return err
	case string(sealed) != string(r.file.Job()) || r.file.End() != nil:
		return r.file.Rewrite(sealed, r.from)
	}
	return nil
}

func samePath(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

func explainFile(path string, err error) error {
	switch {
	case errors.Is(err, runfile.ErrUnfinished):
		return hintedError{fmt.Errorf("%s holds a run that has not ended", path), "go on with it: --resume " + path + "; or remove it"}
	case errors.Is(err, runfile.ErrInUse):
		return hintedError{fmt.Errorf("%s is in use by another process", path), "the run in it is still going on"}
	case errors.Is(err, os.ErrNotExist):
		return hintedError{fmt.Errorf("no run in %s: there is no such file", path), "begin one with --checkpoint " + path + " MODULE"}
	}
	return err
}

// task makes the run one that is kept.
func (r *recorder) task(ctx context.Context, fail func(error), m *runtime.Module, t *runtime.Task, stdout, stderr *stream, after uint64) error {
	r.release = newRelease(stdout, stderr, r.file.Delivered)
	r.order = checkpoint.Order{Epoch: 1}
	if r.from != nil {
		if err := r.goOn(t, fail); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
	} else if err := r.release.restore([]byte{0}, 0, r.file.DeliveredBytes()); err != nil {
		return err
	}
	if err := r.startChain(m); err != nil {
		return err
	}
	t.Stdout, t.Stderr = r.release.stream(ctx, 0), r.release.stream(ctx, 1)
	t.Captures = &runtime.Captures{
		Pace: checkpoint.Pace{Interval: r.spec.Every, Max: max(100*r.spec.Every, 10*time.Second)},
		Take: r.take, Now: r.release.wanted, Stop: r.stop, StopAfter: after,
	}
	r.began = time.Now()
	r.workers.Go(r.release.run)
	return nil
}

func (r *recorder) startChain(m *runtime.Module) (err error) {
	cfg := checkpoint.Config{Name: nameOfRun(r.spec.Name), Module: m.CID(), Owner: r.key, Old: r.file}
	if r.from != nil {
		r.chain, err = checkpoint.Resume(cfg, r.from, r.file)
		return err
	}
	r.chain, err = checkpoint.NewChain(cfg)
	return err
}

// nameOfRun is the name of a run's checkpoints.
func nameOfRun(file string) string {
	name := strings.TrimSuffix(file, ".wasm")
	if name == "" || len(name) > checkpoint.MaxName || !utf8.ValidString(name) {
		return "run"
	}
	return name
}

// goOn has the task go on from the checkpoint.
func (r *recorder) goOn(t *runtime.Task, fail func(error)) error {
	state, err := r.from.ReadState(r.file)
	if err != nil {
		return err
	}
	t.From = &runtime.Saved{Module: r.from.Module, Fuel: r.from.Fuel, State: state, Size: r.from.Memory.Size, Memory: r.image}
	r.order.Epoch = r.from.Epoch + 1
	var w wasi.State
	if section, ok := state.Sections["wasi"]; ok {
		if w, err = wasi.DecodeState(section); err != nil {
			return err
		}
		t.Stdin = skipStdin(t.Stdin, r.spec.StdinStart, &w, fail)
	}
	kept := state.Sections[sectionOutput]
	elapsed, n := binary.Uvarint(kept)
	if n <= 0 {
		return errHeldOutput
	}
	r.earlier = time.Duration(elapsed)
	return r.release.restore(kept[n:], w.Stdout+w.Stderr, r.file.DeliveredBytes())
}

// take keeps a snapshot.
func (r *recorder) take(_ context.Context, s *runtime.Snapshot) error {
	total := s.Stdout + s.Stderr
	kept := binary.AppendUvarint(nil, uint64(r.taken()))
	s.State.Sections[sectionOutput] = append(kept, r.release.keep(total)...)
	r.order.Sequence++
	s.Order = r.order
	ready, err := r.chain.Update(s.Capture)
	if err != nil {
		return err
	}
	if err := r.file.Save(ready); err != nil {
		return fmt.Errorf("--checkpoint: %w", err)
	}
	r.release.cover(total)
	return nil
}

// taken is how long the run has taken, in all its lives.
func (r *recorder) taken() time.Duration { return r.earlier + time.Since(r.began) }

// leave delivers what checkpoints have, and no more.
func (r *recorder) leave() {
	if r.release != nil {
		r.release.abandon()
		r.workers.Wait()
	}
}

func (r *recorder) close() error {
	r.leave()
	errs := []error{r.file.Close()}
	if r.image != nil {
		errs = append(errs, r.image.Close())
	}
	return errors.Join(errs...)
}
