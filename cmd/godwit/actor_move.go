package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newActorMigrate(r *remote) *cobra.Command {
	format, to := render.Table, ""
	cmd := &cobra.Command{
		Use: "migrate NAME", Short: "Move an actor to another node while it runs",
		Long: `Moves an actor: its memory is copied while it runs, then it stands still for the
rest, and goes on where it was sent. Messages that come meanwhile are held, not
refused. Where anything fails on the way, it goes on where it was.`,
		Example: `  godwit actor migrate counter --to 12D3KooW...
  godwit actor migrate counter`,
		Args:              exactly(1, "name an actor"),
		ValidArgsFunction: r.completesFirst(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			if err := s.wholeNode(&to); err != nil {
				return err
			}
			m, err := s.MigrateActor(s.ctx, args[0], api.Migration{To: to})
			if err != nil {
				return err
			}
			return s.show(format, m, func(w io.Writer) error { return migrationFacts(m).write(w) })
		}),
	}
	cmd.Flags().StringVar(&to, "to", "", "move it to `NODE` (default the node that suits it best)")
	complete(cmd, "to", r.completes(nodeIDs))
	addFormat(cmd, &format)
	return cmd
}

// wholeNode puts the whole id of a node in the place of a short one.
func (s *session) wholeNode(id *string) error {
	if *id == "" {
		return nil
	}
	w, err := s.Worker(s.ctx, *id)
	if err != nil {
		return err
	}
	*id = w.ID
	return nil
}

func newActorSnapshot(r *remote) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use: "snapshot NAME", Short: "Write an actor as it is to a CAR file",
		Long: `Takes a checkpoint of an actor, while it goes on, and writes it with its name, its
settings and its mailbox to a CAR file, from which godwit actor restore makes one.

Without --output the file goes to standard output, unless that is a terminal.`,
		Example: `  godwit actor snapshot counter -o counter.car
  godwit actor snapshot counter | ssh elsewhere godwit actor restore counter -`,
		Args:              exactly(1, "name an actor"),
		ValidArgsFunction: r.completesFirst(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			n, err := f.write(func(w io.Writer) (int64, error) {
				count := &written{Writer: w}
				err := s.SnapshotActor(s.ctx, args[0], count)
				return count.n, err
			})
			if err == nil && !f.toStdout() {
				fmt.Fprintf(os.Stderr, "godwit: %s as it is now, %s\n", render.Printable(args[0]), units.Size(n).Approx())
			}
			return err
		}),
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`")
	complete(cmd, "output", completeFile)
	return cmd
}

// written counts what is written.
type written struct {
	io.Writer
	n int64
}

func (w *written) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

func newActorRestore(r *remote) *cobra.Command {
	format, idOnly := render.Table, false
	cmd := &cobra.Command{
		Use: "restore NAME FILE", Short: "Make an actor of a CAR file",
		Long: `Makes an actor of a file that godwit actor snapshot has written, "-" for standard
input: with the memory and the mailbox of then, under NAME, which may be another. An
actor of that name must not be there.`,
		Example:           `  godwit actor restore counter counter.car`,
		Args:              exactly(2, "name an actor and a CAR file"),
		ValidArgsFunction: completeRestore,
		RunE: r.asks(func(s *session, args []string) error {
			a, err := s.restoreActor(args[0], args[1])
			if err != nil {
				return err
			}
			return s.show(format, a, func(w io.Writer) error {
				if idOnly {
					_, err := fmt.Fprintln(w, a.ID)
					return err
				}
				return actorGrid([]api.Actor{a}).write(w)
			})
		}),
	}
	cmd.Flags().BoolVar(&idOnly, "id-only", false, "print nothing but the actor's id")
	addFormat(cmd, &format)
	return cmd
}

func completeRestore(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return []string{"car"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (s *session) restoreActor(name, path string) (api.Actor, error) {
	if path == "-" {
		return s.RestoreActor(s.ctx, name, os.Stdin)
	}
	f, err := openFile(path)
	if err != nil {
		return api.Actor{}, err
	}
	defer f.Close() // read only
	m := newMeter("restore "+name, 0)
	defer m.end()
	return s.RestoreActor(s.ctx, name, m.reads(f))
}

func newActorUpgrade(r *remote) *cobra.Command {
	var u api.Upgrade
	format := render.Table
	cmd := &cobra.Command{
		Use: "upgrade NAME [MODULE]", Short: "Have an actor run another module",
		Long: `Has an actor run another module, between two messages and after it was tried on a
copy. The old module's godwit_save hands its state to the new one's godwit_load;
without these an actor keeps nothing, and must have been created with --stateless.
--rollback goes back to the module before by the same way.`,
		Example: `  godwit actor upgrade counter counter-2.wasm
  godwit actor upgrade counter --rollback`,
		Args: func(cmd *cobra.Command, args []string) error {
			if u.Rollback {
				return exactly(1, "name an actor, and no module to roll back")(cmd, args)
			}
			return exactly(2, "name an actor and a module")(cmd, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 && !u.Rollback {
				return completeModule(cmd, nil, prefix)
			}
			return r.completesFirst(actorNames)(cmd, args, prefix)
		},
		RunE: r.asks(func(s *session, args []string) error {
			if !u.Rollback {
				module, _, err := s.module(args[1])
				if err != nil {
					return err
				}
				u.Module = module
			}
			a, err := s.UpgradeActor(s.ctx, args[0], u)
			if err != nil {
				return upgradeEnding(err)
			}
			return s.showActor(format, a)
		}),
	}
	cmd.Flags().BoolVar(&u.Rollback, "rollback", false, "go back to the module before")
	cmd.Flags().BoolVar(&u.DryRun, "dry-run", false, "try it on a copy, and change nothing")
	addFormat(cmd, &format)
	return cmd
}

// upgradeEnding says that the actor goes on with what it had.
func upgradeEnding(err error) error {
	var failed *api.MessageError
	if errors.As(err, &failed) {
		return hintedError{fmt.Errorf("the new module cannot take over: %s", failed.Reason), "the actor goes on with the module that it has"}
	}
	return err
}

func migrationFacts(m api.Migrated) *grid {
	g := newGrid()
	g.fact("name", "%s", m.Actor.Name)
	g.fact("from", "%s", m.From)
	g.fact("to", "%s", m.Actor.Node)
	g.fact("epoch", "%d", m.Actor.Epoch)
	g.fact("pause", "%v", round(time.Duration(m.PauseMS*float64(time.Millisecond))))
	g.fact("took", "%v", round(time.Duration(m.TookMS*float64(time.Millisecond))))
	g.fact("sent", "%s", units.Size(m.Bytes).Approx())
	return g
}
