// Command placement shows how a node is chosen: the scene of the documents, with
// three nodes and a task that needs a GPU.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/godwit-run/godwit/scheduler/placement"
	"github.com/godwit-run/godwit/scheduler/wire"
)

func main() {
	if err := scene(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "placement:", err)
		os.Exit(1)
	}
}

// scene ranks the nodes for a task that needs a GPU of 24 GB and at least sm_70.
func scene(w io.Writer) error {
	policy := placement.Default()
	policy.NoSpread = true // the documents' numbers come without the part by hash
	index := placement.NewIndex(policy)
	for _, n := range nodes() {
		index.Put(n)
	}
	task := placement.Request{Needs: wire.GPU(24, "sm_70")}
	ranked := index.Rank(&task)
	for _, c := range ranked {
		if c.Out != "" {
			fmt.Fprintf(w, "%-10s  rejected: %s\n", string(c.Node.ID), c.Out)
			continue
		}
		fmt.Fprintf(w, "%-10s  %.3f%s\n", string(c.Node.ID), c.Score, terms(index.Reasons(&task, c.Node)))
	}
	_, err := fmt.Fprintln(w, placement.Summary(ranked))
	return err
}

// nodes are a busy A100 that is trusted most, a 2080 Ti that is all but free, and a
// node without a GPU. What matters of capacity is the part that is free.
func nodes() []placement.Node {
	a100 := wire.GPUDevice{ID: "0", Name: "NVIDIA A100", Memory: 40e9, Capability: "sm_80", Available: true}
	rtx := wire.GPUDevice{ID: "0", Name: "RTX 2080 Ti", Memory: 24e9, Capability: "sm_75", Available: true}
	return []placement.Node{
		node("a100", 0.85, 5, 0.413, a100),
		node("rtx2080ti", 0.65, 1, 0.8, rtx),
		node("no-gpu", 0.5, 0, 1),
	}
}

func node(name string, trust float64, tasks int, free float64, gpus ...wire.GPUDevice) placement.Node {
	total := wire.Capacity{CPU: 64_000, Memory: 256e9, GPUs: gpus}
	left := total.Clone()
	left.CPU = uint32(free * float64(total.CPU))
	return placement.Node{
		ID: wire.NodeID(name), Trust: trust, Tasks: tasks, Free: left, Vector: &wire.Vector{Total: total},
		Health: placement.Health{SuccessRate: 1},
	}
}

// terms say what a score is made of.
func terms(c placement.Candidate) string {
	var list []string
	for _, t := range c.Terms {
		list = append(list, fmt.Sprintf("%s %.3g × %.1f", t.Name, t.Value, t.Weight))
	}
	return " = " + strings.Join(list, " + ")
}
