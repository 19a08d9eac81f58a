package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newBlob() *cobra.Command {
	var r remote
	cmd := noun("blob", "Store content on the mesh and fetch it by CID")
	r.register(cmd)
	cmd.AddCommand(newBlobPut(&r), newBlobGet(&r), newBlobLs(&r), newBlobStat(&r),
		newBlobPin(&r, "pin", "Fetch content whole and keep it on the node", (*session).pin),
		newBlobPin(&r, "unpin", "Let the node drop content when it needs the room", (*session).unpin))
	return cmd
}

// noun is a command that has verbs and does nothing itself.
func noun(name, does string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: does,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return hintedError{fmt.Errorf("unknown command %q", name+" "+args[0]), cmd.CommandPath() + " --help lists the commands"}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

func newBlobPut(r *remote) *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put PATH...",
		Short: "Store files and folders on the node and print their CIDs",
		Long: `Stores files and folders on the node, pinned, and prints their CIDs: the ones
that "ipfs add --cid-version=1" prints. Any node of the mesh, and any IPFS node
that is told our address, can then fetch them. PATH "-" is standard input.`,
		Example: `  godwit blob put model.bin
  CID=$(godwit blob put --id-only dataset/)`,
		Args:              atLeastOne("name a file or folder, or - for standard input"),
		ValidArgsFunction: completeFile,
		RunE:              r.asks(func(s *session, args []string) error { return s.put(f, args) }),
	}
	fs := cmd.Flags()
	fs.StringVar(&f.name, "name", "", "call it `NAME` in lists (default its file name)")
	fs.BoolVar(&f.noPin, "no-pin", false, "do not keep it when the node needs the room")
	fs.BoolVar(&f.hidden, "hidden", false, "of folders, store files whose names begin with a dot too")
	fs.BoolVar(&f.idOnly, "id-only", false, "print nothing but the CID")
	f.format = render.Table
	addFormat(cmd, &f.format)
	return cmd
}

func newBlobGet(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "get CID [PATH]",
		Short: "Fetch content from the mesh",
		Long: `Fetches a file or folder from the node, which fetches from the mesh what it does
not have. It is checked against its CID on the way. PATH must not exist yet; it is
the CID in the current directory unless named, and "-" is standard output.`,
		Example: `  godwit blob get bafybei... dataset
  godwit blob get bafkrei... - | head`,
		Args:              rangeOf(1, 2, "name a CID, and a path to write to"),
		ValidArgsFunction: r.completes(blobIDs),
		RunE:              r.asks((*session).get),
	}
}

func newBlobLs(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "ls", Short: "List the content that the node keeps", Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			list, err := s.Blobs(s.ctx)
			if err != nil {
				return err
			}
			return s.show(format, api.BlobList{Blobs: list}, blobGrid(list).write)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func blobGrid(list []api.Blob) *grid {
	g := newGrid("CID", "SIZE", "KIND", "PINNED", "NAME")
	for _, b := range list {
		g.row(b.CID, units.Size(b.Size).Approx(), b.Kind, ago(b.PinnedAt), dash(b.Name))
	}
	return g
}

func newBlobStat(r *remote) *cobra.Command {
	format, local := render.Table, false
	cmd := &cobra.Command{
		Use: "stat CID", Short: "Describe content",
		Args:              exactly(1, "name a CID"),
		ValidArgsFunction: r.completes(blobIDs),
		RunE: r.asks(func(s *session, args []string) error {
			b, err := s.Stat(s.ctx, args[0], local)
			if err != nil {
				return err
			}
			return s.show(format, b, func(w io.Writer) error { return blobFacts(b).write(w) })
		}),
	}
	cmd.Flags().BoolVar(&local, "local", false, "look no further than this node")
	addFormat(cmd, &format)
	return cmd
}

func blobFacts(b api.Blob) *grid {
	g := newGrid()
	g.fact("cid", "%s", b.CID)
	g.fact("kind", "%s", b.Kind)
	g.fact("size", "%s bytes (%s)", units.Count(uint64(b.Size)), units.Size(b.Size).Approx())
	g.fact("blocks", "%d", b.Blocks)
	g.fact("whole here", "%s", yesNo(b.Local))
	g.fact("pinned", "%s", yesNo(b.Pinned))
	g.fact("name", "%s", b.Name)
	return g
}

func newBlobPin(r *remote, verb, does string, do func(*session, string) (api.Blob, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " CID...", Short: does,
		Args:              atLeastOne("name a CID"),
		ValidArgsFunction: r.completes(blobIDs),
		RunE: r.asks(func(s *session, args []string) error {
			for _, id := range args {
				if _, err := do(s, id); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (s *session) pin(id string) (api.Blob, error)   { return s.Pin(s.ctx, id) }
func (s *session) unpin(id string) (api.Blob, error) { return s.Unpin(s.ctx, id) }

// atLeastOne, exactly and rangeOf check the number of arguments, and say what
// they should be.
func atLeastOne(want string) cobra.PositionalArgs { return rangeOf(1, 1<<20, want) }

func exactly(n int, want string) cobra.PositionalArgs { return rangeOf(n, n, want) }

func rangeOf(low, high int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n := len(args); n < low || n > high {
			return usageError{fmt.Errorf("%s", strings.TrimSpace(want)), cmd.CommandPath()}
		}
		return nil
	}
}
