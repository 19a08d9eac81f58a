package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/schedtest"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// simFlags are the flags of `godwit sim`.
type simFlags struct {
	config    schedtest.Config
	faults    timeoutValue
	skew      timeoutValue
	policy    string
	placement string
	format    render.Format
}

// simPlacements are the names that --placement takes.
var simPlacements = [...]string{"auto", "direct", "auction"}

// simPolicies are the names that --policy takes.
var simPolicies = [...]string{
	"weighted", "round-robin", "capability-based", "performance-aware", "least-loaded", "random", "performance",
}

func newSim() *cobra.Command {
	f := simFlags{format: render.Table, skew: timeoutValue(2 * time.Minute)}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Simulate a mesh on virtual time, with everything that can go wrong",
		Long: `Runs a whole mesh of schedulers in this process on virtual time: messages are lost,
doubled and late, links are cut, nodes stand still and crash, clocks are wrong, and
liars answer and offer what may do harm. After every event it is checked that no task
ends twice or has two live attempts, no node is given more than it has, nothing runs
where it was not given and accepted, and no result counts that is not the last
attempt's; in the end every accepted task must have ended. The same flags give the
same trace.

Exit codes: 0 everything held, 1 something did not, with what led to it.`,
		Example: `  godwit sim --seed 42 --nodes 50 --tasks 1000
  godwit sim --policy random --calm
  godwit sim --placement auction --liars 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd.OutOrStdout(), f) },
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.Uint64Var(&f.config.Seed, "seed", 1, "what decides everything that is left to chance")
	fs.IntVar(&f.config.Nodes, "nodes", 5, "nodes of the mesh")
	fs.IntVar(&f.config.Liars, "liars", 0, "further nodes that lie")
	fs.IntVar(&f.config.Tasks, "tasks", 40, "tasks that are submitted")
	fs.Var(&f.faults, "faults", "how long things go wrong, in virtual `TIME` (default 1m0s)")
	fs.Lookup("faults").DefValue = ""
	fs.Var(&f.skew, "skew", "up to what `TIME` clocks are wrong, either way")
	fs.BoolVar(&f.config.Calm, "calm", false, "let nothing go wrong")
	fs.StringVar(&f.policy, "policy", "weighted", "how nodes are ranked: weighted, an algorithm or a strategy of the configuration")
	complete(cmd, "policy", cobra.FixedCompletions(simPolicies[:], cobra.ShellCompDirectiveNoFileComp))
	fs.StringVar(&f.placement, "placement", "auto", "how tasks are placed: auto, direct or auction")
	complete(cmd, "placement", cobra.FixedCompletions(simPlacements[:], cobra.ShellCompDirectiveNoFileComp))
	addFormat(cmd, &f.format)
	return cmd
}

func simulate(out io.Writer, f simFlags) (err error) {
	if f.config.Nodes < 1 || f.config.Nodes > 10_000 || f.config.Liars < 0 || f.config.Liars > 1000 || f.config.Tasks < 1 || f.config.Tasks > 1_000_000 {
		return errors.New("want 1 to 10000 nodes, 0 to 1000 liars and 1 to 1000000 tasks")
	}
	if f.config.Policy, err = simPolicy(f.policy); err != nil {
		return err
	}
	if !slices.Contains(simPlacements[:], f.placement) {
		return fmt.Errorf("unknown placement %q: want one of %v", f.placement, simPlacements)
	}
	f.config.Placement = wire.Placement(f.placement)
	f.config.Faults, f.config.Skew = time.Duration(f.faults), time.Duration(f.skew)
	start := time.Now()
	p := newProgress("simulating")
	f.config.Progress = func(passed time.Duration, events, open int) {
		p.report(func() string {
			return fmt.Sprintf("%v of virtual time, %d events, %d tasks not ended", passed.Round(time.Second), events, open)
		})
	}
	report, err := schedtest.Run(f.config)
	p.end()
	var violation *schedtest.Violation
	if errors.As(err, &violation) {
		return brokenError{violation}
	}
	if err != nil {
		return err
	}
	v := viewSim(f, report, time.Since(start))
	return render.Print(out, f.format, v, v.grid().write)
}

// simPolicy is the policy of a name of the configuration.
func simPolicy(name string) (placement.Policy, error) {
	if !slices.Contains(simPolicies[:], name) {
		return nil, fmt.Errorf("unknown policy %q: want one of %v", name, simPolicies)
	}
	var o placement.Options
	switch name {
	case "weighted":
	case "least-loaded", "random", "performance":
		o.Algorithm, o.Strategy = placement.CapabilityBased, placement.Strategy(name)
	default:
		o.Algorithm = placement.Algorithm(name)
	}
	return placement.New(o)
}

// brokenError is an invariant that did not hold in a simulation.
type brokenError struct{ error }

func (e brokenError) Unwrap() error { return e.error }

// simView is what `godwit sim` prints.
type simView struct {
	Seed     uint64         `json:"seed"`
	Policy   string         `json:"policy"`
	Nodes    int            `json:"nodes"`
	Liars    int            `json:"liars"`
	Events   int            `json:"events"`
	Trace    string         `json:"trace"` // hash of all events in order
	Accepted int            `json:"accepted"`
	Ends     map[string]int `json:"ends"`
	Runs     int            `json:"runs"`
	Crashes  int            `json:"crashes"`
	Auctions int            `json:"auctions"`
	Messages int            `json:"messages"` // between cores, pings and gossip not counted
	Pings    int            `json:"pings"`
	Vectors  int            `json:"vectors"`
	// Suspicions of nodes by others; Deaths that they believed in, of which
	// FalseDeaths were of nodes that could be reached.
	Suspicions  int `json:"suspicions"`
	Deaths      int `json:"deaths"`
	FalseDeaths int `json:"false_deaths"`

	TookMS int64 `json:"took_ms"` // virtual
	WallMS int64 `json:"wall_ms"` // of this process
}

func viewSim(f simFlags, r schedtest.Report, wall time.Duration) simView {
	ends := make(map[string]int)
	for end, n := range r.Ends {
		ends[strings.TrimSpace(end)] = n
	}
	return simView{
		Seed: f.config.Seed, Policy: f.policy, Nodes: f.config.Nodes, Liars: f.config.Liars,
		Events: r.Events, Trace: fmt.Sprintf("%016x", r.Trace), Accepted: r.Accepted, Ends: ends,
		Runs: r.Runs, Crashes: r.Crashes,
		Auctions: r.Auctions, Messages: r.Messages - r.Pings, Pings: r.Pings, Vectors: r.Vectors,
		Suspicions: r.Suspicions, Deaths: r.Deaths, FalseDeaths: r.FalseDeaths, TookMS: r.Took.Milliseconds(), WallMS: wall.Milliseconds(),
	}
}

func (v simView) grid() *grid {
	g := newGrid()
	g.fact("seed", "%d", v.Seed)
	g.fact("policy", "%s", v.Policy)
	g.fact("nodes", "%d and %d liars, %d crashes", v.Nodes, v.Liars, v.Crashes)
	g.fact("events", "%s, trace %s", units.Count(uint64(v.Events)), v.Trace)
	g.fact("messages", "%s between cores, %s pings, %s vectors",
		units.Count(uint64(v.Messages)), units.Count(uint64(v.Pings)), units.Count(uint64(v.Vectors)))
	g.fact("failures", "%d suspicions, %d deaths believed, %d of them wrongly", v.Suspicions, v.Deaths, v.FalseDeaths)
	g.fact("accepted", "%d tasks, %d runs, %d auctions", v.Accepted, v.Runs, v.Auctions)
	for _, end := range slices.Sorted(maps.Keys(v.Ends)) {
		g.fact("ended", "%d %s", v.Ends[end], end)
	}
	g.fact("took", "%v of virtual time, %v here",
		round(time.Duration(v.TookMS)*time.Millisecond), round(time.Duration(v.WallMS)*time.Millisecond))
	g.fact("invariants", "held after every event")
	return g
}
