package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// findCheckpoint returns the checkpoint that a person means: the newest of a
// name, NAME@EPOCH.SEQUENCE, the beginning of a CID, or the CID of a root.
func findCheckpoint(s *store.Store, spec string) (checkpoint.Ref, error) {
	if refs := s.List(spec); len(refs) > 0 {
		return refs[len(refs)-1], nil
	}
	all := allCheckpoints(s)
	if name, order, ok := cutOrder(spec); ok {
		if i := slices.IndexFunc(all, func(r checkpoint.Ref) bool { return r.Name == name && r.Order == order }); i >= 0 {
			return all[i], nil
		}
		if refs := s.List(name); len(refs) > 0 {
			return checkpoint.Ref{}, hintedError{fmt.Errorf("no checkpoint %s of %s", order, name),
				fmt.Sprintf("there are %d, from %s to %s: godwit checkpoint ls %s", len(refs), refs[0].Order, refs[len(refs)-1].Order, name)}
		}
	}
	found := slices.DeleteFunc(all, func(r checkpoint.Ref) bool { return !strings.HasPrefix(r.ID.String(), spec) })
	switch {
	case spec != "" && len(found) == 1:
		return found[0], nil
	case spec != "" && len(found) > 1:
		return checkpoint.Ref{}, ambiguous(spec, found)
	}
	return findRoot(s, spec)
}

// allCheckpoints lists those of all names, oldest of each first.
func allCheckpoints(s *store.Store) []checkpoint.Ref {
	var all []checkpoint.Ref
	for _, name := range s.Names() {
		all = append(all, s.List(name)...)
	}
	return all
}

// cutOrder parts NAME@EPOCH.SEQUENCE.
func cutOrder(spec string) (name string, o checkpoint.Order, ok bool) {
	at := strings.LastIndexByte(spec, '@')
	if at < 0 {
		return "", o, false
	}
	epoch, sequence, _ := strings.Cut(spec[at+1:], ".")
	var errE, errS error
	o.Epoch, errE = strconv.ParseUint(epoch, 10, 63)
	o.Sequence, errS = strconv.ParseUint(sequence, 10, 63)
	return spec[:at], o, errE == nil && errS == nil
}

func ambiguous(spec string, found []checkpoint.Ref) error {
	const enough = 4
	var list []string
	short := shortIDs(found)
	for _, r := range found[:min(len(found), enough)] {
		list = append(list, fmt.Sprintf("%s (%s)", short(r), title(r)))
	}
	if len(found) > enough {
		list = append(list, "...")
	}
	return hintedError{fmt.Errorf("%q begins the CIDs of %d checkpoints", spec, len(found)), "give more of it: " + strings.Join(list, ", ")}
}

// findRoot looks for the checkpoint that a root, as export prints it, is of.
func findRoot(s *store.Store, spec string) (checkpoint.Ref, error) {
	if isWholeCID(spec) {
		for _, r := range allCheckpoints(s) {
			signed, err := s.Load(r.ID)
			if err != nil {
				continue // what is damaged is for verify to say
			}
			if root, _, _ := checkpoint.RootOf(signed); root.ID.String() == spec {
				return r, nil
			}
		}
	}
	return checkpoint.Ref{}, hintedError{fmt.Errorf("no checkpoint %q", spec), "godwit checkpoint ls lists them"}
}

// isWholeCID tells whether spec is as long as a checkpoint's whole CID.
func isWholeCID(spec string) bool { return strings.HasPrefix(spec, "bafy") && len(spec) == 59 }

// shortIDs abbreviates the CIDs of some checkpoints so that each is told from
// the others.
func shortIDs(refs []checkpoint.Ref) func(checkpoint.Ref) string {
	const shortest = 14
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID.String()
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	n := shortest
	for i := 1; i < len(ids); i++ {
		n = max(n, commonPrefix(ids[i-1], ids[i])+1)
	}
	return func(r checkpoint.Ref) string {
		id := r.ID.String()
		return id[:min(n, len(id))]
	}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// exactlyCheckpoint is the argument check of commands about one checkpoint.
func exactlyCheckpoint(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{errors.New("name one checkpoint"), cmd.CommandPath()}
	}
	return nil
}

// completeNames offers the names that there are checkpoints of.
func completeNames(f *storeFolder, several bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		s, err := f.read()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		names := slices.DeleteFunc(s.Names(), func(n string) bool { return slices.Contains(args, n) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
