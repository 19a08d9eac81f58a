package godwit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// nodeVariable makes the test binary a node: its value is the Config as JSON.
const nodeVariable = "GODWIT_TEST_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		if err := runProcess(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// ready is what a node process prints when it is.
type ready struct {
	ID    string
	API   string
	Addrs []string
}

func runProcess(text string) error {
	var cfg Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	n, err := New(cfg)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-n.Running()
		json.NewEncoder(os.Stdout).Encode(ready{n.ID(), n.APIAddr(), n.Addrs()})
	}()
	return n.Run(ctx)
}

// process is a node in a process of its own.
type process struct {
	t   testing.TB
	cfg Config
	cmd *exec.Cmd
	ready
	took   time.Duration // from start to ready
	client *api.Client
}

// spawn starts a process, whose folder outlives it.
func spawn(t testing.TB, cfg Config) *process {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir() + "/node"
	}
	if cfg.API == "" {
		cfg.API = "127.0.0.1:0"
	}
	cfg.Listen, cfg.NoMDNS = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, true
	p := &process{t: t, cfg: cfg}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.ready)
	}
	if err != nil {
		p.t.Fatalf("node did not start: %v", err)
	}
	p.took = time.Since(begun)
	if p.client, err = api.NewClient(api.ClientConfig{URL: "http://" + p.API}); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the process as a loss of power would.
func (p *process) kill() {
	p.client.Close()
	p.cmd.Process.Kill()
	p.cmd.Wait() // says that it was killed
}

// terminate asks the process to end, and returns how it did.
func (p *process) terminate() error {
	p.client.Close()
	p.cmd.Process.Signal(syscall.SIGTERM)
	return p.cmd.Wait()
}

// spawnMesh starts processes that know each other.
func spawnMesh(t testing.TB, n int, cfg Config) []*process {
	t.Helper()
	var list []*process
	for range n {
		c := cfg
		if len(list) > 0 {
			c.Bootstrap = list[0].Addrs
		}
		list = append(list, spawn(t, c))
	}
	for _, p := range list {
		waitFor(t, func() bool {
			workers, err := p.client.Workers(t.Context())
			return err == nil && len(workers) == n
		})
	}
	return list
}

// submitAll submits tasks from several clients, and returns the ids of those that
// were accepted. Errors are counted: while a node is killed there are some.
func submitAll(t *testing.T, p *process, r api.TaskRequest, count int) (ids []string, failed int) {
	t.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range count / 4 {
				task, _, err := p.client.Submit(t.Context(), api.Submission{Request: r})
				mu.Lock()
				if err != nil {
					failed++
				} else {
					ids = append(ids, task.ID)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return ids, failed
}

// ends follows a node's events and counts the ends of each task.
func ends(t *testing.T, p *process) func() map[string]int {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	counts := make(map[string]int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range p.client.Events(ctx, api.EventFilter{}) {
			if err != nil {
				return
			}
			if e.Task != nil && api.Ended(e.Task.Status) {
				counts[e.Task.ID]++
			}
		}
	}()
	return func() map[string]int {
		stop()
		<-done
		return counts
	}
}

// busy is a guest that runs for about a tenth of a second.
func busy(t *testing.T, p *process) api.TaskRequest {
	t.Helper()
	f, err := os.Open("examples/primes/primes.wasm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := p.client.PutFile(t.Context(), f, api.PutOptions{Pin: true})
	if err != nil {
		t.Fatal(err)
	}
	return api.TaskRequest{Module: b.CID, Args: []string{"20000000"}}
}

// Two of five nodes are killed under load: every accepted task ends once, and well.
func TestExecutorsAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes under load")
	}
	nodes := spawnMesh(t, 5, Config{BackoffBase: 100 * time.Millisecond})
	request := busy(t, nodes[0])
	counts := ends(t, nodes[0])
	submitted := make(chan []string, 1)
	go func() {
		ids, failed := submitAll(t, nodes[0], request, 200)
		if failed > 0 {
			t.Errorf("%d submissions failed", failed)
		}
		submitted <- ids
	}()
	running := func(p *process) func() bool {
		return func() bool {
			w, err := p.client.Self(t.Context())
			return err == nil && w.Running > 0
		}
	}
	waitFor(t, running(nodes[1]))
	nodes[1].kill()
	waitFor(t, running(nodes[2]))
	nodes[2].kill()
	again, ids := 0, <-submitted
	for _, id := range ids {
		task := waitEnd(t, nodes[0], id)
		if task.Status != api.StatusSucceeded {
			t.Errorf("task %s: %s %s: %s; %+v", id, task.Status, task.Reason, task.Message, task.History)
		}
		if task.Attempts > 1 {
			again++
		}
	}
	for id, n := range counts() {
		if n != 1 {
			t.Errorf("task %s ended %d times", id, n)
		}
	}
	t.Logf("%d of %d tasks ran again elsewhere", again, len(ids))
	if again == 0 {
		t.Error("nothing ran on the nodes that were killed: the test shows nothing")
	}
}

func waitEnd(t *testing.T, p *process, id string) api.Task {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	task, err := p.client.Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait for %s: %v", id, err)
	}
	return task
}

