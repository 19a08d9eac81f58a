package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

// submitFlags are the flags of `godwit task submit`.
type submitFlags struct {
	guestFlags
	model        string
	requirements api.Requirements
	gpuMemory    units.Size
	gpuTime      timeoutValue
	storage      units.Size
	labels       []string
	hints        api.Hints
	placement    string
	class        string
	priority     string
	retries      int
	deadline     timeoutValue
	duration     timeoutValue
	maxCost      float64
	key          string
	checkpoints  bool
	dryRun       bool
	wait, detach bool
	idOnly       bool
	format       render.Format
}

func newTaskSubmit(r *remote) *cobra.Command {
	f := submitFlags{format: render.Table, retries: -1}
	cmd := &cobra.Command{
		Use:   "submit [flags] MODULE [-- ARG...]",
		Short: "Run a WebAssembly program on a node of the mesh",
		Long: `Hands a WebAssembly program to the node, which finds one that has what it needs,
and has it run there. Files are stored on the node first and travel by CID. The
program's output streams here while it runs; its exit code is this command's.

MODULE is a file, "-" for standard input, or the CID of one; --model takes the place
of it. Arguments after it are the program's; those that look like flags go after --.

Ctrl-C leaves the task running: godwit task wait ID takes it up again, godwit task
cancel ID ends it.

Exit codes: the program's own; 123 out of fuel, 124 timeout, 125 the system failed,
126 not placed or refused, 134 it trapped.`,
		Example: `  godwit task submit program.wasm -- -v
  godwit task submit --cpu 2 --memory 1Gi --input data=bafybei...:data --output results job.wasm
  ID=$(godwit task submit --id-only job.wasm)`,
		Args:              f.arguments,
		ValidArgsFunction: completeModule,
	}
	cmd.RunE = r.asks(func(s *session, args []string) error {
		f.wait = f.wait && !f.detach && !f.idOnly
		return s.submit(f, args)
	})
	f.register(cmd)
	return cmd
}

