package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newTaskMigrate(r *remote) *cobra.Command {
	format, to := render.Table, ""
	cmd := &cobra.Command{
		Use: "migrate ID", Short: "Have a running task go on on another node",
		Long: `Suspends a task wherever it is in its computation, and has another node go on with
it from there: same memory, same output, same fuel. If that node cannot have it
after all, it goes on where it is best.`,
		Example: `  godwit task migrate 01hx3v --to 12D3KooW...
  godwit task migrate 01hx3v`,
		Args:              exactly(1, "name a task"),
		ValidArgsFunction: r.completesFirst(taskIDs),
		RunE: r.asks(func(s *session, args []string) error {
			if err := s.wholeNode(&to); err != nil {
				return err
			}
			t, err := s.Migrate(s.ctx, args[0], to)
			if err != nil {
				return err
			}
			return s.show(format, t, taskFacts(t).write)
		}),
	}
	cmd.Flags().StringVar(&to, "to", "", "have it go on on `NODE` (default the node that suits it best)")
	complete(cmd, "to", r.completes(nodeIDs))
	addFormat(cmd, &format)
	return cmd
}

// attemptFacts tell where a task has been, and from where each attempt went on.
func attemptFacts(g *grid, history []api.Attempt) {
	nodes := make(map[int]string, len(history))
	for _, a := range history {
		nodes[a.Number] = a.Node
		g.fact("attempt "+fmt.Sprint(a.Number), "%s on %s %s", attemptOutcome(a), a.Node, a.Message)
		if p := a.From; p != nil {
			g.fact("  from", "checkpoint %d of attempt %d (%s), %s fuel", p.Sequence, p.Attempt, dash(short(nodes[p.Attempt])), units.Count(p.Fuel))
		}
		if p := a.Checkpoint; p != nil {
			g.fact("  checkpoints", "%s, the last at %s fuel; %s sent", units.Count(a.Checkpoints), units.Count(p.Fuel), units.Size(a.CheckpointBytes).Approx())
		}
		for _, k := range a.Keepers {
			g.fact("  kept by", "%s", k)
		}
		g.fact("  no checkpoints", "%s", a.NoCheckpoints)
	}
}
