package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/runtime"
)

// runFlags are the flags of `godwit run`.
type runFlags struct {
	fuel          fuelValue
	memory        memoryValue
	timeout       timeoutValue
	env           envValue
	stdin         string
	inputs        []string
	output        string
	invoke        string
	deterministic bool
	report        string
	quiet         bool
	engine        engineValue
	cache         string
	noCache       bool
}

func newRun() *cobra.Command {
	f := runFlags{engine: engineValue(runtime.KindAuto), memory: memoryValue(runtime.DefaultLimits().Memory)}
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

Exit codes: the program's own; 123 out of fuel, 124 timeout, 125 it could not be
run (bad file, bad flags, unsupported module), 126 refused (the limits do not
let it start), 130 and 143 interrupted, 134 it trapped.`,
		Example: `  godwit run hello.wasm
  godwit run --fuel 10000000 --memory 64Mi --timeout 5s program.wasm -- -v file
  godwit run --input data.csv --output results --report report.json job.wasm
  godwit run --invoke add math.wasm 2 -3`,
		Args:              someModule,
		ValidArgsFunction: completeModule,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runModule(cmd.Context(), f, args[0], args[1:])
		},
	}
	f.register(cmd)
	return cmd
}

func (f *runFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Var(&f.fuel, "fuel", "stop it after `N` units of fuel (default no limit)")
	fs.Var(&f.memory, "memory", "allow `SIZE` for memories and tables together, such as 512Mi or 1Gi")
	fs.Var(&f.timeout, "timeout", "stop it after a `TIME` such as 30s (default no limit)")
	fs.Lookup("timeout").DefValue = "" // else the help says 0s as well
	fs.Var(&f.env, "env", "set an environment variable, `K=V` (repeatable)")
	fs.StringVar(&f.stdin, "stdin", "", "let it read `FILE` as its standard input")
	fs.StringArrayVar(&f.inputs, "input", nil, "show a file or directory `PATH[:NAME]` as /in/NAME, read-only (repeatable)")
	fs.StringVar(&f.output, "output", "", "put what it leaves in /out into `DIR`")
	fs.StringVar(&f.invoke, "invoke", "", "call the exported function `FUNC` with the arguments and print its results")
	fs.BoolVar(&f.deterministic, "deterministic", false, "fix clocks and randomness: two runs are the same to the last byte and unit of fuel")
	fs.StringVar(&f.report, "report", "", "write the whole result as JSON to `FILE`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "leave out the summary line")
	fs.Var(&f.engine, "engine", "auto, compiler or interpreter; results and fuel are the same")
	fs.StringVar(&f.cache, "cache", "", "keep compiled modules in `DIR` (default the user's cache directory)")
	fs.BoolVar(&f.noCache, "no-cache", false, "keep no compiled modules")
	cmd.MarkFlagsMutuallyExclusive("cache", "no-cache")
	complete(cmd, "engine", cobra.FixedCompletions(engines(), cobra.ShellCompDirectiveNoFileComp))
	for _, dir := range []string{"output", "cache"} {
		complete(cmd, dir, completeDir)
	}
	for _, file := range []string{"stdin", "input", "report"} {
		complete(cmd, file, completeFile)
	}
}

func completeDir(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// limits are what the flags allow.
func (f *runFlags) limits() runtime.Limits {
	return runtime.Limits{Fuel: uint64(f.fuel), Memory: uint64(f.memory), WallTime: time.Duration(f.timeout)}
}

// someModule is the argument check of run.
func someModule(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{errors.New("name a module, or - for standard input"), cmd.CommandPath()}
	}
	return nil
}
