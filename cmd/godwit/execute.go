package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/runtime"
)

// job is a run that is ready to start.
type job struct {
	flags  runFlags
	binary []byte
	engine *runtime.Engine
	module *runtime.Module
	task   runtime.Task
	stdin  *os.File
	keeper *keeper
	gpu    *gpuRun
	record *recorder // nil unless the run is kept in a file while it goes on
}

// runModule runs a module to its end, saves what is wanted of it and says how it
// went. The error is how it ended, unless it succeeded.
func runModule(ctx context.Context, f runFlags, name string, args []string) error {
	keepBrokenPipe()
	ctx, letGo := withSignals(ctx)
	defer letGo()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	j := job{flags: f}
	defer j.close()
	if err := j.prepare(ctx, name, args); err != nil {
		return j.refused(ctx, err)
	}
	stdout, stderr := &stream{File: os.Stdout, stop: stop}, &stream{File: os.Stderr, stop: stop}
	if j.record != nil && j.record.over {
		return j.record.retell(j.flags, stdout, stderr)
	}
	j.task.Stdout, j.task.Stderr = stdout, stderr
	guest, letGuest, err := j.attend(ctx, stdout, stderr)
	if err != nil {
		return j.refused(ctx, err)
	}
	defer letGuest()
	result, err := j.engine.Run(guest, j.module, j.task)
	if err != nil {
		return j.refused(ctx, j.record.unwritten(j.explain(cmp.Or(name, f.state.resume), err)))
	}
	for _, v := range result.Values {
		fmt.Fprintln(j.task.Stdout, v) // a failure has stopped ctx
	}
	err = j.finish(result, ending(cmp.Or(context.Cause(ctx), context.Cause(guest)), result))
	var words strings.Builder
	say(&words, err)
	if !f.quiet {
		fmt.Fprintln(&words, "godwit:", summary(result))
		for _, said := range []string{j.saidOfGPU(result), j.keeper.said(result), j.record.said(result)} {
			if said != "" {
				fmt.Fprintln(&words, "godwit:", said)
			}
		}
	}
	if words.Len() > 0 {
		finishLine(stdout, stderr)
		fmt.Fprint(os.Stderr, words.String())
	}
	if err == nil {
		return nil
	}
	return saidError{err}
}

// prepare reads and checks everything that a run needs, and creates nothing.
func (j *job) prepare(ctx context.Context, name string, args []string) error {
	if j.flags.inFile() {
		return j.prepareKept(ctx, name, args)
	}
	f := j.flags
	var err error
	if j.binary, err = readModule(name); err != nil {
		return err
	}
	inputs, err := parseInputs(f.inputs)
	if err != nil {
		return err
	}
	if err := checkReport(f.report); err != nil {
		j.flags.report = "" // this error can't be reported there
		return err
	}
	if err := checkOutput(f.output); err != nil {
		return err
	}
	if j.stdin, err = openStdin(f.stdin, name); err != nil {
		return err
	}
	if err := j.load(ctx); err != nil {
		return explain(name, err)
	}
	j.task = runtime.Task{
		Args: []string{filepath.Base(name)}, Env: f.env, Stdin: j.stdin, Inputs: inputs,
		Invoke: f.invoke, Deterministic: f.deterministic, Limits: f.limits(),
	}
	if f.invoke != "" {
		j.task.InvokeArgs = args
	} else {
		j.task.Args = append(j.task.Args, args...)
	}
	if j.gpu, err = f.gpu.open(ctx, &j.task); err != nil {
		return err
	}
	if j.keeper, err = newKeeper(ctx, f, j.module, name); err != nil {
		return err
	}
	return j.keeper.task(&j.task)
}

// load makes the engine and compiles the module, on all cores: the process is there for this
// one module, so nothing else wants them, and nothing else ends should the compiler panic.
func (j *job) load(ctx context.Context) error {
	dir, err := cacheDir(j.flags.cache, j.flags.noCache)
	if err != nil {
		return err
	}
	j.engine, err = runtime.New(runtime.Config{
		Kind: runtime.Kind(j.flags.engine), CacheDir: dir, HostModules: gpuModules(j.binary), Suspend: j.flags.inFile(),
		CompileWorkers: goruntime.GOMAXPROCS(0),
	})
	if err != nil {
		return err
	}
	defer collectLess()()
	return j.compile(ctx)
}

// collectLess lets the heap grow further between collections. A process that has just begun
// collects every 4 MiB, which is every few milliseconds of compiling, and that takes a quarter of
// the time from a small module's start to its end.
func collectLess() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(before) }
}

