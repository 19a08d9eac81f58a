package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newNode() *cobra.Command {
	var r remote
	cmd := noun("node", "Run a node of the mesh, and look at the others")
	verbs := []*cobra.Command{newNodeLs(&r), newNodeShow(&r), newNodeDrain(&r), newNodeLabel(&r)}
	for _, verb := range verbs { // start has an --api of its own: where to listen
		r.register(verb)
	}
	cmd.AddCommand(newNodeStart())
	cmd.AddCommand(verbs...)
	return cmd
}

func newNodeLs(r *remote) *cobra.Command {
	format, idOnly := render.Table, false
	cmd := &cobra.Command{
		Use: "ls", Short: "List the nodes of the mesh", Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			list, err := s.Workers(s.ctx)
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(a, b api.Worker) int { return strings.Compare(a.ID, b.ID) })
			if idOnly {
				for _, w := range list {
					fmt.Fprintln(s.out, w.ID)
				}
				return nil
			}
			return s.show(format, api.WorkerList{Workers: list}, workerGrid(list).write)
		}),
	}
	cmd.Flags().BoolVar(&idOnly, "id-only", false, "print nothing but whole ids")
	addFormat(cmd, &format)
	return cmd
}

func workerGrid(list []api.Worker) *grid {
	g := newGrid("ID", "STATE", "REGION", "CPU", "MEMORY", "TASKS", "RTT", "SEEN", "LABELS")
	for _, w := range list {
		id, rtt := short(w.ID), "-"
		if w.Self {
			id += " *"
		}
		if w.RTTMS > 0 {
			rtt = fmt.Sprintf("%.1fms", w.RTTMS)
		}
		g.row(id, w.State, dash(w.Region),
			fmt.Sprintf("%.1f/%.1f", w.Available.CPUCores, w.Total.CPUCores),
			units.Size(w.Available.MemoryBytes).Approx()+"/"+units.Size(w.Total.MemoryBytes).Approx(),
			w.Running, rtt, ago(w.UpdatedAt), dash(labelText(w.Labels)))
	}
	return g
}

func labelText(labels map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, k+"="+labels[k])
	}
	return strings.Join(list, ",")
}

func newNodeShow(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "show [ID]", Short: "Describe a node, this one unless named",
		Args:              rangeOf(0, 1, "name one node, or none for this one"),
		ValidArgsFunction: r.completes(nodeIDs),
		RunE: r.asks(func(s *session, args []string) (err error) {
			var w api.Worker
			if len(args) == 0 {
				w, err = s.Self(s.ctx)
			} else {
				w, err = s.Worker(s.ctx, args[0])
			}
			if err != nil {
				return err
			}
			return s.showWorker(format, w)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func (s *session) showWorker(f render.Format, w api.Worker) error {
	return s.show(f, w, func(out io.Writer) error { return workerFacts(w).write(out) })
}

func workerFacts(w api.Worker) *grid {
	g := newGrid()
	g.fact("id", "%s", w.ID)
	g.fact("state", "%s", w.State)
	g.fact("version", "%s", w.Version)
	g.fact("region", "%s", w.Region)
	g.fact("labels", "%s", labelText(w.Labels))
	g.fact("addresses", "%s", strings.Join(w.Addrs, "\n"))
	g.fact("cpu", "%.2f of %.2f cores free", w.Available.CPUCores, w.Total.CPUCores)
	g.fact("memory", "%s of %s free", units.Size(w.Available.MemoryBytes).Approx(), units.Size(w.Total.MemoryBytes).Approx())
	g.fact("storage", "%s of %s free", units.Size(w.Available.StorageBytes).Approx(), units.Size(w.Total.StorageBytes).Approx())
	for _, d := range w.Available.GPUs {
		g.fact("gpu", "%s", gpuText(d))
	}
	g.fact("tasks", "%d running, %d queued", w.Running, w.Queued)
	g.fact("models", "%s", strings.Join(w.Models, ", "))
	g.fact("announced", "%s ago", ago(w.UpdatedAt))
	g.fact("trust", "%g", w.Trust)
	if !w.Self {
		g.fact("health", "%.0f %% of its tasks succeeded, %d failures in a row", 100*w.Health.SuccessRate, w.Health.ConsecutiveFailures)
	}
	return g
}

// gpuText is what people want to know of a device, and whether it can be had.
func gpuText(d api.GPU) string {
	facts := []string{d.ID + " " + d.Name, units.Size(d.MemoryBytes).Approx()}
	for _, c := range []string{d.ComputeCapability, d.OpenCL} {
		if c != "" {
			facts = append(facts, c)
		}
	}
	if d.Processor {
		facts = append(facts, "the processor")
	}
	if !d.Available {
		return strings.Join(append(facts, "taken"), ", ")
	}
	return strings.Join(append(facts, "free"), ", ")
}

func newNodeDrain(r *remote) *cobra.Command {
	format, undo := render.Table, false
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use: "drain", Short: "Have the node take no new work",
		Long: `Has the node take no new work. Tasks that have run there for a second go on on other
nodes, from where they are; those that cannot be suspended may finish within the grace
time, and then go back to the queues they came from. Actors that live there move to other
nodes, idle ones too, and each keeps a majority of its replicas elsewhere: one that cannot
is named with the reason. The node goes on: stop it with SIGTERM, which drains first, or
have it take work again with --undo.`,
		Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			w, err := s.SetDraining(s.ctx, !undo)
			if err != nil {
				return err
			}
			for _, actor := range w.Stay {
				fmt.Fprintln(cmd.ErrOrStderr(), "godwit: stays, and needs the node:", render.Printable(actor))
			}
			return s.showWorker(format, w)
		}),
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "have it take work again")
	addFormat(cmd, &format)
	return cmd
}

func newNodeLabel(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "label K=V... [K-...]", Short: "Set labels of the node, and remove those with a - after them",
		Example:           "  godwit node label disk=ssd zone-",
		Args:              atLeastOne("name labels: K=V sets one, K- removes it"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: r.asks(func(s *session, args []string) error {
			set, remove, err := labelChanges(args)
			if err != nil {
				return err
			}
			w, err := s.SetLabels(s.ctx, set, remove)
			if err != nil {
				return err
			}
			return s.showWorker(format, w)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func labelChanges(args []string) (set map[string]string, remove []string, err error) {
	set = map[string]string{}
	for _, a := range args {
		k, v, isSet := strings.Cut(a, "=")
		name, isRemove := strings.CutSuffix(a, "-")
		switch {
		case isSet && k != "":
			set[k] = v
		case !isSet && isRemove && name != "":
			remove = append(remove, name)
		default:
			return nil, nil, fmt.Errorf("label %q: want K=V, or K- to remove it", a)
		}
	}
	return set, remove, nil
}
