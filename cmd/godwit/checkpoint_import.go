package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

// importFlags are the flags of `godwit checkpoint import`.
type importFlags struct {
	owner  string
	older  bool
	max    memoryValue
	idOnly bool
}

func newCheckpointImport(folder *storeFolder) *cobra.Command {
	f := importFlags{max: 8 << 30}
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Take a checkpoint from a CAR file into the store",
		Long: `Reads a CAR file, from standard input without FILE, that export or "ipfs dag
export" of its root wrote, and prints the checkpoint's CID. The signature is
checked before anything is stored, then every object; at the end the checkpoint
is there whole or not at all.

Refused are files that are damaged, cut short or hold something else; a name
whose checkpoints here have another owner; and checkpoints that are not newer
than the newest of their name, unless --older allows them. What is here already,
but damaged, is replaced.`,
		Example: `  godwit checkpoint import counter.car
  godwit checkpoint import --owner 12D3KooW... < counter.car`,
		Args:              atMostOneFile,
		ValidArgsFunction: completeCAR,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "-"
			if len(args) > 0 {
				name = args[0]
			}
			return f.importFile(cmd, folder, name)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.owner, "owner", "", "refuse what is not signed by `PEER`, a peer ID")
	fs.BoolVar(&f.older, "older", false, "take checkpoints older than the newest of their name too")
	fs.Var(&f.max, "max-size", "read at most `SIZE`")
	fs.BoolVar(&f.idOnly, "id-only", false, "print the CID and nothing else")
	return cmd
}

func atMostOneFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{errors.New("name one file, or - for standard input"), cmd.CommandPath()}
	}
	return nil
}

func completeCAR(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"car"}, cobra.ShellCompDirectiveFilterFileExt
}

func (f importFlags) importFile(cmd *cobra.Command, folder *storeFolder, name string) error {
	in := os.Stdin
	if name == "-" {
		name = "standard input"
		if isTerminal(in) {
			return usageError{errors.New("standard input is a terminal: name a file"), cmd.CommandPath()}
		}
	} else {
		file, err := openFile(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	s, err := folder.write()
	if err != nil {
		return err
	}
	defer s.Close()
	p := newProgress("import")
	read := &countedReader{Reader: in, each: func(n int64) {
		p.report(func() string { return units.Size(n).Approx() + " read" })
	}}
	signed, err := s.Import(read, uint64(f.max), func(c *checkpoint.Signed) error { return f.accept(s, c) })
	p.end()
	if err != nil {
		return refusedImport(name, err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), signed.ID)
	if !f.idOnly {
		fmt.Fprintf(cmd.ErrOrStderr(), "godwit: imported %s, signed by %s\n", render.Printable(title(refOf(signed))), peerID(signed.Owner))
	}
	return nil
}

// accept decides on a checkpoint whose signature is valid.
func (f importFlags) accept(s *store.Store, c *checkpoint.Signed) error {
	owner := peerID(c.Owner)
	if f.owner != "" && owner != f.owner {
		return fmt.Errorf("%s is signed by %s, not by %s", title(refOf(c)), owner, f.owner)
	}
	refs := s.List(c.Name)
	if len(refs) == 0 {
		return nil
	}
	newest := refs[len(refs)-1]
	if known, err := s.Load(newest.ID); err == nil && peerID(known.Owner) != owner && f.owner == "" {
		return hintedError{
			fmt.Errorf("%s is signed by %s, but the owner of %s here is %s", title(refOf(c)), owner, c.Name, peerID(known.Owner)),
			"if it may change hands, say so: --owner " + owner,
		}
	}
	for _, r := range refs {
		if r.ID == c.ID {
			return nil // again: perhaps to replace what is damaged
		}
		if r.Order == c.Order {
			return fmt.Errorf("%s is here with other content, %s: %w", title(r), r.ID, checkpoint.ErrStale)
		}
	}
	if !f.older && c.Compare(newest.Order) < 0 {
		return hintedError{
			fmt.Errorf("%s is older than %s, the newest here: %w", title(refOf(c)), newest.Order, checkpoint.ErrStale),
			"take it all the same with --older",
		}
	}
	return nil
}

// refusedImport says which file was refused, and what can be done about it.
func refusedImport(name string, err error) error {
	named := fmt.Errorf("%s: %w", name, err)
	var hinted hintedError
	var damage *checkpoint.DamageError
	switch {
	case errors.As(err, &hinted):
		return hintedError{named, hinted.hint}
	case errors.Is(err, checkpoint.ErrTooLarge):
		return hintedError{named, "allow more with --max-size SIZE if you trust where it came from"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return hintedError{named, "the file is cut short: copy it again"}
	case errors.Is(err, checkpoint.ErrHash):
		return hintedError{named, "the file is damaged: copy it again"}
	case errors.Is(err, checkpoint.ErrSignature):
		return hintedError{named, "whoever made it does not have the owner's key: do not trust it"}
	case errors.As(err, &damage):
		return hintedError{named, "the file does not hold all of it: export it again"}
	case errors.Is(err, checkpoint.ErrFormat):
		return hintedError{named, "is it a file that godwit checkpoint export wrote?"}
	}
	return named
}

// countedReader tells how much has been read.
type countedReader struct {
	io.Reader
	n    int64
	each func(n int64)
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.each(c.n)
	return n, err
}
