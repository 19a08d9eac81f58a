package godwit

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// put stores a file of the examples on a node.
func put(t *testing.T, n *Node, file string) string {
	t.Helper()
	binary, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return putBytes(t, n, binary)
}

func putBytes(t testing.TB, n *Node, content []byte) string {
	t.Helper()
	b, err := n.PutFile(t.Context(), bytes.NewReader(content), api.PutOptions{Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	return b.CID
}

// run submits a task and waits for its end.
func run(t *testing.T, n *Node, r api.TaskRequest) api.Task {
	t.Helper()
	task := submit(t, n, r)
	return wait(t, n, task.ID)
}

func submit(t *testing.T, n *Node, r api.TaskRequest) api.Task {
	t.Helper()
	task, created, err := n.Submit(t.Context(), api.Submission{Request: r, Client: "test"})
	if err != nil || !created {
		t.Fatalf("submit: created %v, %v", created, err)
	}
	return task
}

func wait(t *testing.T, n *Node, id string) api.Task {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	task, err := n.Wait(ctx, id)
	if err != nil {
		now, _ := n.Task(t.Context(), id)
		t.Fatalf("wait: %v; the task is %+v", err, now)
	}
	return task
}

func output(t *testing.T, n *Node, id string) string {
	t.Helper()
	var all []byte
	for c, err := range n.Logs(t.Context(), id, api.LogOptions{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Data...)
	}
	return string(all)
}

func TestTaskRunsHere(t *testing.T) {
	n := start(t, Config{})
	task := run(t, n, api.TaskRequest{Module: put(t, n, "examples/hello/hello.wasm")})
	if task.Status != api.StatusSucceeded || task.Node != n.ID() {
		t.Errorf("%+v", task)
	}
	t.Log(output(t, n, task.ID))
}

func TestTaskRunsElsewhere(t *testing.T) {
	a := start(t, Config{NoRun: true})
	b := start(t, Config{Bootstrap: a.Addrs()})
	task := run(t, a, api.TaskRequest{Module: put(t, a, "examples/hello/hello.wasm")})
	if task.Status != api.StatusSucceeded || task.Node != b.ID() {
		t.Errorf("%+v", task)
	}
	if out := output(t, a, task.ID); out == "" {
		t.Error("no output")
	}
}
