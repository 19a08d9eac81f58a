package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// positionals rewrites the arguments of a command so that negative numbers,
// which --invoke add m.wasm 1 -2 and actor ask NAME -2 name, are not taken for
// flags: flags first, then "--", then everything else in order. Without a
// negative number the arguments are returned as they are.
func positionals(root *cobra.Command, args []string) []string {
	cmd, rest, err := root.Find(args)
	name := ""
	if err == nil {
		_, name, _ = strings.Cut(cmd.CommandPath(), " ")
	}
	switch name {
	case "run", "task submit", "actor send", "actor ask":
	default:
		return args
	}
	known := cmd.Flags()
	known.AddFlagSet(cmd.InheritedFlags())
	flags, others, negative := split(known, rest)
	if !negative {
		return args
	}
	out := append(strings.Fields(name), flags...)
	return append(append(out, "--"), others...)
}

// split parts flags and their values from other arguments, and tells whether
// there are negative numbers before a "--".
func split(known *pflag.FlagSet, args []string) (flags, others []string, negative bool) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return flags, append(others, args[i+1:]...), negative
		case isNumber(arg):
			others, negative = append(others, arg), true
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			others = append(others, arg)
		default:
			flags = append(flags, arg)
			if takesValue(known, arg) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	return flags, others, negative
}

// isNumber reports whether arg is a number with a minus sign.
func isNumber(arg string) bool {
	if !strings.HasPrefix(arg, "-") {
		return false
	}
	_, errInt := strconv.ParseInt(arg, 0, 64)
	_, errFloat := strconv.ParseFloat(arg, 64)
	return errInt == nil || errFloat == nil
}

// takesValue reports whether the argument after a flag is its value.
func takesValue(known *pflag.FlagSet, arg string) bool {
	f := known.Lookup(strings.TrimPrefix(arg, "--"))
	return f != nil && f.NoOptDefVal == ""
}
