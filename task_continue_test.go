package godwit

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/runtime"
)

// digits is how many decimals of π the tests compute: some seconds' work.
const digits = "60000"

// odyssey is a task of some seconds, and what it comes to if nothing gets in its way.
func odyssey(t *testing.T, p *process) (r api.TaskRequest, output []byte, fuel uint64) {
	t.Helper()
	binary, err := os.ReadFile("examples/odyssey/odyssey.wasm")
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.client.PutFile(t.Context(), bytes.NewReader(binary), api.PutOptions{Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	output, fuel = plainly(t, binary, "odyssey", digits)
	return api.TaskRequest{Module: b.CID, Args: []string{digits}}, output, fuel
}

// plainly runs a program here, without checkpoints.
func plainly(t *testing.T, binary []byte, args ...string) (output []byte, fuel uint64) {
	t.Helper()
	e, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	m, err := e.Load(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out bytes.Buffer
	r, err := e.Run(t.Context(), m, runtime.Task{Args: args, Stdout: &out})
	if err != nil || r.Status != runtime.StatusSucceeded {
		t.Fatalf("%+v, %v", r, err)
	}
	return out.Bytes(), r.FuelUsed
}

// byID finds a process by the id of its node.
func byID(t *testing.T, nodes []*process, id string) *process {
	t.Helper()
	for _, p := range nodes {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("no node %s", id)
	return nil
}

// keptSince waits until the attempt of a task has so many checkpoints that count elsewhere.
func keptSince(t *testing.T, p *process, id string, attempt int, count uint64) (last api.Attempt) {
	t.Helper()
	waitFor(t, func() bool {
		task, err := p.client.Task(t.Context(), id)
		if err != nil || len(task.History) == 0 {
			return false
		}
		if api.Ended(task.Status) {
			t.Fatalf("it has ended: %+v", task)
		}
		last = task.History[len(task.History)-1]
		return last.Number >= attempt && last.Checkpoints >= count && len(last.Keepers) > 0
	})
	return last
}

// checkEnd: a task came to what it would have come to undisturbed.
func checkEnd(t *testing.T, p *process, task api.Task, output []byte, fuel uint64) {
	t.Helper()
	if task.Status != api.StatusSucceeded || task.Result.FuelUsed != fuel {
		t.Errorf("%s %s %s, %+v; fuel undisturbed %d", task.Status, task.Reason, task.Message, task.Result, fuel)
	}
	var out bytes.Buffer
	for line, err := range p.client.Logs(t.Context(), task.ID, api.LogOptions{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if line.LogChunk != nil {
			out.Write(line.Data)
		}
	}
	if !bytes.Equal(out.Bytes(), output) {
		t.Errorf("%d bytes of output, %d undisturbed", out.Len(), len(output))
	}
	for _, a := range task.History {
		t.Logf("attempt %d on %s: from %+v, %d checkpoints, %d bytes, last %+v, %s %s", a.Number, a.Node, a.From, a.Checkpoints, a.CheckpointBytes, a.Checkpoint, a.Outcome, a.Message)
	}
}

// The node that runs a task is killed: another goes on from the last checkpoint, and the
// task comes to what it would have come to.
func TestTaskGoesOnElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes")
	}
	nodes := spawnMesh(t, 3, Config{BackoffBase: 100 * time.Millisecond})
	request, output, fuel := odyssey(t, nodes[0])
	request.Hints.Avoid = []string{nodes[0].ID}
	task, _, err := nodes[0].client.Submit(t.Context(), api.Submission{Request: request})
	if err != nil {
		t.Fatal(err)
	}
	first := keptSince(t, nodes[0], task.ID, 1, 3)
	byID(t, nodes, first.Node).kill()
	end := waitEnd(t, nodes[0], task.ID)
	checkEnd(t, nodes[0], end, output, fuel)
	if last := end.History[len(end.History)-1]; last.From == nil || last.From.Attempt != 1 || last.From.Fuel < first.Checkpoint.Fuel {
		t.Errorf("it began anew, or further back than %+v: %+v", first.Checkpoint, end.History)
	}
}

// submitFar submits a task that is not to run on the node that it is submitted to.
func submitFar(t *testing.T, p *process, r api.TaskRequest) api.Task {
	t.Helper()
	r.Hints.Avoid = []string{p.ID}
	task, _, err := p.client.Submit(t.Context(), api.Submission{Request: r})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// A task is asked to go on elsewhere, then its node is told to end, and then the next one
// stands still: it goes on each time, from where it was, and what the node that stood
// still has to say counts for nothing.
func TestTaskWanders(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes")
	}
	nodes := spawnMesh(t, 4, Config{BackoffBase: 100 * time.Millisecond})
	request, output, fuel := odyssey(t, nodes[0])
	task := submitFar(t, nodes[0], request)
	first := keptSince(t, nodes[0], task.ID, 1, 1)
	target := nodes[1]
	if target.ID == first.Node {
		target = nodes[2]
	}
	moved, err := nodes[0].client.Migrate(t.Context(), task.ID, target.ID)
	if err != nil || moved.Node != target.ID {
		t.Fatalf("%+v, %v", moved, err)
	}
	if last := moved.History[len(moved.History)-1]; last.From == nil {
		t.Errorf("migrated, but from where? %+v", last)
	}
	second := keptSince(t, nodes[0], task.ID, 2, 1)
	if second.From == nil || second.From.Fuel < first.Checkpoint.Fuel {
		t.Errorf("it went on from %+v, after %+v", second.From, first.Checkpoint)
	}
	if err := target.terminate(); err != nil {
		t.Error(err)
	}
	third := keptSince(t, nodes[0], task.ID, 3, 1)
	if third.From == nil || third.From.Attempt != 2 {
		t.Errorf("it went on from %+v", third.From)
	}
	still := byID(t, nodes, third.Node)
	if err := still.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	fourth := keptSince(t, nodes[0], task.ID, 4, 0)
	if err := still.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	checkEnd(t, nodes[0], waitEnd(t, nodes[0], task.ID), output, fuel)
	if fourth.From == nil || fourth.From.Attempt != 3 {
		t.Errorf("it went on from %+v", fourth.From)
	}
}

// The node that accepted a task, and runs it alone, is killed: started again it goes on.
func TestTaskOutlivesItsOnlyNode(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes")
	}
	nodes := spawnMesh(t, 1, Config{BackoffBase: 100 * time.Millisecond})
	request, output, fuel := odyssey(t, nodes[0])
	task, _, err := nodes[0].client.Submit(t.Context(), api.Submission{Request: request})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		now, err := nodes[0].client.Task(t.Context(), task.ID)
		return err == nil && len(now.History) > 0 && now.History[0].Checkpoints > 1
	})
	nodes[0].kill()
	nodes[0].start()
	end := waitEnd(t, nodes[0], task.ID)
	checkEnd(t, nodes[0], end, output, fuel)
	if last := end.History[len(end.History)-1]; last.From == nil {
		t.Errorf("it began anew: %+v", end.History)
	}
}