// The submitter is killed while it accepts tasks and restarted: all that it had
// accepted end, and end once.
func TestSubmitterIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes under load")
	}
	nodes := spawnMesh(t, 3, Config{BackoffBase: 100 * time.Millisecond})
	request := busy(t, nodes[0])
	submitted := make(chan []string, 1)
	go func() {
		ids, _ := submitAll(t, nodes[0], request, 400)
		submitted <- ids
	}()
	waitFor(t, func() bool {
		list, _, err := nodes[0].client.Tasks(t.Context(), api.TaskFilter{Limit: 100})
		return err == nil && len(list) > 60
	})
	nodes[0].cmd.Process.Kill()
	ids := <-submitted
	nodes[0].kill()
	nodes[0].start()
	t.Logf("%d tasks were accepted before the kill", len(ids))
	for _, id := range ids {
		if task := waitEnd(t, nodes[0], id); task.Status != api.StatusSucceeded {
			t.Errorf("task %s: %s %s: %s; %+v", id, task.Status, task.Reason, task.Message, task.History)
		}
	}
}

// Any node may be killed at any moment, the submitters too, and comes back a moment
// later. Every task that was accepted ends once, and well.
func TestAnyNodeIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("several processes under load")
	}
	length, kills := 6*time.Second, 0
	if text := os.Getenv("GODWIT_CHAOS"); text != "" { // for instance 2m
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	nodes := spawnMesh(t, 4, Config{BackoffBase: 100 * time.Millisecond, BackoffMax: time.Second})
	request := busy(t, nodes[0])
	for _, p := range nodes[1:] {
		busy(t, p)
	}
	retries := 50
	request.Args, request.Retries = []string{"3000000"}, &retries
	accepted := make(map[string]int) // the submitter of each task
	for end := time.Now().Add(length); time.Now().Before(end); kills++ {
		for i, p := range nodes {
			request.Placement = [...]string{"auto", "auction"}[i%2]
			ids, _ := submitAll(t, p, request, 20)
			for _, id := range ids {
				accepted[id] = i
			}
		}
		victim := nodes[rand.N(len(nodes))]
		victim.kill()
		victim.start()
	}
	again := 0
	for id, i := range accepted {
		task := waitEnd(t, nodes[i], id)
		if task.Status != api.StatusSucceeded {
			t.Errorf("task %s: %s %s: %s; %+v", id, task.Status, task.Reason, task.Message, task.History)
		}
		again += min(task.Attempts-1, 1)
	}
	t.Logf("%d kills, %d tasks, %d of them ran more than once", kills, len(accepted), again)
}

// SIGTERM ends a node in good order: what it runs finishes first.
func TestTerminate(t *testing.T) {
	nodes := spawnMesh(t, 2, Config{})
	request := busy(t, nodes[0])
	request.Args = []string{"50000000"}
	request.Hints.Prefer = []string{nodes[1].ID}
	task, _, err := nodes[0].client.Submit(t.Context(), api.Submission{Request: request})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		now, err := nodes[0].client.Task(t.Context(), task.ID)
		return err == nil && now.Status == api.StatusRunning
	})
	if err := nodes[1].terminate(); err != nil {
		t.Errorf("the node ended with %v", err)
	}
	if end := waitEnd(t, nodes[0], task.ID); end.Status != api.StatusSucceeded || end.Attempts != 1 {
		t.Errorf("%+v", end)
	}
}

// A node that was killed is not trusted with tasks at once, and forgotten after
// three silences; when it comes back it is known again.
func TestSilentNodeIsForgotten(t *testing.T) {
	nodes := spawnMesh(t, 2, Config{Announce: 500 * time.Millisecond})
	workers := func() []api.Worker {
		list, err := nodes[0].client.Workers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	nodes[1].kill()
	killed := time.Now()
	waitFor(t, func() bool {
		list := workers()
		return len(list) == 1 || list[1].State != api.NodeReady
	})
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("suspect after %v", took)
	}
	waitFor(t, func() bool { return len(workers()) == 1 })
	if took := time.Since(killed); took > 5*time.Second {
		t.Errorf("forgotten after %v", took)
	}
	nodes[1].start()
	waitFor(t, func() bool { list := workers(); return len(list) == 2 && list[1].State == api.NodeReady })
}
