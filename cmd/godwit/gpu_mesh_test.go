package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver"
)

// gpuProgram is the driver program, for nodes of scripts that set GODWIT_GPU to $DRIVER.
type gpuProgram struct {
	path string
	here bool // there is a device
}

// newGPUProgram builds the driver program, and looks for a device. Where GODWIT_CI is
// set there must be one.
func newGPUProgram(t testing.TB) gpuProgram {
	t.Helper()
	p := gpuProgram{path: filepath.Join(t.TempDir(), driver.Program)}
	if out, err := exec.Command("go", "build", "-o", p.path, "../godwit-gpu").CombinedOutput(); err != nil {
		t.Logf("no driver program here: %v\n%s", err, out)
	} else if err := p.look(t); err != nil {
		t.Fatal(err)
	}
	if !p.here && os.Getenv("GODWIT_CI") != "" {
		t.Fatal("no device that runs kernels: apt-get install pocl-opencl-icd ocl-icd-libopencl1")
	}
	return p
}

func (p *gpuProgram) look(t testing.TB) error {
	d, err := driver.New(driver.Config{Command: []string{p.path}})
	if err != nil {
		return err
	}
	defer d.Close()
	infos, err := d.Devices(t.Context())
	for _, i := range infos {
		p.here = p.here || i.Unusable == "" && i.Takes(device.OpenCLC)
	}
	return err
}

// condition implements [gpu] of scripts.
func (p *gpuProgram) condition(name string) (bool, error) {
	if name != "gpu" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return p.here, nil
}

// killdriver NAME: kill the driver process of a node.
func killDriver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: killdriver NAME")
	}
	node := processesOf(ts)[args[0]].Process.Pid
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	ts.Check(err)
	for _, name := range all {
		stat, err := os.ReadFile(name) // pid (comm) state ppid: proc(5); it may have ended
		open, shut := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
		if err != nil || open < 0 || shut < open || string(stat[open+1:shut]) != driver.Program {
			continue
		}
		if fields := strings.Fields(string(stat[shut+1:])); fields[1] == strconv.Itoa(node) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			ts.Check(err)
			ts.Check(syscall.Kill(pid, syscall.SIGKILL))
			return
		}
	}
	ts.Fatalf("node %s has no driver process", args[0])
}
