package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

// exportFlags are the flags of `godwit checkpoint export`.
type exportFlags struct {
	output string
	idOnly bool
}

func newCheckpointExport(folder *storeFolder) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export CHECKPOINT",
		Short: "Write a checkpoint with all it needs to a CAR file",
		Long: `Writes a checkpoint, its signature and every object that it needs to one CAR file
(version 1), and prints the CID of its root: an IPFS node that has imported the
file (ipfs dag import) keeps the whole by pinning that. Each object is compared
with its hash on the way; the file is there whole or not at all.

Without --output the file goes to standard output, unless that is a terminal, and
the root to standard error.`,
		Example: `  godwit checkpoint export counter -o counter.car
  godwit checkpoint export counter@3.17 | ssh elsewhere godwit checkpoint import`,
		Args:              exactlyCheckpoint,
		ValidArgsFunction: completeNames(folder, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, letGo := withSignals(cmd.Context())
			defer letGo()
			s, err := folder.read()
			if err != nil {
				return err
			}
			defer s.Close()
			ref, err := findCheckpoint(s, args[0])
			if err != nil {
				return err
			}
			return f.export(ctx, s, ref)
		},
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`")
	cmd.Flags().BoolVar(&f.idOnly, "id-only", false, "print the root's CID and nothing else")
	complete(cmd, "output", completeFile)
	return cmd
}

func (f exportFlags) export(ctx context.Context, s *store.Store, ref checkpoint.Ref) error {
	signed, err := s.Load(ref.ID)
	if err != nil {
		return cannotExport(ref, err)
	}
	root, _, _ := checkpoint.RootOf(signed)
	written, err := f.write(func(w io.Writer) (int64, error) { return exportTo(ctx, w, s, signed) })
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return stoppedError{cause}
	}
	if err != nil {
		return cannotExport(ref, err)
	}
	out := os.Stdout
	if f.toStdout() {
		out = os.Stderr
	}
	fmt.Fprintln(out, root.ID)
	if !f.idOnly {
		fmt.Fprintf(os.Stderr, "godwit: exported %s, %s; pin %s\n", render.Printable(title(ref)), units.Size(written).Approx(), root.ID)
	}
	return nil
}

// cannotExport tells damage from a disk that is full.
func cannotExport(ref checkpoint.Ref, err error) error {
	err = fmt.Errorf("%s: %w", title(ref), err)
	var damage *checkpoint.DamageError
	if errors.As(err, &damage) || errors.Is(err, checkpoint.ErrHash) || errors.Is(err, checkpoint.ErrSignature) {
		return hintedError{err, "export an older one: godwit checkpoint verify names those that are sound"}
	}
	return err
}

func (f exportFlags) toStdout() bool { return f.output == "" || f.output == "-" }

// write puts into place what export writes: a file is there whole or not at all.
func (f exportFlags) write(export func(io.Writer) (int64, error)) (int64, error) {
	if f.toStdout() {
		if isTerminal(os.Stdout) {
			return 0, hintedError{errors.New("a CAR file is not for terminals"), "name a file with -o FILE, or pipe it on"}
		}
		return export(os.Stdout)
	}
	if info, err := os.Stat(f.output); err == nil && !info.Mode().IsRegular() {
		return f.overwrite(export) // a device or pipe
	}
	return f.replace(export)
}

func (f exportFlags) overwrite(export func(io.Writer) (int64, error)) (int64, error) {
	file, err := os.OpenFile(f.output, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := export(file)
	return n, errors.Join(err, file.Close())
}

func (f exportFlags) replace(export func(io.Writer) (int64, error)) (n int64, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(f.output), "."+filepath.Base(f.output)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	n, err = export(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(tmp.Name(), f.output)
}

// exportTo writes a checkpoint to w, and returns how many bytes that were.
func exportTo(ctx context.Context, w io.Writer, g checkpoint.Getter, signed *checkpoint.Signed) (int64, error) {
	p := newProgress("export")
	defer p.end()
	count := &counter{w: bufio.NewWriterSize(w, 1<<20)}
	err := checkpoint.Export(count, signed, checkpoint.GetterFunc(func(id cid.Cid) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.report(func() string { return units.Size(count.n).Approx() + " written" })
		return g.Get(id)
	}))
	if err != nil {
		return count.n, err
	}
	return count.n, count.w.Flush()
}

// counter counts what is written.
type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
