package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/mesh are stories with real nodes, each a process.
func TestMeshScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real nodes")
	}
	gpu := newGPUProgram(t)
	actors, err := filepath.Abs("../../actors/activation/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/mesh",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Condition:           gpu.condition,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DRIVER", gpu.path)
			env.Setenv("ACTORS", actors)
			return setupMesh(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"signal":     signalled,
			"node":       startNodeProcess,
			"halt":       stopNodeProcess,
			"tell":       tellNodeProcess,
			"eventually": eventually,
			"capture":    captured,
			"killdriver": killDriver,
		},
	})
}

// nodeProcesses are the nodes of a script by name.
type nodeProcesses map[string]*exec.Cmd

// node NAME [FLAG...]: start a node with its data in the folder NAME, and wait
// until it is ready. $NAME_API, $NAME_ADDR and $NAME_ID tell where it is.
func startNodeProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: node NAME [FLAG...]")
	}
	name := args[0]
	path, err := lookPath(ts.Getenv("PATH"), "godwit")
	ts.Check(err)
	flags := append([]string{"node", "start", "--data", ts.MkAbs(name), "--api", "127.0.0.1:0",
		"--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"}, args[1:]...)
	cmd := exec.Command(path, flags...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.MkAbs("."), "GODWIT_TOKEN=" + ts.Getenv("GODWIT_TOKEN"),
		"GODWIT_GPU=" + cmp.Or(ts.Getenv("GODWIT_GPU"), "none")}
	if devices := ts.Getenv("POCL_DEVICES"); devices != "" {
		cmd.Env = append(cmd.Env, "POCL_DEVICES="+devices)
	}
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Check(log.Close())
	ts.Defer(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		ts.Fatalf("node %s: %v\n%s", name, err, ts.ReadFile(name+".log"))
	}
	var at whereabouts
	ts.Check(json.Unmarshal(line, &at))
	ts.Setenv(name+"_API", at.API)
	ts.Setenv(name+"_ADDR", at.Addrs[0])
	ts.Setenv(name+"_ID", at.PeerID)
	processesOf(ts)[name] = cmd
}

func processesOf(ts *testscript.TestScript) nodeProcesses {
	if p, ok := ts.Value(nodesKey{}).(nodeProcesses); ok {
		return p
	}
	ts.Fatalf("the script has no nodes")
	return nil
}

type nodesKey struct{}

// halt NAME SIGNAL: send the signal and wait until the node is gone. After TERM
// it must have ended well.
func stopNodeProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: halt NAME SIGNAL")
	}
	cmd := processesOf(ts)[args[0]]
	sig, ok := map[string]os.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[1]]
	if cmd == nil || !ok {
		ts.Fatalf("halt %v: no such node or signal", args)
	}
	ts.Check(cmd.Process.Signal(sig))
	killer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer killer.Stop()
	err := cmd.Wait()
	if sig == syscall.SIGTERM && err != nil {
		ts.Fatalf("node %s: %v\n%s", args[0], err, ts.ReadFile(args[0]+".log"))
	}
}

// tell NAME STOP|CONT: make a node's process stand still, or go on.
func tellNodeProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tell NAME STOP|CONT")
	}
	cmd := processesOf(ts)[args[0]]
	sig, ok := map[string]os.Signal{"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[args[1]]
	if cmd == nil || !ok {
		ts.Fatalf("tell %v: no such node or signal", args)
	}
	ts.Check(cmd.Process.Signal(sig))
}

// eventually COMMAND...: run it again and again until it succeeds, for half a
// minute at most.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		err := ts.Exec(args[0], args[1:]...)
		if (err == nil) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("never: %v", err)
		}
	}
}

// capture VARIABLE COMMAND...: set a variable to what the command prints.
func captured(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: capture VARIABLE COMMAND...")
	}
	path, err := lookPath(ts.Getenv("PATH"), args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "GODWIT_API=" + ts.Getenv("GODWIT_API"), "GODWIT_TOKEN=" + ts.Getenv("GODWIT_TOKEN")}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		ts.Fatalf("%v\n%s", err, exit.Stderr)
	}
	ts.Check(err)
	for len(out) > 0 && out[len(out)-1] == '\n' {
		out = out[:len(out)-1]
	}
	ts.Setenv(args[0], string(out))
}

// setupMesh is setup, with room for nodes.
func setupMesh(env *testscript.Env) error {
	env.Values[nodesKey{}] = nodeProcesses{}
	return setup(env)
}
