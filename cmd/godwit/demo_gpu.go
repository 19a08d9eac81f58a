package main

import (
	"fmt"

	"github.com/godwit-run/godwit/internal/api"
)

// compute runs a kernel on a device, if a node has one.
func (d *demo) compute() error {
	workers, err := d.nodes[0].client.Workers(d.ctx)
	if err != nil {
		return err
	}
	devices := 0
	for _, w := range workers {
		devices += len(w.Total.GPUs)
	}
	if devices == 0 {
		return nil // godwit doctor says why
	}
	d.say("A program that compiles a kernel for a GPU, or what is driven like one, is submitted to %s.", d.nodes[0].name)
	module, err := d.program("gpu-saxpy/gpu-saxpy.wasm")
	if err != nil {
		return err
	}
	request := api.TaskRequest{Module: module, Name: "saxpy", Requirements: api.Requirements{GPU: "required", GPUMemory: 16 << 20}}
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
		if line.LogChunk != nil && line.Stream == "stdout" {
			fmt.Fprintf(d.out, "%s", line.Data)
		}
	}
	fmt.Fprintf(d.out, "it ran on %s, and had %s to itself\n", d.name(task.Node), gpuNames(task.Result.GPUs))
	return nil
}
