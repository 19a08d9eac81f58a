package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/render"
)

// exactlyModule is the argument check of commands about one module.
func exactlyModule(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return usageError{errors.New("name one module, or - for standard input"), cmd.CommandPath()}
	}
	return nil
}

// completeModule offers *.wasm files for the first argument, then any files:
// what follows is the guest's.
func completeModule(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// complete makes a flag's values known to the shell. The flag exists: the
// error, which says that it does not, is a bug.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// addFormat adds -o, for commands that print data.
func addFormat(cmd *cobra.Command, f *render.Format) {
	cmd.Flags().VarP(f, "output", "o", "output format: table, json or yaml")
	complete(cmd, "output", cobra.FixedCompletions(render.Formats(), cobra.ShellCompDirectiveNoFileComp))
}