func (f *submitFlags) register(cmd *cobra.Command) {
	f.guestFlags.register(cmd, "show `PATH-or-CID[:NAME]` as /in/NAME, read-only (repeatable)")
	fs := cmd.Flags()
	fs.Lookup("stdin").Usage = "let it read `FILE` as its standard input, - for this command's (default nothing)"
	fs.StringVar(&f.model, "model", "", "run the model of that `NAME` in place of a module")
	fs.Float64Var(&f.requirements.CPUCores, "cpu", 0, "CPU cores it needs, such as 0.5")
	fs.Var(&f.storage, "storage", "storage it needs, such as 10Gi")
	fs.Float64Var(&f.requirements.NetworkMbps, "network", 0, "network it needs, in Mbit/s")
	fs.StringVar(&f.requirements.GPU, "gpu", "", "GPU: required, preferred or none")
	fs.Var(&f.gpuMemory, "gpu-memory", "memory its GPU needs, such as 16Gi")
	fs.Var(&f.gpuTime, "gpu-time", "how long its GPU may work for it, such as 10s (default no limit)")
	fs.Lookup("gpu-time").DefValue = ""
	fs.StringVar(&f.requirements.ComputeCap, "compute-capability", "", "least compute capability of its GPU, such as sm_70")
	fs.StringArrayVar(&f.labels, "label", nil, "run only on nodes with the label `K=V` (repeatable); prefer:K=V is a preference")
	fs.StringArrayVar(&f.hints.Near, "near", nil, "prefer nodes that hold `CID` (repeatable); as with the four below, require:CID means there or nowhere")
	fs.StringVar(&f.hints.Colocate, "colocate", "", "prefer the node that runs the task `ID`")
	fs.StringArrayVar(&f.hints.Prefer, "prefer", nil, "prefer `NODE` (repeatable)")
	fs.StringArrayVar(&f.hints.Avoid, "avoid", nil, "avoid `NODE` (repeatable)")
	fs.StringVar(&f.hints.Region, "region", "", "prefer that region")
	fs.StringVar(&f.class, "class", "", "what matters: latency (near, and soon), throughput (room) or default (all of it)")
	fs.StringVar(&f.placement, "placement", "", "direct (by what is known), auction (by asking all), local (this node) or auto (default auto)")
	fs.IntVar(&f.retries, "retries", -1, "try again `N` times after failures that are not the program's; a node's death counts if no checkpoint there got the task further (default as the node is set up: 2 unless changed)")
	fs.Lookup("retries").DefValue = "0" // else help adds another default
	fs.StringVar(&f.priority, "priority", "", "low, normal, high or critical (default normal)")
	fs.Var(&f.deadline, "deadline", "give up a `TIME` such as 1h after now, waiting included")
	fs.Lookup("deadline").DefValue = ""
	fs.Var(&f.duration, "duration", "how long it will probably run, a `TIME` such as 10m: long tasks are worth asking all nodes")
	fs.Lookup("duration").DefValue = ""
	fs.Float64Var(&f.maxCost, "max-cost", 0, "what it may cost at most, in credits: the node's price of 1000 units of fuel, for all of --fuel")
	fs.BoolVar(&f.checkpoints, "checkpoints", true, "after a second, every 100 ms, make a checkpoint that another node can go on from")
	fs.StringVar(&f.key, "idempotency-key", "", "the same `KEY` within a day means the same task")
	fs.BoolVar(&f.dryRun, "dry-run", false, "say where it would run, and run nothing")
	fs.BoolVar(&f.wait, "wait", true, "wait for the task to end")
	fs.BoolVar(&f.detach, "detach", false, "print the task's id and leave it to itself")
	fs.BoolVar(&f.idOnly, "id-only", false, "the same, and print nothing else")
	cmd.MarkFlagsMutuallyExclusive("wait", "detach")
	cmd.MarkFlagsMutuallyExclusive("wait", "id-only")
	fs.VarP(&f.format, "format", "o", "print the task itself, in place of its output: json or yaml")
	for flag, values := range map[string][]string{
		"gpu": {"required", "preferred", "none"}, "placement": {"auto", "direct", "auction", "local"},
		"class":    {"default", "latency", "throughput"},
		"priority": {"low", "normal", "high", "critical"}, "format": render.Formats(),
	} {
		complete(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// arguments is the argument check: a module, unless there is a model.
func (f *submitFlags) arguments(cmd *cobra.Command, args []string) error {
	if f.model == "" {
		return someModule(cmd, args)
	}
	return nil
}

// submit hands over a task, and unless it is to be left alone sees it to its end.
func (s *session) submit(f submitFlags, args []string) error {
	if err := errors.Join(checkReport(f.report), checkOutput(f.output)); err != nil {
		return err
	}
	if f.maxCost > 0 && f.fuel == 0 && f.model == "" {
		return errors.New("--max-cost needs --fuel: what a task costs is its fuel at the node's price")
	}
	if f.stdin == "-" && len(args) > 0 && args[0] == "-" {
		return errors.New("standard input cannot be both the module and the guest's input")
	}
	request, err := s.request(f, args)
	if err != nil {
		return err
	}
	if f.dryRun {
		plan, err := s.Plan(s.ctx, request)
		if err != nil {
			return err
		}
		return s.show(f.format, plan, planGrid(plan).write)
	}
	key := f.key
	if key == "" {
		key = uuid.NewString() // so that an answer lost on the way costs no second task
	}
	task, err := s.hand(api.Submission{Request: request, IdempotencyKey: key})
	switch {
	case err != nil:
		return err
	case f.wait:
		return s.follow(f.guestFlags, f.format, task)
	case f.idOnly || f.format == render.Table:
		fmt.Fprintln(s.out, task.ID)
		return nil
	}
	return s.show(f.format, task, nil)
}

// hand submits, and once more if the connection broke off.
func (s *session) hand(sub api.Submission) (task api.Task, err error) {
	for range 2 {
		task, _, err = s.Submit(s.ctx, sub)
		if !errors.Is(err, api.ErrUnavailable) && !errors.Is(err, api.ErrInterrupted) {
			break
		}
	}
	return task, err
}

// request stores what is named by path, and puts together what to ask for.
func (s *session) request(f submitFlags, args []string) (r api.TaskRequest, err error) {
	r = api.TaskRequest{
		Model: f.model, Args: args, Env: f.env, Invoke: f.invoke, Deterministic: f.deterministic, NoCheckpoints: !f.checkpoints,
		Limits: api.Limits{
			Fuel: uint64(f.fuel), MemoryBytes: uint64(f.memory), TimeoutMS: milliseconds(time.Duration(f.timeout)),
		},
		Requirements: f.requirements, Hints: f.hints, Placement: f.placement, Class: f.class, Priority: f.priority, MaxCost: f.maxCost,
	}
	r.Requirements.RequireLabels, r.Hints.Labels = sortLabels(f.labels)
	r.Requirements.DurationMS = milliseconds(time.Duration(f.duration))
	r.Requirements.MinStorage, r.Requirements.GPUMemory = uint64(f.storage), uint64(f.gpuMemory)
	r.Requirements.GPUTimeMS = milliseconds(time.Duration(f.gpuTime))
	if f.retries >= 0 {
		r.Retries = &f.retries
	}
	if f.deadline > 0 {
		at := time.Now().Add(time.Duration(f.deadline))
		r.Deadline = &at
	}
	if err := s.names(&r.Hints); err != nil {
		return r, err
	}
	if f.model == "" {
		r.Args = args[1:]
		if r.Module, r.Name, err = s.module(args[0]); err != nil {
			return r, err
		}
	}
	if f.stdin != "" {
		if r.Stdin, err = s.standardInput(f.stdin); err != nil {
			return r, fmt.Errorf("--stdin %s: %w", f.stdin, err)
		}
	}
	for _, spec := range f.inputs {
		in, err := s.input(spec)
		if err != nil {
			return r, fmt.Errorf("--input %s: %w", spec, err)
		}
		r.Inputs = append(r.Inputs, in)
	}
	return r, nil
}

// sortLabels tells labels that a node must have from those that it should have.
func sortLabels(labels []string) (must, should []string) {
	for _, l := range labels {
		if label, ok := strings.CutPrefix(l, "prefer:"); ok {
			should = append(should, label)
		} else {
			must = append(must, strings.TrimPrefix(l, api.Require))
		}
	}
	return must, should
}

// names puts whole ids in the place of short ones.
func (s *session) names(h *api.Hints) (err error) {
	for _, list := range [][]string{h.Prefer, h.Avoid} {
		for i := range list {
			if list[i], err = wished(list[i], s.node); err != nil {
				return err
			}
		}
	}
	h.Colocate, err = wished(h.Colocate, s.taskID)
	return err
}

// wished names in full what a wish names, required or not.
func wished(text string, full func(id string) (string, error)) (string, error) {
	id, must := strings.CutPrefix(text, api.Require)
	if id == "" {
		return text, nil
	}
	id, err := full(id)
	if must {
		id = api.Require + id
	}
	return id, err
}

// node is a peer id in full. A node that is not known may still come.
func (s *session) node(id string) (string, error) {
	w, err := s.Worker(s.ctx, id)
	if len(id) >= wholePeerID && errors.Is(err, api.ErrNotFound) {
		return id, nil
	}
	return w.ID, err
}

func (s *session) taskID(id string) (string, error) {
	t, err := s.Task(s.ctx, id)
	return t.ID, err
}

// wholePeerID is the least length of a peer id that is not short for another.
const wholePeerID = 46

// milliseconds rounds up: a limit that was set is never none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// module is the CID of a module that is named by file or CID, and its name.
func (s *session) module(name string) (id, base string, err error) {
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) && namesContent(name) {
		return name, "", nil
	}
	binary, err := readModule(name)
	if err != nil {
		return "", "", err
	}
	base = filepath.Base(name)
	if name == "-" {
		base = ""
	}
	b, err := s.PutFile(s.ctx, strings.NewReader(string(binary)), api.PutOptions{Name: base})
	return b.CID, base, err
}

// input reads a value of --input: PATH-or-CID[:NAME].
func (s *session) input(spec string) (api.Input, error) {
	what, name := splitInput(spec)
	id, err := s.content(what)
	if err != nil {
		return api.Input{}, err
	}
	if name == "" {
		if name, err = baseName(what); err != nil {
			return api.Input{}, err
		}
	}
	return api.Input{Name: name, CID: id}, nil
}

// splitInput takes what follows the last colon for the name, unless the whole of
// spec is a path of something that exists.
func splitInput(spec string) (what, name string) {
	colon := strings.LastIndexByte(spec, ':')
	if _, err := os.Stat(spec); err == nil || colon <= 0 {
		return spec, ""
	}
	return spec[:colon], spec[colon+1:]
}

// content is the CID of a file or folder, which is stored, or of what is named by
// CID already.
func (s *session) content(what string) (string, error) {
	if _, err := os.Stat(what); errors.Is(err, fs.ErrNotExist) && namesContent(what) {
		return what, nil
	}
	b, err := s.upload(what, api.PutOptions{}, true)
	return b.CID, err
}

// namesContent reports whether s is a CID of any kind.
// standardInput is the CID of what a guest reads: of a file, a pipe or a device,
// which are read to their end, or of what is named by CID already.
func (s *session) standardInput(name string) (string, error) {
	if _, err := os.Stat(name); name == "-" || errors.Is(err, fs.ErrNotExist) {
		return s.content(name)
	}
	f, err := openFile(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only
	m := newMeter("put "+name, 0)
	defer m.end()
	b, err := s.PutFile(s.ctx, m.reads(f), api.PutOptions{})
	return b.CID, err
}

func namesContent(s string) bool {
	_, err := cid.Decode(s)
	return err == nil
}
