package godwit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/godwit-run/godwit/blobs"
	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/wasi"
	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/runtime"
	"github.com/godwit-run/godwit/scheduler"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// execution runs attempts: it fetches what they need, runs them within their
// limits and keeps what they leave.
type execution struct {
	engine    *runtime.Engine
	store     *blobs.Store
	modules   *modules
	gpus      *gpus
	metrics   *metrics.Set
	log       *slog.Logger
	dir       string // for what does not fit into memory
	maxOutput int64  // of what is kept of each stream of an attempt, in bytes

	// lasting are the modules of tasks that may run for long: these can be suspended, and
	// checkpoints of them are brought to keeper's others every so often.
	lasting *modules
	keeper  *keeper
	key     checkpoint.Signer
	every   time.Duration
}

// runPin is the prefix of the names of pins that keep what attempts left until
// their submitters have it.
const runPin = "run/"

func pinOf(r scheduler.Run) string { return runPin + r.Submitter.String() + "/" + r.Ref.String() }

// run runs an attempt to its end, or until it is given back.
func (x *execution) run(ctx context.Context, s scheduler.Start, c *control) wire.Outcome {
	c.out = newOutputs(c.live, x.maxOutput, x.dir)
	defer func() {
		if err := c.out.close(); err != nil {
			x.log.Error("close spooled output", "task", s.Task, "err", err)
		}
	}()
	result, err := x.runGuest(ctx, s, c)
	switch {
	case err != nil:
		o := refusal(ctx, &s, err)
		c.used.tell(&o)
		return o
	case result.Status == runtime.StatusSuspended:
		return givenBack(&s, result)
	}
	// What a run leaves is kept even if its time is up or nobody wants it.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	o, err := x.outcome(keep, s, result, c.out)
	if err != nil {
		return refusal(keep, &s, err)
	}
	c.used.tell(&o)
	return o
}

// keepTimeout bounds storing what a run has left.
const keepTimeout = 5 * time.Minute

// runGuest prepares a task and runs it.
func (x *execution) runGuest(ctx context.Context, s scheduler.Start, c *control) (*runtime.Result, error) {
	modules := x.modules
	if lasts(&s.Spec) && s.Spec.Profile.GPU == nil { // what is on a device is too much to keep
		modules = x.lasting
	}
	m, err := modules.acquire(ctx, s.Spec.Module.Cid)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", s.Spec.Module, err)
	}
	defer modules.release(m)
	why := m.module.Unsuspendable()
	if modules == x.lasting && why == "" {
		return x.runKept(ctx, s, m.module, c)
	}
	task, done, err := x.task(ctx, &s, c)
	if err != nil {
		return nil, err
	}
	defer done()
	if modules == x.lasting {
		defer c.unkept(&s, why)()
	}
	return modules.engine.Run(ctx, m.module, task)
}

// task is what the runtime runs, and what to call when it has. Inputs are here when it
// returns.
func (x *execution) task(ctx context.Context, s *scheduler.Start, c *control) (task runtime.Task, done func(), err error) {
	inputs, err := x.inputs(ctx, s.Spec.Inputs)
	if err != nil {
		return task, nil, err
	}
	stdin, closeStdin, err := x.stdin(ctx, &s.Spec)
	if err != nil {
		return task, nil, err
	}
	devices, err := x.openGPU(ctx, s)
	if err != nil {
		return task, nil, errors.Join(err, closeStdin())
	}
	return runtime.Task{
		Args: s.Spec.Args, Env: s.Spec.Env, Stdin: stdin, Inputs: inputs,
		Stdout: c.out.stream(wire.Stdout), Stderr: c.out.stream(wire.Stderr),
		Invoke: s.Spec.Invoke, InvokeArgs: s.Spec.InvokeArgs, Deterministic: s.Spec.Deterministic,
		State: hostState(devices), Limits: limits(s),
	}, func() { c.used = x.closeGPU(devices, s); closeStdin() }, nil
}

// limits are those of the spec; memory is no more than was reserved.
func limits(s *scheduler.Start) runtime.Limits {
	l := runtime.Limits{Fuel: s.Spec.Limits.Fuel, Memory: s.Spec.Limits.Memory, WallTime: s.Spec.Limits.WallTime}
	if l.Memory == 0 || l.Memory > s.Allotment.Memory {
		l.Memory = s.Allotment.Memory
	}
	if s.Allotment.Storage > 0 {
		l.OutputBytes = int64(s.Allotment.Storage)
	}
	return l
}

func (x *execution) stdin(ctx context.Context, spec *wire.Spec) (io.Reader, func() error, error) {
	if !spec.Stdin.Defined() {
		return bytes.NewReader(spec.Input), func() error { return nil }, nil
	}
	if _, err := x.store.Fetch(ctx, spec.Stdin.Cid, blobs.FetchOptions{}); err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	f, err := x.store.Open(ctx, spec.Stdin.Cid)
	if err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	return f, f.Close, nil
}

// inputs brings the inputs here before the guest starts: then it does not wait
// for the network within its time.
func (x *execution) inputs(ctx context.Context, list []wire.Input) ([]wasi.Input, error) {
	var inputs []wasi.Input
	for _, in := range list {
		info, err := x.store.Fetch(ctx, in.Link.Cid, blobs.FetchOptions{})
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", in.Name, err)
		}
		inputs = append(inputs, wasi.Input{Name: in.Name, Source: blobSource{ctx, x.store, info}})
	}
	return inputs, nil
}

