package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// demoNode is a node of the demo: a process of this program.
type demoNode struct {
	name   string
	cmd    *exec.Cmd
	at     whereabouts
	took   time.Duration // until it was ready
	client *api.Client

	gone func() error // waits for the process; more than once is the same
}

// startDemoNode starts a node that joins those there are, and waits until it is
// ready. It dies with this process, however that ends, where the system can do
// that.
func startDemoNode(ctx context.Context, dir, name string, others []*demoNode) (*demoNode, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"node", "start", "--data", filepath.Join(dir, name), "--api", "127.0.0.1:0",
		"--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--cpu", "2", "--memory", "640Mi", "--log-level", "error"}
	for _, o := range others {
		args = append(args, "--bootstrap", o.at.Addrs[0])
	}
	n := &demoNode{name: name, cmd: exec.Command(self, args...)}
	n.cmd.Stderr = os.Stderr
	n.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GODWIT_NODE_GPU_MEMORY=128Mi"} // none of our own GODWIT_ variables
	n.cmd.SysProcAttr = dieWithParent()
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	n.gone = sync.OnceValue(n.cmd.Wait)
	stop := context.AfterFunc(ctx, n.kill)
	defer stop()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &n.at)
	}
	if err == nil {
		n.client, err = api.NewClient(api.ClientConfig{URL: n.at.API})
	}
	if n.took = time.Since(start); err != nil {
		n.kill()
		return nil, fmt.Errorf("node %s did not start: %w", name, errors.Join(err, n.gone()))
	}
	return n, nil
}

// kill ends the process at once, as a power cut would.
func (n *demoNode) kill() {
	n.cmd.Process.Kill() // it may be gone already
}

// meets waits until the node knows so many, itself included.
func (n *demoNode) meets(ctx context.Context, count int) error {
	return until(ctx, func() (bool, error) {
		workers, err := n.client.Workers(ctx)
		return len(workers) >= count, err
	})
}

// until asks again and again, for half a minute at most.
func until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("given up after half a minute: %w", context.Cause(ctx))
		}
	}
}

// stop tells all nodes to stop, and kills those that take too long.
func (d *demo) stop() error {
	for _, n := range d.nodes {
		n.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	}
	for _, n := range d.nodes {
		killer := time.AfterFunc(15*time.Second, n.kill)
		n.gone() // one of them was killed, and says so
		killer.Stop()
		n.client.Close()
	}
	return nil
}
