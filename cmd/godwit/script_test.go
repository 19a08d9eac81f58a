package main

import (
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"godwit": main})
}

// The scripts in testdata/script are user stories: each line is what a person
// types and what they then see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"unhex":  unhex,
			"signal": signalled,
			"unread": unread,

			"checkpoints": checkpoints,
			"damage":      damage,
			"clip":        clip,
			"flip":        flip,
			"setenv":      setenv,
			"hold":        hold,
			"live":        live,
		},
	})
}

// setup gives scripts the examples and the test modules, and a cache of their own.
func setup(env *testscript.Env) error {
	for name, dir := range map[string]string{
		"EXAMPLES": "../../examples", "MODULES": "testdata/modules", "GUESTS": "../../runtime/testdata/guests/state",
	} {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		env.Setenv(name, abs)
	}
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, ".data"))
	return nil
}

// exits CODE COMMAND...: run it and expect exactly that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, neg, args)
	err := ts.Exec(args[1], args[2:]...)
	if got := code(ts, err); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// unhex FILE BYTES...: write the bytes, given in hexadecimal.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: unhex FILE BYTES...")
	}
	b, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// signalled implements signal CODE NAME COMMAND...: run it with an open standard
// input, wait for its first output, send the signal and expect it to end at once
// with that exit code. Its standard error goes to the file stderr.
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, neg, args)
	sig, ok := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[1]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[1])
	}
	p := start(ts, args[2:])
	p.first(ts)
	sent := time.Now()
	ts.Check(p.cmd.Process.Signal(sig))
	p.expect(ts, want)
	// Stopping takes milliseconds; the rest is a busy machine's.
	if d := time.Since(sent); d > 5*time.Second {
		ts.Fatalf("ended %v after the signal", d)
	}
}

// unread CODE COMMAND...: run it, read its first output and close the pipe, as
// head does; expect that exit code. Its standard error goes to the file stderr.
func unread(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, neg, args)
	p := start(ts, args[1:])
	p.first(ts)
	ts.Check(p.stdout.Close())
	p.expect(ts, want)
}

func number(ts *testscript.TestScript, neg bool, args []string) int {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: CODE COMMAND...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	return n
}

// code is the exit code that a finished command's error stands for.
func code(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// process is a command that runs while the script looks at it.
type process struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr *os.File
}

func start(ts *testscript.TestScript, args []string) *process {
	path, err := lookPath(ts.Getenv("PATH"), args[0])
	ts.Check(err)
	p := &process{cmd: exec.Command(path, args[1:]...)}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = []string{"XDG_CACHE_HOME=" + ts.Getenv("XDG_CACHE_HOME"), "PATH=" + ts.Getenv("PATH")}
	p.stdout, err = p.cmd.StdoutPipe()
	ts.Check(err)
	_, err = p.cmd.StdinPipe() // stays open, and empty
	ts.Check(err)
	p.stderr, err = os.Create(ts.MkAbs("stderr"))
	ts.Check(err)
	p.cmd.Stderr = p.stderr
	ts.Check(p.cmd.Start())
	ts.Defer(func() { p.cmd.Process.Kill() })
	return p
}

// lookPath finds a program in the script's PATH rather than the test's.
func lookPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found, nil
		}
	}
	return "", exec.ErrNotFound
}

// first waits for output.
func (p *process) first(ts *testscript.TestScript) {
	_, err := p.stdout.Read(make([]byte, 1))
	ts.Check(err)
}

func (p *process) expect(ts *testscript.TestScript, want int) {
	killer := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	defer killer.Stop()
	err := p.cmd.Wait()
	ts.Check(p.stderr.Close())
	if got := code(ts, err); got != want {
		ts.Fatalf("exit code %d, want %d; standard error:\n%s", got, want, ts.ReadFile("stderr"))
	}
}
