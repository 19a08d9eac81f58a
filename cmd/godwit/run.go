package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/runtime"
)

// runFlags are the flags of `godwit run`.
type runFlags struct {
	guestFlags
	state   stateFlags
	gpu     gpuFlags
	engine  engineValue
	cache   string
	noCache bool
	changed func(flag string) bool // whether the command line has it
}

func newRun() *cobra.Command {
	f := runFlags{engine: engineValue(runtime.KindAuto)}
	f.memory = memoryValue(runtime.DefaultLimits().Memory)
	cmd := &cobra.Command{
		Use:   "run [flags] MODULE [-- ARG...]",
		Short: "Run a WebAssembly program here, under exact fuel and hard limits",
		Long: `Runs a WebAssembly program in this process: no node, no configuration, no
network. The program's standard streams are this command's. It sees no files
but its inputs under /in, what it writes to /out (kept with --output), and its
own /tmp. At the end a line on standard error says what it used.

MODULE is a file, or - for standard input. Arguments after it are the program's;
those that look like flags go after --. With --invoke they are the arguments of
the function, and its results are printed one a line.

--checkpoint FILE keeps the whole run in a file every 100 ms, whatever it is
doing: the module, its memory, its files, its call stack. --resume FILE finishes
it, should this process, or this machine, not: in another process, on another
machine, on another architecture, with the same output and the same fuel. What
the program writes appears when it is kept, and once; its standard input has to
be given again, from its beginning, unless it is a terminal.

With --invoke, --checkpoint DIR keeps what the instance is when the function has
returned, and --resume DIR goes on from there with the next call.

Exit codes: the program's own; 123 out of fuel, 124 timeout, 125 it could not be
run (bad file, bad flags, unsupported module), 126 refused (the limits do not
let it start), 130 and 143 interrupted, 134 it trapped.`,
		Example: `  godwit run hello.wasm
  godwit run --fuel 10000000 --memory 64Mi --timeout 5s program.wasm -- -v file
  godwit run --input data.csv --output results --report report.json job.wasm
  godwit run --invoke add math.wasm 2 -3
  godwit run --checkpoint job.run --every 1s job.wasm
  godwit run --resume job.run
  godwit run --checkpoint state --resume state --invoke inc counter.wasm`,
		ValidArgsFunction: completeModule,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			if len(args) == 0 && (f.state.resume == "" || !f.inFile()) {
				return someModule(cmd, args)
			}
			name, rest := "", []string(nil)
			if len(args) > 0 {
				name, rest = args[0], args[1:]
			}
			return runModule(cmd.Context(), f, name, rest)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *runFlags) register(cmd *cobra.Command) {
	f.guestFlags.register(cmd, "show a file or directory `PATH[:NAME]` as /in/NAME, read-only (repeatable)")
	f.state.register(cmd)
	f.gpu.register(cmd)
	fs := cmd.Flags()
	fs.Var(&f.engine, "engine", "auto, compiler or interpreter; results and fuel are the same")
	fs.StringVar(&f.cache, "cache", "", "keep compiled modules in `DIR` (default the user's cache directory)")
	fs.BoolVar(&f.noCache, "no-cache", false, "keep no compiled modules")
	cmd.MarkFlagsMutuallyExclusive("cache", "no-cache")
	complete(cmd, "engine", cobra.FixedCompletions(engines(), cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "cache", completeDir)
}

// someModule is the argument check of commands that run a module.
func someModule(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{errors.New("name a module, or - for standard input"), cmd.CommandPath()}
	}
	return nil
}