// blobSource shows a blob to a guest.
type blobSource struct {
	ctx   context.Context // of the run
	store *blobs.Store
	info  blobs.Info
}

// Attach implements wasi.Source.
func (b blobSource) Attach() (wasi.Attachment, error) {
	if b.info.Kind == blobs.KindFolder {
		tree, err := b.store.FS(b.ctx, b.info.CID)
		return wasi.Attachment{Tree: tree}, err
	}
	f, err := b.store.Open(b.ctx, b.info.CID)
	if err != nil {
		return wasi.Attachment{}, err
	}
	return wasi.Attachment{File: f, Closer: f}, nil
}

// outcome is what a run came to; what it left is in the store when it returns.
func (x *execution) outcome(ctx context.Context, s scheduler.Start, r *runtime.Result, out *outputs) (wire.Outcome, error) {
	o := wire.Outcome{
		Status: wire.Status(r.Status), Reason: wire.Reason(r.Reason), Message: clip(r.Message, wire.MaxMessageText),
		Started: r.Started, ExitCode: r.ExitCode, FuelUsed: r.FuelUsed, FuelLimit: r.FuelLimit,
		MemoryPeakBytes: r.MemoryPeakBytes, Wall: r.Wall,
	}
	for _, v := range r.Values {
		o.Values = append(o.Values, v.String())
	}
	pin := blobs.Pin{Name: pinOf(s.Run), Reason: "output of task " + s.Task.String(), Local: true}
	var err error
	if o.Stdout, err = out.text(ctx, wire.Stdout, x.store, pin); err != nil {
		return o, err
	}
	if o.Stderr, err = out.text(ctx, wire.Stderr, x.store, pin); err != nil {
		return o, err
	}
	if r.Status == runtime.StatusCancelled {
		return o, nil // nobody wants its files
	}
	return o, x.keepFiles(ctx, &o, r.Files(), pin)
}

// keepFiles stores what the guest left in /out.
func (x *execution) keepFiles(ctx context.Context, o *wire.Outcome, tree fs.FS, pin blobs.Pin) error {
	names, err := fs.ReadDir(tree, ".")
	if err != nil || len(names) == 0 {
		return err
	}
	info, err := x.store.ImportFS(ctx, tree, ".", blobs.ImportOptions{Pin: pin, Hidden: true})
	if err != nil {
		return err
	}
	if o.Output, err = wire.NewLink(info.CID); err != nil {
		return err
	}
	return x.listFiles(ctx, o, o.Output, "")
}

// listFiles lists the files of a folder with their CIDs, up to as many as a
// result may name.
func (x *execution) listFiles(ctx context.Context, o *wire.Outcome, folder wire.Link, path string) error {
	entries, err := x.store.ReadDir(ctx, folder.Cid)
	if err != nil {
		return err
	}
	for _, e := range entries {
		link, err := wire.NewLink(e.CID)
		if err != nil {
			return err
		}
		switch {
		case len(o.Files) >= wire.MaxFiles:
			return nil
		case e.Kind == blobs.KindFolder:
			err = x.listFiles(ctx, o, link, path+e.Name+"/")
		case e.Kind == blobs.KindFile:
			o.Files = append(o.Files, wire.File{Path: path + e.Name, Size: uint64(e.Size), Link: link})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refusal is the outcome of an attempt that could not be run: whether another
// node could run it depends on what went wrong.
func refusal(ctx context.Context, s *scheduler.Start, err error) wire.Outcome {
	o := wire.Outcome{Status: wire.Failed, Reason: wire.ReasonRefused, Message: clip(err.Error(), wire.MaxMessageText)}
	var invalid *runtime.InvalidModuleError
	var missing *runtime.MissingImportsError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return wire.Outcome{Status: wire.Failed, Reason: wire.ReasonTimeout, Message: "the deadline came before it could start", FuelLimit: s.Spec.Limits.Fuel}
	case ctx.Err() != nil:
		return wire.Outcome{Status: wire.Cancelled, FuelLimit: s.Spec.Limits.Fuel}
	case errors.Is(err, device.ErrLost):
		return deviceLost(s, err)
	case errors.As(err, &invalid), errors.As(err, &missing),
		errors.Is(err, runtime.ErrNotWasm), errors.Is(err, runtime.ErrComponent), errors.Is(err, runtime.ErrModuleTooLarge),
		errors.Is(err, runtime.ErrNoExport), errors.Is(err, runtime.ErrArguments), errors.Is(err, blobs.ErrTooLarge),
		errors.Is(err, blobs.ErrNotFile), errors.Is(err, blobs.ErrMalformed), errors.Is(err, wasi.ErrConfig):
		o.Fault = wire.FaultModule
	case errors.Is(err, blobs.ErrMissing), errors.Is(err, blobs.ErrDamaged):
		o.Fault = wire.FaultFetch
	default:
		o.Fault = wire.FaultNode
	}
	return o
}

// clip cuts words to a size in bytes, between two characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return string(bytes.ToValidUTF8([]byte(s), []byte("?")))
	}
	return string(bytes.ToValidUTF8([]byte(s[:most]), nil))
}
