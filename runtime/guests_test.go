package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/meter"
)

// guest is a program under testdata/guests, which prints a checksum.
type guest struct {
	Name, Kind, Language, Source, What, Stdout string
}

const guestDir = "testdata/guests"

// guests lists the programs. Those in Go are built at need, since they are
// large.
func guests(t testing.TB) []guest {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(guestDir, "guests.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []guest
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func (g guest) binary(t testing.TB) []byte {
	t.Helper()
	file := filepath.Join(guestDir, g.Name+".wasm")
	if g.Language == "Go" {
		source := filepath.Join(guestDir, g.Source)
		file = filepath.Join(t.TempDir(), g.Name+".wasm")
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, source)
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", source, err, out)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// referenceEngine meters as simply as can be.
func referenceEngine(t testing.TB) *Engine {
	e := newEngine(t, Config{})
	e.rewrite = meter.RewriteReference
	return e
}

func load(t testing.TB, e *Engine, binary []byte) *Module {
	t.Helper()
	m, err := e.Load(context.Background(), binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// runOnce runs a program deterministically and returns its output too.
func runOnce(t testing.TB, e *Engine, m *Module, task Task) (*Result, string) {
	t.Helper()
	var out bytes.Buffer
	task.Stdout, task.Deterministic = &out, true
	if task.Args == nil {
		task.Args = []string{"guest"}
	}
	r, err := e.Run(context.Background(), m, task)
	if err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}

// TestFuelIsExact compares the fuel of whole programs with what charging every
// instruction where it stands comes to.
func TestFuelIsExact(t *testing.T) {
	metered, reference := newEngine(t, Config{}), referenceEngine(t)
	for _, g := range guests(t) {
		t.Run(g.Name, func(t *testing.T) {
			binary := g.binary(t)
			got, out := runOnce(t, metered, load(t, metered, binary), Task{})
			want, _ := runOnce(t, reference, load(t, reference, binary), Task{})
			if got.Status != StatusSucceeded || out != g.Stdout {
				t.Fatalf("%s %s %q, stdout %q, want %q", got.Status, got.Reason, got.Message, out, g.Stdout)
			}
			if got.FuelUsed != want.FuelUsed {
				t.Errorf("fuel %d, the reference says %d (%+d)", got.FuelUsed, want.FuelUsed, int64(got.FuelUsed-want.FuelUsed))
			}
		})
	}
}
