package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/runtime"
)

// prepareKept is prepare for a run that is kept in a file while it goes on.
func (j *job) prepareKept(ctx context.Context, name string, args []string) error {
	if err := j.flags.checkFileFlags(); err != nil {
		return err
	}
	resumes := j.flags.state.resume != "" && (isFile(j.flags.state.resume) || !samePath(j.flags.state.resume, j.flags.state.checkpoint))
	if resumes {
		if err := j.openKept(ctx, name, args); err != nil || j.record.over {
			return err
		}
	} else if err := j.readAnew(name); err != nil {
		return err
	}
	title := cmp.Or(name, j.flags.state.resume)
	if err := j.load(ctx); err != nil {
		return explain(title, err)
	}
	if why := j.module.Unsuspendable(); why != "" {
		return hintedError{fmt.Errorf("%s: it cannot be kept while it runs: %s", title, why), "leave out --checkpoint"}
	}
	if !resumes {
		record, err := beginRun(j.flags, name, args, j.binary)
		if err != nil {
			return err
		}
		j.record = record
	}
	return j.specTask(ctx, name)
}

// readAnew reads the module of a run that begins, and checks what could not be written after it.
func (j *job) readAnew(name string) (err error) {
	if name == "" {
		return hintedError{errors.New("there is no run to go on with, and no module to begin one"), "name a module"}
	}
	if j.binary, err = readModule(name); err != nil {
		return err
	}
	return j.checkResults(j.flags.report, j.flags.output)
}

func (j *job) checkResults(report, output string) error {
	if err := checkReport(report); err != nil {
		j.flags.report = "" // this error can't be reported there
		return err
	}
	return checkOutput(output)
}

// openKept opens the file of a run that goes on. If a module is named it must be the run's.
func (j *job) openKept(ctx context.Context, name string, args []string) (err error) {
	if j.record, err = resumeRun(ctx, j.flags, args); err != nil || j.record.over {
		return err
	}
	if j.binary, err = j.record.file.Module(); err != nil {
		return err
	}
	if name != "" {
		named, err := readModule(name)
		if err != nil {
			return err
		}
		if want, got := moduleID(j.binary), moduleID(named); !got.Equals(want) {
			return hintedError{
				fmt.Errorf("the run in %s is of module %s (%s), and %s is %s", j.flags.state.resume, want, j.record.spec.Name, name, got),
				"the file has its module: leave it out",
			}
		}
	}
	return j.checkResults(j.record.spec.Report, j.record.spec.Output)
}

func moduleID(binary []byte) cid.Cid { return checkpoint.NewRaw(binary).ID }

// specTask makes the task of what the file says.
func (j *job) specTask(ctx context.Context, name string) (err error) {
	s := &j.record.spec
	var inputs []wasi.Input
	for n := range s.Inputs {
		in, err := s.Inputs[n].open()
		if err != nil {
			return fmt.Errorf("--input: %w", err)
		}
		inputs = append(inputs, in)
	}
	if j.stdin, err = openStdin(s.Stdin, name); err != nil {
		return err
	}
	j.flags.output, j.flags.report = s.Output, s.Report
	j.task = runtime.Task{
		Args: []string{s.Name}, Env: s.Env, Stdin: j.stdin, Inputs: inputs,
		Invoke: s.Invoke, Deterministic: s.Deterministic,
		Limits: runtime.Limits{Fuel: s.Fuel, Memory: s.Memory, WallTime: s.Timeout},
	}
	if s.Invoke != "" {
		j.task.InvokeArgs = s.Args
	} else {
		j.task.Args = append(j.task.Args, s.Args...)
	}
	j.gpu, err = j.flags.gpu.open(ctx, &j.task)
	return err
}

// patience is how long a guest that is to stop may take to come to where it can be kept.
const patience = 2 * time.Second

// attend is the context that the guest runs in. If the run is kept the guest is not stopped with
// ctx, but suspended; only if that takes too long it is stopped after all.
func (j *job) attend(ctx context.Context, stdout, stderr *stream) (guest context.Context, letGo func(), err error) {
	if j.record == nil {
		return ctx, func() {}, nil
	}
	guest, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	r := j.record
	if err := r.task(guest, stop, j.module, &j.task, stdout, stderr, uint64(j.flags.state.after)); err != nil {
		return nil, nil, r.explain(err)
	}
	if j.task.Limits.WallTime > 0 && !j.flags.changed("timeout") {
		j.task.Limits.WallTime = max(1, j.task.Limits.WallTime-r.earlier)
	}
	ended := context.AfterFunc(ctx, func() {
		close(r.stop)
		select {
		case <-time.After(patience):
			stop(context.Cause(ctx))
		case <-guest.Done():
		}
	})
	return guest, func() {
		ended()
		stop(nil)
	}, nil
}

// explain says of a checkpoint that cannot go on here what can be done.
func (r *recorder) explain(err error) error {
	if errors.Is(err, runtime.ErrSaved) {
		return hintedError{fmt.Errorf("%s: %w", r.path, err), "finish it with the version of godwit that began it: " + r.spec.Godwit}
	}
	return err
}

// attempt is which of the run's lives this is.
func (r *recorder) attempt() int { return int(r.order.Epoch) }

// said is what people should know of a run that has not ended, in words.
func (r *recorder) said(result *runtime.Result) string {
	if r == nil || !unfinished(result.Status) {
		return ""
	}
	return "it can go on: godwit run --resume " + r.path
}

// unwritten says of a run that ends because its file cannot be written (the disk is full, mostly)
// that it is not lost. A nil recorder, and other errors, have nothing to add.
func (r *recorder) unwritten(err error) error {
	var path *fs.PathError
	if r == nil || !errors.As(err, &path) {
		return err
	}
	return hintedError{err, "the run is not lost: once there is room, godwit run --resume " + r.path + " goes on with it from its last checkpoint"}
}