// compile returns as soon as the run is called off, although wazero compiles a
// module to its end: that goroutine, and with it the engine, is then left to the
// end of the process, which is near.
func (j *job) compile(ctx context.Context) error {
	engine, loaded := j.engine, make(chan error, 1)
	go func() {
		var err error
		j.module, err = engine.Load(ctx, j.binary)
		loaded <- err
	}()
	select {
	case err := <-loaded:
		return err
	case <-ctx.Done():
		j.engine = nil
		return context.Cause(ctx)
	}
}

// refused is the end of a job that did not run.
func (j *job) refused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = stoppedError{cause}
	}
	if j.flags.report == "" {
		return err
	}
	return errors.Join(err, refusedReport(err).write(j.flags.report))
}

// finish saves the outputs and writes the report of a job that ran. ended is
// how, and is returned with what has failed since.
func (j *job) finish(r *runtime.Result, ended error) error {
	output := j.flags.output
	if j.record != nil {
		r.Wall += j.record.earlier
		if unfinished(r.Status) {
			output = "" // there is more to come
		}
	}
	outputs, err := keep(r, output)
	err = errors.Join(ended, err)
	rep := newReport(r, outputs, err)
	if j.record != nil {
		rep.Attempts = j.record.attempt()
		err = errors.Join(err, j.record.unwritten(j.record.finish(rep)))
	}
	if j.flags.report == "" {
		return err
	}
	if j.keeper != nil {
		rep.Kept = j.keeper.kept
	}
	j.gpu.report(&rep)
	return errors.Join(err, rep.write(j.flags.report))
}

func (j *job) close() {
	if j.engine != nil {
		j.engine.Close()
	}
	if j.stdin != nil && j.stdin != os.Stdin {
		j.stdin.Close()
	}
	if j.keeper != nil {
		j.keeper.close() // all that counts has been synced
	}
	if j.record != nil {
		j.record.close()
	}
	j.gpu.close() // nothing is left to lose
}

// ending is the error that a run's end amounts to. A failed write counts
// whatever the guest made of it; a signal only if it came in time.
func ending(cause error, r *runtime.Result) error {
	var interrupted interruptedError
	stopped := r.Status == runtime.StatusCancelled || r.Status == runtime.StatusSuspended
	if cause != nil && (stopped || !errors.As(cause, &interrupted)) {
		r.Status, r.Reason = runtime.StatusCancelled, runtime.ReasonNone
		return stoppedError{cause}
	}
	if r.Status == runtime.StatusSucceeded || r.Status == runtime.StatusSuspended {
		return nil
	}
	return endedError{r}
}

// explain adds to an error of Run what can be called instead.
func (j *job) explain(name string, err error) error {
	if j.record != nil && errors.Is(err, runtime.ErrSaved) {
		return j.record.explain(err)
	}
	info, unknown := j.engine.Inspect(j.binary)
	err = fmt.Errorf("%s: %w", name, err)
	if !errors.Is(err, runtime.ErrNoExport) || unknown != nil {
		return err
	}
	var funcs []string
	for _, e := range info.Exports {
		if e.Signature != "" { // a function
			funcs = append(funcs, e.Name)
		}
	}
	if len(funcs) == 0 {
		return hintedError{err, "it exports no functions: was it built as a program?"}
	}
	slices.Sort(funcs)
	const enough = 12
	list := strings.Join(funcs[:min(len(funcs), enough)], ", ")
	if len(funcs) > enough {
		list += ", ..."
	}
	return hintedError{err, "call one of its exports with --invoke: " + list}
}

// cacheDir is the directory for compiled modules, made if need be; "" is none.
// A directory that others can write to is none: they could run code as us.
func cacheDir(dir string, none bool) (string, error) {
	if none {
		return "", nil
	}
	if dir != "" {
		return dir, privateDir(dir)
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", nil // a cache is a convenience: run without
	}
	dir = filepath.Join(user, "godwit")
	if privateDir(dir) != nil {
		return "", nil
	}
	return dir, nil
}

func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		return hintedError{fmt.Errorf("cache %s: others can write to it", dir), "chmod go-w " + dir}
	}
	return err
}

// finishLine ends a line that the guest left unfinished where our own words
// come next.
func finishLine(stdout, stderr *stream) {
	if stderr.midLine.Load() || stdout.midLine.Load() && sameFile(os.Stdout, os.Stderr) {
		fmt.Fprintln(os.Stderr)
	}
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}
