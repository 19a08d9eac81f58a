package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newModel() *cobra.Command {
	var r remote
	cmd := noun("model", "Register programs under names that tasks can ask for")
	r.register(cmd)
	cmd.AddCommand(newModelAdd(&r), newModelLs(&r), newModelRm(&r))
	return cmd
}

// modelFlags are the flags of `godwit model add`.
type modelFlags struct {
	module   string
	inputs   []string
	args     []string
	env      envValue
	fuel     fuelValue
	memory   memoryValue
	timeout  timeoutValue
	requires api.Requirements
	needs    units.Size
	gpuNeeds units.Size
	idOnly   bool
	format   render.Format
}

func newModelAdd(r *remote) *cobra.Command {
	f := modelFlags{format: render.Table}
	cmd := &cobra.Command{
		Use:   "add NAME --module MODULE",
		Short: "Publish a program under a name",
		Long: `Publishes a signed record to the mesh: a name, a module, and what it always runs
with. A task {"model": NAME, "input": TEXT} then runs it, with the text as its
standard input; so does godwit task submit --model NAME.`,
		Example:           `  godwit model add llama-2-7b --module llama.wasm --input weights.bin --min-memory 16G`,
		Args:              exactly(1, "give the model a name"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              r.asks(func(s *session, args []string) error { return s.addModel(f, args[0]) }),
	}
	f.register(cmd)
	return cmd
}

func (f *modelFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.module, "module", "", "the program: a `FILE` or a CID")
	fs.StringArrayVar(&f.inputs, "input", nil, "show it `PATH-or-CID[:NAME]` as /in/NAME, such as weights (repeatable)")
	fs.StringArrayVar(&f.args, "arg", nil, "give it an `ARGUMENT` before those of the task (repeatable)")
	fs.Var(&f.env, "env", "set an environment variable, `K=V` (repeatable)")
	fs.Var(&f.fuel, "fuel", "stop it after `N` units of fuel, where the task says nothing")
	fs.Var(&f.memory, "memory", "allow `SIZE` of memory, where the task says nothing")
	fs.Lookup("memory").DefValue = ""
	fs.Var(&f.timeout, "timeout", "stop it after a `TIME`, where the task says nothing")
	fs.Lookup("timeout").DefValue = ""
	fs.Float64Var(&f.requires.CPUCores, "cpu", 0, "CPU cores it needs")
	fs.Var(&f.needs, "min-memory", "memory that its node needs, such as 16G")
	fs.StringVar(&f.requires.GPU, "gpu", "", "GPU: required, preferred or none")
	fs.Var(&f.gpuNeeds, "gpu-memory", "memory its GPU needs")
	fs.StringVar(&f.requires.ComputeCap, "compute-capability", "", "least compute capability of its GPU, such as sm_70")
	fs.BoolVar(&f.idOnly, "id-only", false, "print nothing but the name")
	if err := cmd.MarkFlagRequired("module"); err != nil {
		panic(err) // the flag exists
	}
	complete(cmd, "module", completeModule)
	complete(cmd, "input", completeFile)
	complete(cmd, "gpu", cobra.FixedCompletions([]string{"required", "preferred", "none"}, cobra.ShellCompDirectiveNoFileComp))
	addFormat(cmd, &f.format)
}

func (s *session) addModel(f modelFlags, name string) error {
	module, _, err := s.module(f.module)
	if err != nil {
		return err
	}
	spec := api.ModelSpec{
		Name: name, Module: module, Args: f.args, Env: f.env, Requirements: f.requires,
		Limits: api.Limits{Fuel: uint64(f.fuel), MemoryBytes: uint64(f.memory), TimeoutMS: milliseconds(time.Duration(f.timeout))},
	}
	spec.Requirements.MinMemory, spec.Requirements.GPUMemory = uint64(f.needs), uint64(f.gpuNeeds)
	for _, text := range f.inputs {
		in, err := s.input(text)
		if err != nil {
			return fmt.Errorf("--input %s: %w", text, err)
		}
		spec.Inputs = append(spec.Inputs, in)
	}
	m, err := s.AddModel(s.ctx, spec)
	if err != nil {
		return err
	}
	return s.show(f.format, m, func(w io.Writer) error {
		if f.idOnly {
			_, err := fmt.Fprintln(w, m.Name)
			return err
		}
		return modelGrid([]api.Model{m}).write(w)
	})
}

func newModelLs(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "ls", Short: "List the models of the mesh", Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			list, err := s.Models(s.ctx)
			if err != nil {
				return err
			}
			return s.show(format, api.ModelList{Models: list}, modelGrid(list).write)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func modelGrid(list []api.Model) *grid {
	g := newGrid("NAME", "MODULE", "INPUTS", "PUBLISHER", "AGE")
	for _, m := range list {
		g.row(m.Name, m.Module, len(m.Inputs), short(m.Publisher), ago(m.CreatedAt))
	}
	return g
}

func newModelRm(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME...", Short: "Withdraw models that the node has published",
		Args:              atLeastOne("name a model"),
		ValidArgsFunction: r.completes(modelNames),
		RunE: r.asks(func(s *session, args []string) error {
			for _, name := range args {
				if err := s.RemoveModel(s.ctx, name); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
