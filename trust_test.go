package godwit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
)

func writeTrust(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// planned waits until a plan's summary is as wanted.
func planned(t *testing.T, n *Node, r api.TaskRequest, want string) {
	t.Helper()
	waitFor(t, func() bool {
		plan, err := n.Plan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Summary == want
	})
}

// Trust comes from a file; it holds from the start, and changes with the file. What
// makes no sense changes nothing.
func TestTrustFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trust.toml")
	writeTrust(t, file, "default = 0.2")
	a := start(t, Config{NoRun: true, TrustFile: file})
	b := start(t, Config{Bootstrap: a.Addrs()})
	request := api.TaskRequest{Module: putBytes(t, a, noop)}
	planned(t, a, request, "1 of 2 nodes: not enough cpu; 1: not trusted enough")
	writeTrust(t, file, fmt.Sprintf("default = 0.2\n[peers]\n%q = 0.9\n", b.ID()))
	run(t, a, request)
	writeTrust(t, file, "default = 0.1 and more")
	run(t, a, request)
}

// A node refuses tasks of those it trusts too little.
func TestSubmittersAreTrustedOrNot(t *testing.T) {
	a := start(t, Config{NoRun: true})
	file := filepath.Join(t.TempDir(), "trust.toml")
	writeTrust(t, file, fmt.Sprintf("[groups.strangers]\ntrust = 0.05\nmembers = [%q]\n", a.ID()))
	start(t, Config{Bootstrap: a.Addrs(), TrustFile: file})
	task, _, err := a.Submit(t.Context(), api.Submission{Request: api.TaskRequest{Module: putBytes(t, a, noop)}})
	if err != nil {
		t.Fatal(err)
	}
	if task, err = a.Wait(t.Context(), task.ID); err != nil || task.Reason != "not_placed" ||
		!strings.Contains(task.Message, "does not trust this node") {
		t.Errorf("%s %q, %v", task.Reason, task.Message, err)
	}
}

// A node does not start on a table that it cannot read.
func TestBadTrustFile(t *testing.T) {
	for _, text := range []string{"default = 2", "\x00"} {
		file := filepath.Join(t.TempDir(), "trust.toml")
		writeTrust(t, file, text)
		n, err := New(Config{Dir: t.TempDir(), TrustFile: file, NoMDNS: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "trust.toml") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
