package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/runtime"
)

// guestFlags are the flags that `run` and `task submit` share: what a guest gets,
// how far it may go, and what becomes of its results.
type guestFlags struct {
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
}

// register adds the flags. inputs says what --input takes.
func (f *guestFlags) register(cmd *cobra.Command, inputs string) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Var(&f.fuel, "fuel", "stop it after `N` units of fuel (default no limit)")
	fs.Var(&f.memory, "memory", "allow `SIZE` for memories and tables together, such as 512Mi or 1Gi")
	fs.Var(&f.timeout, "timeout", "stop it after a `TIME` such as 30s (default no limit)")
	fs.Lookup("timeout").DefValue = "" // else the help says 0s as well
	fs.Var(&f.env, "env", "set an environment variable, `K=V` (repeatable)")
	fs.StringVar(&f.stdin, "stdin", "", "let it read `FILE` as its standard input")
	fs.StringArrayVar(&f.inputs, "input", nil, inputs)
	fs.StringVar(&f.output, "output", "", "put what it leaves in /out into `DIR`")
	fs.StringVar(&f.invoke, "invoke", "", "call the exported function `FUNC` with the arguments and print its results")
	fs.BoolVar(&f.deterministic, "deterministic", false, "fix clocks and randomness: two runs are the same to the last byte and unit of fuel")
	fs.StringVar(&f.report, "report", "", "write the whole result as JSON to `FILE`")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "leave out the summary line")
	complete(cmd, "output", completeDir)
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
func (f *guestFlags) limits() runtime.Limits {
	return runtime.Limits{Fuel: uint64(f.fuel), Memory: uint64(f.memory), WallTime: time.Duration(f.timeout)}
}
