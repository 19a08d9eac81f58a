package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/examples"
	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/units"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show a mesh of three nodes on this machine",
		Long: `Starts three nodes on this machine, each a process of its own: runs a task beside
its data, and one on a GPU if there is one; moves a task while it computes, and kills the node that goes on with it;
kills the node of an actor that counts, and moves the actor while it counts on; spreads a hundred tasks over the mesh, kills a node with SIGKILL under
load, and shows where everything ended. It takes about a minute, uses free ports on
the loopback address only, and leaves nothing behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, letGo := withSignals(cmd.Context())
			defer letGo()
			return runDemo(ctx, cmd.OutOrStdout())
		},
	}
}

// demo is the scene: three nodes, and what has run on them.
type demo struct {
	ctx   context.Context
	out   io.Writer
	dir   string
	nodes []*demoNode
	tally []demoLoad
}

// Work of the demo: small enough for a minute, large enough to be killed at.
const (
	demoTasks  = 100
	demoPrimes = "200000"  // limit of a small task: some ten milliseconds
	demoText   = 4_000_000 // bytes of the text that lives on one node
)

func runDemo(ctx context.Context, out io.Writer) (err error) {
	d := &demo{ctx: ctx, out: out}
	if d.dir, err = os.MkdirTemp("", "godwit-demo-"); err != nil {
		return err
	}
	defer func() {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		err = errors.Join(err, d.stop(), os.RemoveAll(d.dir))
	}()
	start := time.Now()
	for _, scene := range []func() error{d.start, d.locality, d.compute, d.wander, d.count, d.spread, d.kill} {
		if err := scene(); err != nil {
			return err
		}
	}
	d.say("What ran where, %v after the start:", round(time.Since(start)))
	return d.table().write(d.out)
}

// say begins a scene.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "\n# "+format+"\n", args...)
}

// start starts the nodes and waits until each knows all.
func (d *demo) start() error {
	d.say("Three nodes, each a process; the second and third join the first.")
	for _, name := range []string{"anna", "bert", "cleo"} {
		n, err := startDemoNode(d.ctx, d.dir, name, d.nodes)
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, n)
		fmt.Fprintf(d.out, "%s is %s, ready after %v\n", n.name, short(n.at.PeerID), round(n.took))
	}
	for _, n := range d.nodes {
		if err := n.meets(d.ctx, len(d.nodes)); err != nil {
			return err
		}
	}
	return nil
}

// locality runs a task whose input lives on one node.
func (d *demo) locality() error {
	owner := d.nodes[1]
	d.say("A text of %v lives on %s. A task that counts its words is submitted to %s.",
		units.Size(demoText).Approx(), owner.name, d.nodes[0].name)
	blob, err := owner.client.PutFile(d.ctx, strings.NewReader(randomText(demoText)), api.PutOptions{Pin: true, Name: "text"})
	if err != nil {
		return err
	}
	module, err := d.program("wordcount/wordcount.wasm")
	if err != nil {
		return err
	}
	request := api.TaskRequest{
		Module: module, Name: "wordcount", Inputs: []api.Input{{Name: "text", CID: blob.CID}},
		Hints: api.Hints{Near: []string{blob.CID}}, Limits: api.Limits{MemoryBytes: 64 << 20},
	}
	// What a node holds it tells the others every few seconds.
	err = until(d.ctx, func() (bool, error) {
		plan, err := d.nodes[0].client.Plan(d.ctx, request)
		return isNear(plan, owner.at.PeerID), err
	})
	if err != nil {
		return fmt.Errorf("%s is not heard to hold the text: %w", owner.name, err)
	}
	task, err := d.nodes[0].client.Run(d.ctx, api.Submission{Request: request})
	if err == nil {
		err = taskEnding(task)
	}
	if err != nil {
		return err
	}
	for line, err := range d.nodes[0].client.Logs(d.ctx, task.ID, api.LogOptions{}) {
		if err != nil {
			return err
		}
		if line.LogChunk != nil {
			fmt.Fprintf(d.out, "%s", line.Data)
		}
	}
	fmt.Fprintf(d.out, "it ran on %s in %v, %s fuel; its result is back on %s as %s\n", d.name(task.Node),
		round(time.Duration(task.Result.WallNS)), units.Count(task.Result.FuelUsed), d.nodes[0].name, task.Result.OutputCID)
	return nil
}

// isNear reports whether a node is known to hold what a task wishes to be near.
func isNear(p api.Plan, id string) bool {
	for _, c := range p.Candidates {
		for _, t := range c.Terms {
			if c.Node == id && t.Name == "near" && t.Value > 0 {
				return true
			}
		}
	}
	return false
}

// randomText is words of a small vocabulary, the same in every demo.
func randomText(size int) string {
	words := strings.Fields("a bar tailed godwit flies from alaska to new zealand without a rest eleven days and nights")
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[random.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()
}

// program stores an example on the first node.
func (d *demo) program(path string) (id string, err error) {
	binary, err := examples.Programs.ReadFile(path)
	if err != nil {
		return "", err
	}
	b, err := d.nodes[0].client.PutFile(d.ctx, bytes.NewReader(binary), api.PutOptions{Name: path})
	return b.CID, err
}

// name is what the demo calls the node with that id.
func (d *demo) name(id string) string {
	for _, n := range d.nodes {
		if n.at.PeerID == id {
			return n.name
		}
	}
	return short(id)
}

// spread runs many tasks at once.
func (d *demo) spread() error {
	d.say("A hundred small tasks at once, all submitted to %s.", d.nodes[0].name)
	return d.load("all three", nil)
}

// kill does so again, and kills a node while they run.
func (d *demo) kill() error {
	victim := d.nodes[2]
	d.say("A hundred more. %s is killed with SIGKILL when a fifth have ended; what it held runs elsewhere.", victim.name)
	return d.load(victim.name+" killed", victim)
}

// table is what ran where.
func (d *demo) table() *grid {
	head := []string{"TASKS"}
	for _, n := range d.nodes {
		head = append(head, n.name)
	}
	g := newGrid(append(head, "ENDED ONCE", "MOVED", "A SECOND", "MEDIAN")...)
	for _, l := range d.tally {
		row := []any{l.what}
		for _, n := range d.nodes {
			row = append(row, l.nodes[n.at.PeerID])
		}
		g.row(append(row, fmt.Sprintf("%d of %d", l.ended, demoTasks), l.moved,
			fmt.Sprintf("%.0f", float64(l.ended)/l.took.Seconds()), round(l.median))...)
	}
	return g
}
