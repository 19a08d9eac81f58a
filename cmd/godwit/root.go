package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/render"
)

// execute runs the command line and returns the exit code.
func execute(args []string) int {
	root := newRoot(args)
	root.SetArgs(positionals(root, args))
	err := root.Execute()
	say(os.Stderr, err)
	return exitCode(err)
}

// newRoot makes the commands that args may name. A run is over in milliseconds: it
// does not wait for the flags of all others to be set up.
func newRoot(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "godwit",
		Short: "Run WebAssembly under exact fuel and hard limits, here or on a mesh",
		Long: `Godwit runs WebAssembly programs under an exact fuel budget and hard limits,
here or on a mesh of nodes, and says what they used.`,
		SilenceErrors: true,
		// How many letters a command may be off to be suggested.
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args:                       noSuchCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err, cmd.CommandPath()}
	})
	root.AddCommand(newRun())
	if len(args) > 0 && args[0] == "run" {
		return root
	}
	root.AddCommand(newDemo(), newNode(), newTask(), newActor(), newBlob(), newModel(), newModule(), newCheckpoint(), newSim(),
		newDoctor(), newVersion())
	return root
}

// noSuchCommand is the argument check of the root, which takes only commands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "godwit --help lists the commands"
	if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
		hint = "did you mean godwit " + close[0] + "?"
	} else if strings.HasSuffix(args[0], ".wasm") {
		hint = "did you mean godwit run " + args[0] + "?"
	}
	return hintedError{fmt.Errorf("unknown command %q", args[0]), hint}
}

// saidError is an error that has been told already.
type saidError struct {
	error
}

func (e saidError) Unwrap() error { return e.error }

// say writes an error for people: a line with the cause, and a hint where
// there is one.
func say(w io.Writer, err error) {
	var said saidError
	if err == nil || errors.As(err, &said) {
		return
	}
	if cause := strings.Trim(err.Error(), "\n"); cause != "" {
		fmt.Fprintf(w, "godwit: %s\n", render.PrintableLines(cause))
	}
	if h := hint(err); h != "" {
		fmt.Fprintf(w, "hint: %s\n", render.PrintableLines(h))
	}
}
