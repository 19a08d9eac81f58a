package main

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

// createFlags are the flags of `godwit actor create`.
type createFlags struct {
	request api.ActorRequest
	env     envValue
	fuel    fuelValue
	memory  memoryValue
	gpu     units.Size
	within  timeoutValue
	idOnly  bool
	format  render.Format
}

func newActorCreate(r *remote) *cobra.Command {
	f := createFlags{format: render.Table}
	cmd := &cobra.Command{
		Use:   "create [flags] NAME MODULE [-- ARG...]",
		Short: "Create an actor of a WebAssembly program",
		Long: `Creates an actor and returns when the nodes that are to keep it have it on disk.

MODULE is a file, "-" for standard input, or the CID of one: a reactor, which exports
godwit_handle, or a program that receives its messages in a loop. What such a program
can do beside, the manual of package hostabi/actor says.

A message at which it traps or runs out of fuel or memory has no effect; it goes on
without it. --on-failure stop ends it then. One that fails too often is given up: it
keeps its state, and an upgrade brings it back.`,
		Example: `  godwit actor create counter counter.wasm
  godwit actor create --replicas 5 --fuel 10000000 ledger bank.wasm
  godwit actor create --near bafybei... --colocate ledger index index.wasm`,
		Args:              atLeastOneActor,
		ValidArgsFunction: completeActorModule,
		RunE:              r.asks(func(s *session, args []string) error { return s.createActor(f, args) }),
	}
	f.register(cmd)
	return cmd
}

func (f *createFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.IntVar(&f.request.Replicas, "replicas", 0, "keep it on `N` nodes (default 3; fewer where there are fewer)")
	fs.Var(&f.fuel, "fuel", "let it use `N` units of fuel for each message (default 1,000,000,000)")
	fs.Var(&f.memory, "memory", "allow `SIZE` for memories and tables together (default 256Mi)")
	fs.Lookup("memory").DefValue = ""
	fs.Var(&f.env, "env", "set an environment variable, `K=V` (repeatable)")
	fs.StringVar(&f.request.Supervision.OnFailure, "on-failure", "", "what follows a message at which it fails: restart or stop (default restart)")
	fs.IntVar(&f.request.Supervision.MaxFailures, "max-failures", 0, "give it up once `N` messages have failed within --within (default 5)")
	fs.Var(&f.within, "within", "the `TIME` that --max-failures counts in (default 1m)")
	fs.Lookup("within").DefValue = ""
	fs.StringVar(&f.request.GPU, "gpu", "", "GPU: required, preferred or none")
	fs.Var(&f.gpu, "gpu-memory", "memory that it may have on its GPU, such as 16Mi")
	fs.StringVar(&f.request.ComputeCap, "compute-capability", "", "least compute capability of its GPU, such as sm_70")
	fs.BoolVar(&f.request.Idle, "idle", false, "only write it down: it begins with its first message")
	fs.BoolVar(&f.request.Stateless, "stateless", false, "let an upgrade drop its memory")
	fs.StringArrayVar(&f.request.Hints.Near, "near", nil, "prefer nodes that hold `CID` (repeatable)")
	fs.StringVar(&f.request.Hints.Colocate, "colocate", "", "prefer the node that the actor `NAME` lives on")
	fs.StringArrayVar(&f.request.Hints.Prefer, "prefer", nil, "prefer `NODE` (repeatable)")
	fs.StringArrayVar(&f.request.Hints.Avoid, "avoid", nil, "avoid `NODE` (repeatable)")
	fs.StringVar(&f.request.Hints.Region, "region", "", "prefer that region")
	fs.StringArrayVar(&f.request.Labels, "label", nil, "live only on nodes with the label `K=V` (repeatable)")
	fs.BoolVar(&f.idOnly, "id-only", false, "print nothing but the actor's id")
	complete(cmd, "gpu", cobra.FixedCompletions([]string{"required", "preferred", "none"}, cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "on-failure", cobra.FixedCompletions([]string{api.SuperviseRestart, api.SuperviseStop}, cobra.ShellCompDirectiveNoFileComp))
	addFormat(cmd, &f.format)
}

func atLeastOneActor(cmd *cobra.Command, args []string) error {
	return atLeastTwo("give the actor a name, and name its module")(cmd, args)
}

func atLeastTwo(want string) cobra.PositionalArgs { return rangeOf(2, 1<<20, want) }

// completeActorModule offers modules after the name.
func completeActorModule(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeModule(cmd, args[1:], prefix)
}

func (s *session) createActor(f createFlags, args []string) error {
	r := f.request
	r.Name, r.Args, r.Env, r.GPUMemory = args[0], args[2:], f.env, uint64(f.gpu)
	r.Limits = api.ActorLimits{Fuel: uint64(f.fuel), MemoryBytes: uint64(f.memory)}
	r.Supervision.WindowMS = milliseconds(time.Duration(f.within))
	if err := s.names(&r.Hints); err != nil {
		return err
	}
	var err error
	if r.Module, _, err = s.module(args[1]); err != nil {
		return err
	}
	// With a key an answer that is lost on the way costs no conflict.
	a, err := s.CreateActor(s.ctx, api.ActorCreation{Request: r, Key: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.show(f.format, a, func(w io.Writer) error {
		if f.idOnly {
			_, err := fmt.Fprintln(w, a.ID)
			return err
		}
		return actorGrid([]api.Actor{a}).write(w)
	})
}
