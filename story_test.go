package godwit

import (
	"context"
	"errors"
	"io"
	"os"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/godwit-run/godwit/internal/api"
)

// running is a node that a test can stop before its end.
type running struct {
	*Node
	stop  context.CancelFunc
	ended chan error
}

func launch(t testing.TB, cfg Config) *running {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir() + "/node"
	}
	cfg.Listen, cfg.NoMDNS = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, true
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{Node: n, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- n.Run(ctx) }()
	select {
	case <-n.Running():
	case err := <-r.ended:
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return r
}

// end stops the node and waits until it has.
func (r *running) end(t testing.TB) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the node does not stop")
	}
}

func connected(t testing.TB, a, b *Node) {
	t.Helper()
	waitFor(t, func() bool { return a.host.Network().Connectedness(b.host.ID()) == network.Connected })
}

// Inputs come from the submitter, outputs go back there, and outlive the node that
// made them.
func TestInputsAndOutputsTravel(t *testing.T) {
	a := start(t, Config{NoRun: true})
	b := launch(t, Config{Bootstrap: a.Addrs()})
	words := putBytes(t, a, []byte(strings.Repeat("a cat and a hat\n", 50_000)))
	task := run(t, a, api.TaskRequest{
		Module: put(t, a, "examples/wordcount/wordcount.wasm"), Inputs: []api.Input{{Name: "words.txt", CID: words}},
	})
	if task.Status != api.StatusSucceeded || len(task.Result.Outputs) != 1 {
		t.Fatalf("%+v", task)
	}
	b.end(t)
	f, info, err := a.OpenFile(t.Context(), task.Result.Outputs[0].CID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil || !strings.HasPrefix(string(text), "100000 a\n") || info.Size != int64(len(text)) {
		t.Errorf("%v, %v, %q", info, err, text)
	}
	if out := output(t, a, task.ID); !strings.Contains(out, "250000 words") {
		t.Errorf("output %q", out)
	}
}

// What a guest writes is seen while it runs; cancelling reaches it soon; and what
// it wrote is still there after its end.
func TestLiveOutputAndCancel(t *testing.T) {
	a := start(t, Config{NoRun: true})
	b := start(t, Config{Bootstrap: a.Addrs()})
	task := submit(t, a, api.TaskRequest{Module: put(t, a, "examples/runaway/runaway.wasm")})
	var cancelled time.Time
	for c, err := range a.Logs(t.Context(), task.ID, api.LogOptions{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if now, err := a.Task(t.Context(), task.ID); cancelled.IsZero() && (err != nil || now.Status != api.StatusRunning) {
			t.Errorf("%q came while the task was %s, %v", c.Data, now.Status, err)
		}
		cancelled = time.Now()
		if _, err := a.Cancel(t.Context(), task.ID); err != nil {
			t.Fatal(err)
		}
	}
	end := wait(t, a, task.ID)
	if took := time.Since(cancelled); end.Status != api.StatusCancelled || took > time.Second {
		t.Errorf("%s after %v", end.Status, took)
	}
	waitFor(t, func() bool {
		w, err := b.Self(t.Context())
		return err == nil && w.Running == 0
	})
	if took := time.Since(cancelled); took > time.Second {
		t.Errorf("the guest ran for %v more", took)
	}
	if out := output(t, a, task.ID); !strings.Contains(out, "counting until") {
		t.Errorf("output %q", out)
	}
}

func TestEndsOfGuests(t *testing.T) {
	a := start(t, Config{NoRun: true})
	start(t, Config{Bootstrap: a.Addrs()})
	runaway := put(t, a, "examples/runaway/runaway.wasm")
	soon := time.Now().Add(time.Second)
	trap := append(append([]byte{}, noop[:len(noop)-6]...), 10, 5, 1, 3, 0, 0, 0x0b) // unreachable
	for name, c := range map[string]struct {
		request api.TaskRequest
		reason  string
	}{
		"timeout":  {api.TaskRequest{Module: runaway, Limits: api.Limits{TimeoutMS: 200}}, "timeout"},
		"fuel":     {api.TaskRequest{Module: runaway, Limits: api.Limits{Fuel: 1_000_000}}, "out_of_fuel"},
		"deadline": {api.TaskRequest{Module: runaway, Deadline: &soon}, "timeout"},
		"trap":     {api.TaskRequest{Module: putBytes(t, a, trap)}, "trap"},
		"exit":     {api.TaskRequest{Module: put(t, a, "examples/primes/primes.wasm"), Args: []string{"many"}}, "exit"},
		"no wasm":  {api.TaskRequest{Module: putBytes(t, a, []byte("no module"))}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			retries := 0
			c.request.Retries = &retries
			if name == "trap" || name == "exit" {
				c.request.Retries = nil // and yet there is one attempt
			}
			task := run(t, a, c.request)
			if task.Status != api.StatusFailed || task.Reason != c.reason || task.Attempts != 1 {
				t.Errorf("%+v", task)
			}
			if out := output(t, a, task.ID); c.request.Module == runaway && !strings.Contains(out, "counting") {
				t.Errorf("output %q", out)
			}
		})
	}
}

// A node that is told to stop lets short tasks finish and hands back long ones,
// which run elsewhere.
func TestDrain(t *testing.T) {
	a := start(t, Config{NoRun: true, BackoffBase: 50 * time.Millisecond})
	b := launch(t, Config{Bootstrap: a.Addrs(), Grace: 300 * time.Millisecond})
	task := submit(t, a, api.TaskRequest{Module: put(t, a, "examples/runaway/runaway.wasm")})
	waitFor(t, func() bool {
		now, err := a.Task(t.Context(), task.ID)
		return err == nil && now.Status == api.StatusRunning && now.Node == b.ID()
	})
	c := start(t, Config{Bootstrap: a.Addrs()})
	connected(t, a, c)
	b.end(t)
	waitFor(t, func() bool {
		now, err := a.Task(t.Context(), task.ID)
		return err == nil && now.Status == api.StatusRunning && now.Node == c.ID()
	})
	if _, err := a.Cancel(t.Context(), task.ID); err != nil {
		t.Error(err)
	}
	if end := wait(t, a, task.ID); end.Status != api.StatusCancelled || len(end.History) != 2 {
		t.Errorf("%+v", end)
	}
}

// A node that was told of another finds it again after both were away, on the same
// address, without being told again.
func TestPeersAreRemembered(t *testing.T) {
	a := launch(t, Config{})
	b := launch(t, Config{Bootstrap: a.Addrs()})
	connected(t, a.Node, b.Node)
	connected(t, b.Node, a.Node)
	a.end(t)
	b.end(t)
	a2 := launch(t, Config{Dir: a.cfg.Dir})
	b2 := launch(t, Config{Dir: b.cfg.Dir})
	if a2.ID() != a.ID() {
		t.Error("another id after the restart")
	}
	connected(t, b2.Node, a2.Node)
	a2.end(t)
	b2.end(t)
}

func TestFolderIsLocked(t *testing.T) {
	n := start(t, Config{})
	other, err := New(Config{Dir: n.cfg.Dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := t.TempDir() // empty, and open to others
	n := launch(t, Config{Dir: dir})
	n.end(t)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("%v", err)
	}
}

// A node whose folder is taken away ends: what it accepts would be nowhere.
func TestFolderIsTakenAway(t *testing.T) {
	n := launch(t, Config{})
	if err := os.Rename(n.cfg.Dir, n.cfg.Dir+".gone"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-n.ended:
		if !errors.Is(err, ErrFolderGone) {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

// Vectors only grow, whatever the clock does between two lives of a node.
func TestClockGoesBack(t *testing.T) {
	j := openMem(t)
	later := time.Now().Add(time.Hour)
	for i, at := range []time.Time{later, later.Add(-2 * time.Hour), later.Add(-time.Hour)} {
		a, err := newAnnouncer(&Node{journal: j, startedAt: at})
		if err != nil || a.started != later.UnixMilli()+int64(i) {
			t.Errorf("started at %d, %v, the %dth time", a.started, err, i)
		}
	}
}

// A node whose journal is lost is another node.
func TestLostJournal(t *testing.T) {
	n := launch(t, Config{})
	n.end(t)
	if err := os.RemoveAll(n.cfg.Dir + "/" + journalName); err != nil {
		t.Fatal(err)
	}
	again := launch(t, Config{Dir: n.cfg.Dir})
	if again.ID() == n.ID() || !again.folder.lost {
		t.Error("the same node, although it has forgotten everything")
	}
	again.end(t)
}

// All that a node started has ended when Run returns.
func TestNoGoroutinesAreLeft(t *testing.T) {
	before := goruntime.NumGoroutine()
	a := launch(t, Config{API: "127.0.0.1:0"})
	b := launch(t, Config{Bootstrap: a.Addrs()})
	connected(t, a.Node, b.Node)
	run(t, a.Node, api.TaskRequest{Module: putBytes(t, a.Node, noop)})
	b.end(t)
	a.end(t)
	// libp2p and pubsub end some of theirs a moment after they were closed.
	defer func() {
		if t.Failed() {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:goruntime.Stack(stacks, true)])
		}
	}()
	waitFor(t, func() bool { return goruntime.NumGoroutine() <= before })
}

// The body of the documents, as it stands, on another node than the model's.
func TestModel(t *testing.T) {
	a := start(t, Config{})
	b := start(t, Config{Bootstrap: a.Addrs(), NoRun: true})
	_, err := a.AddModel(t.Context(), api.ModelSpec{
		Name: "echo", Module: putBytes(t, a, echo()),
	})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		list, err := b.Models(t.Context())
		return err == nil && len(list) == 1
	})
	task := run(t, b, api.TaskRequest{Model: "echo", Input: "Explain quantum computing"})
	if out := output(t, b, task.ID); out != "Explain quantum computing" {
		t.Errorf("output %q; %+v", out, task)
	}
	if err := a.RemoveModel(t.Context(), "echo"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, _, err := b.Submit(t.Context(), api.Submission{Request: api.TaskRequest{Model: "echo"}})
		return errors.Is(err, api.ErrNotFound)
	})
	late := start(t, Config{Bootstrap: a.Addrs()}) // hears of the withdrawal, not of the model
	connected(t, late, a)
	if list, err := late.Models(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	n := start(t, Config{})
	s := api.Submission{Request: api.TaskRequest{Module: putBytes(t, n, noop)}, IdempotencyKey: "k", Client: "c"}
	first, created, err := n.Submit(t.Context(), s)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	second, created, err := n.Submit(t.Context(), s)
	if err != nil || created || second.ID != first.ID {
		t.Errorf("%v %v, %s and %s", err, created, first.ID, second.ID)
	}
	s.Request.Args = []string{"other"}
	if _, _, err := n.Submit(t.Context(), s); !errors.Is(err, api.ErrConflict) {
		t.Errorf("another task with the same key: %v", err)
	}
}

// A full queue says so, and when to come back.
func TestFullQueue(t *testing.T) {
	n := start(t, Config{NoRun: true, MaxQueued: 3})
	r := api.TaskRequest{Module: putBytes(t, n, noop)}
	for range 3 {
		submit(t, n, r)
	}
	_, _, err := n.Submit(t.Context(), api.Submission{Request: r})
	var busy *api.BusyError
	if !errors.As(err, &busy) || busy.RetryAfter <= 0 {
		t.Errorf("%v", err)
	}
}

// A node finds, by way of one that both know, another that has what a task needs.
func TestNodeFoundThroughAnother(t *testing.T) {
	a := start(t, Config{NoRun: true, Region: "here"})
	b := start(t, Config{Bootstrap: a.Addrs(), NoRun: true})
	c := start(t, Config{Bootstrap: b.Addrs(), Labels: map[string]string{"disk": "fast"}})
	task := run(t, a, api.TaskRequest{
		Module: putBytes(t, a, noop), Requirements: api.Requirements{RequireLabels: []string{"disk=fast"}},
	})
	if task.Status != api.StatusSucceeded || task.Node != c.ID() {
		t.Errorf("%+v", task)
	}
}

// Why a task waits is said in words, and when it can never run it ends.
func TestTaskThatFitsNowhere(t *testing.T) {
	t.Parallel()
	n := start(t, Config{})
	task := submit(t, n, api.TaskRequest{
		Module: putBytes(t, n, noop), Requirements: api.Requirements{GPU: "required", ComputeCap: "sm_70"},
	})
	waitFor(t, func() bool {
		now, err := n.Task(t.Context(), task.ID)
		return err == nil && strings.Contains(now.Pending, "gpu")
	})
	if plan, err := n.Explain(t.Context(), task.ID); err != nil || len(plan.Rejections) != 1 {
		t.Errorf("%+v, %v", plan, err)
	}
	end := wait(t, n, task.ID)
	if end.Status != api.StatusFailed || end.Reason != "not_placed" || !strings.Contains(end.Message, "gpu") {
		t.Errorf("%+v", end)
	}
}

// However much a guest writes, all of it up to the limit comes back in order, live
// as far as the journal goes; and standard error has room of its own.
func TestMuchOutput(t *testing.T) {
	a := start(t, Config{NoRun: true, MaxOutput: 10 << 20})
	start(t, Config{Bootstrap: a.Addrs(), MaxOutput: 10 << 20})
	long := strings.Repeat("0123456789abcdef", 1<<15) // 512 KiB
	for name, c := range map[string]struct {
		bytes     int
		truncated bool
	}{
		"in the result": {1000, false}, "live": {1 << 20, false}, "beyond the journal": {9 << 20, false}, "beyond the limit": {12 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			task := run(t, a, api.TaskRequest{Module: putBytes(t, a, printer(long, c.bytes))})
			if task.Status != api.StatusSucceeded || task.Result.Truncated != c.truncated || task.Result.StdoutBytes != uint64(c.bytes) {
				t.Fatalf("%s %s; %+v", task.Status, task.Message, task.Result)
			}
			out := []byte(output(t, a, task.ID))
			want := min(c.bytes, 10<<20)
			if len(out) != want+len("bye") || !strings.HasSuffix(string(out), "bye") && !strings.Contains(string(out), "bye") {
				t.Fatalf("%d bytes of output, want %d and the last words", len(out), want)
			}
			text := strings.Replace(string(out), "bye", "", 1)
			for i := range len(text) {
				if text[i] != long[i%16] {
					t.Fatalf("byte %d is %q", i, text[i])
				}
			}
		})
	}
}
