package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/units"
)

// demoDigits is how many decimals of π the demo computes: some seconds' work.
const demoDigits = "60000"

// wander has a task that computes for seconds go on on another node while it runs, kills
// that node, and compares what it comes to with the same task left alone.
func (d *demo) wander() error {
	d.say("%s decimals of π, computed on any node but %s, which is asked for them; and the same once more, left alone.", demoDigits, d.nodes[0].name)
	module, err := d.program("odyssey/odyssey.wasm")
	if err != nil {
		return err
	}
	request := api.TaskRequest{Module: module, Name: "odyssey", Args: []string{demoDigits}, Limits: api.Limits{MemoryBytes: 64 << 20}}
	request.Hints.Avoid = []string{d.nodes[0].at.PeerID}
	task, err := d.nodes[0].client.Run(d.ctx, api.Submission{Request: alone(request)})
	if err != nil {
		return err
	}
	plain := task
	if task, _, err = d.nodes[0].client.Submit(d.ctx, api.Submission{Request: request}); err != nil {
		return err
	}
	for _, step := range []func(id string) error{d.moveTask, d.killTask} {
		if err := step(task.ID); err != nil {
			return err
		}
	}
	if task, err = d.nodes[0].client.Wait(d.ctx, task.ID); err != nil {
		return err
	}
	return d.sameTask(task, plain)
}

// alone is a task of which no checkpoints are made.
func alone(r api.TaskRequest) api.TaskRequest {
	r.NoCheckpoints = true
	return r
}

// kept waits until other nodes have a checkpoint of the task's attempt of that number, or
// a later one.
func (d *demo) kept(id string, attempt int) (last api.Attempt, err error) {
	err = until(d.ctx, func() (bool, error) {
		t, err := d.nodes[0].client.Task(d.ctx, id)
		if err != nil || len(t.History) == 0 {
			return false, err
		}
		if api.Ended(t.Status) {
			return false, fmt.Errorf("the task has %s already", t.Status)
		}
		last = t.History[len(t.History)-1]
		return last.Number >= attempt && len(last.Keepers) > 0, nil
	})
	return last, err
}

// moveTask has the task go on elsewhere.
func (d *demo) moveTask(id string) error {
	last, err := d.kept(id, 1)
	if err != nil {
		return err
	}
	begun := time.Now()
	t, err := d.nodes[0].client.Migrate(d.ctx, id, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "asked to move after %s fuel, it went from %s to %s in %v\n",
		units.Count(last.Checkpoint.Fuel), d.name(last.Node), d.name(t.Node), round(time.Since(begun)))
	return nil
}

// killTask kills the node that runs the task.
func (d *demo) killTask(id string) error {
	last, err := d.kept(id, 2)
	if err != nil {
		return err
	}
	for i, n := range d.nodes {
		if n.at.PeerID != last.Node {
			continue
		}
		if i == 0 {
			return fmt.Errorf("the task runs on %s, which it was to avoid", n.name)
		}
		n.kill()
		next, err := d.kept(id, last.Number+1)
		if err != nil {
			return err
		}
		if next.From == nil {
			return fmt.Errorf("the task began anew")
		}
		fmt.Fprintf(d.out, "%s killed with SIGKILL at about %s fuel; it went on at %s on %s\n",
			n.name, units.Count(last.Checkpoint.Fuel), units.Count(next.From.Fuel), d.name(next.Node))
		return d.revive(i)
	}
	return fmt.Errorf("the task runs on %s, which is none of ours", last.Node)
}

// sameTask compares what two tasks came to.
func (d *demo) sameTask(task, plain api.Task) error {
	for _, t := range []api.Task{task, plain} {
		if err := taskEnding(t); err != nil {
			return err
		}
	}
	digits, err := d.written(task.ID)
	if err != nil {
		return err
	}
	want, err := d.written(plain.ID)
	if err != nil {
		return err
	}
	if !bytes.Equal(digits, want) || task.Result.FuelUsed != plain.Result.FuelUsed {
		return fmt.Errorf("%d bytes and %d fuel are not the %d bytes and %d fuel of a run left alone",
			len(digits), task.Result.FuelUsed, len(want), plain.Result.FuelUsed)
	}
	fmt.Fprintf(d.out, "its %s digits, ...%s, and its %s fuel are those of the run left alone\n",
		demoDigits, bytes.TrimSpace(want[max(0, len(want)-16):]), units.Count(task.Result.FuelUsed))
	return nil
}

// written is the standard output of a task that has ended.
func (d *demo) written(id string) ([]byte, error) {
	var out bytes.Buffer
	for line, err := range d.nodes[0].client.Logs(d.ctx, id, api.LogOptions{Follow: true}) {
		if err != nil {
			return nil, err
		}
		if line.LogChunk != nil && line.Stream == "stdout" {
			out.Write(line.Data)
		}
	}
	return out.Bytes(), nil
}
