package runtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/wasi"
)

// example loads one of the examples.
func example(t testing.TB, e *Engine, name string) *Module {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", name, name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return load(t, e, b)
}

// succeed runs an example that must succeed, and returns its stdout.
func succeed(t testing.TB, m *Module, task Task) (*Result, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	task.Stdout, task.Stderr = &stdout, &stderr
	r, err := m.engine.Run(t.Context(), m, task)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != StatusSucceeded || stderr.Len() > 0 {
		t.Fatalf("%s %s %q, stderr %q", r.Status, r.Reason, r.Message, stderr.String())
	}
	return r, stdout.String()
}

func TestExamples(t *testing.T) {
	for _, e := range bothEngines(t) {
		t.Run(string(e.Kind()), func(t *testing.T) {
			t.Run("hello", func(t *testing.T) { testHello(t, e) })
			t.Run("primes", func(t *testing.T) { testPrimes(t, e) })
			t.Run("wordcount", func(t *testing.T) { testWordcount(t, e) })
			t.Run("sha256sum", func(t *testing.T) { testSHA256Sum(t, e) })
			t.Run("json", func(t *testing.T) { testJSON(t, e) })
			t.Run("mandelbrot", func(t *testing.T) { testMandelbrot(t, e) })
			t.Run("tally", func(t *testing.T) { testTally(t, e) })
			t.Run("runaway", func(t *testing.T) { testRunaway(t, e) })
		})
	}
}

func testHello(t *testing.T, e *Engine) {
	if _, out := succeed(t, example(t, e, "hello"), Task{}); out != "hello from WebAssembly\n" {
		t.Errorf("%q", out)
	}
}

func testPrimes(t *testing.T, e *Engine) {
	m := example(t, e, "primes")
	if _, out := succeed(t, m, Task{Args: []string{"primes", "100000"}}); out != "9592 primes up to 100000, the last is 99991\n" {
		t.Errorf("%q", out)
	}
	r, err := e.Run(t.Context(), m, Task{Args: []string{"primes", "many"}})
	if err != nil || r.Reason != ReasonExit || r.ExitCode != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = e.Run(t.Context(), m, Task{Limits: Limits{Fuel: 1_000_000}})
	if err != nil || r.Reason != ReasonOutOfFuel || r.FuelUsed < 1_000_000 || r.FuelUsed > 1_000_000+fuelBound {
		t.Errorf("%+v, %v", r, err)
	}
}

// testTally keeps the tally from run to run.
func testTally(t *testing.T, e *Engine) {
	m := example(t, e, "tally")
	var kept Saved
	keep := func(i *Instance) error {
		c, err := i.Capture()
		if err == nil {
			c.Dirty = []checkpoint.Run{{Bytes: i.Memory()}}
			kept = saved(m, c)
		}
		return err
	}
	r, _ := succeed(t, m, Task{Invoke: "add", InvokeArgs: []string{"5"}, Keep: keep})
	if got := r.Values[0].String(); got != "5" {
		t.Error(got)
	}
	r, _ = succeed(t, m, Task{Invoke: "add", InvokeArgs: []string{"30"}, From: &kept, Keep: keep})
	if got := r.Values[0].String(); got != "35" {
		t.Error(got)
	}
	if _, out := succeed(t, m, Task{Invoke: "list", From: &kept}); out != "30\n5\n" {
		t.Errorf("%q", out)
	}
}

func testWordcount(t *testing.T, e *Engine) {
	r, out := succeed(t, example(t, e, "wordcount"), Task{Args: []string{"wordcount"}, Inputs: []wasi.Input{
		wasi.BytesInput("a.txt", []byte("The cat and the hat.\n")), wasi.BytesInput("b.txt", []byte("A cat!\n")),
	}})
	if out != "7 words, 5 distinct, in 2 files (28 bytes)\n" {
		t.Errorf("%q", out)
	}
	const counts = "2 cat\n2 the\n1 a\n1 and\n1 hat\n"
	if got := contents(t, r.Files()); len(got) != 1 || got["counts.txt"] != counts {
		t.Errorf("%q", got)
	}
	dir := t.TempDir()
	if err := r.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "counts.txt")); err != nil || string(b) != counts {
		t.Errorf("%q, %v", b, err)
	}
}

func testSHA256Sum(t *testing.T, e *Engine) {
	m := example(t, e, "sha256sum")
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 55, 56, 64, 65536, 300_001} {
		data := make([]byte, size)
		random.Read(data)
		_, out := succeed(t, m, Task{Args: []string{"sha256sum"}, Stdin: bytes.NewReader(data)})
		if want := fmt.Sprintf("%x  -\n", sha256.Sum256(data)); out != want {
			t.Errorf("%d bytes: %q, want %q", size, out, want)
		}
	}
}

func testJSON(t *testing.T, e *Engine) {
	m := example(t, e, "json")
	const users = `{"users":[{"name":"Ada","id":1},{"name":"Alan","id":2}],"ok":true}`
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-r", ".users[-1].name"}, "Alan\n"},
		{[]string{"-c", ".users[0]"}, `{"id":1,"name":"Ada"}` + "\n"},
	} {
		_, out := succeed(t, m, Task{Args: append([]string{"json"}, c.args...), Stdin: bytes.NewReader([]byte(users))})
		if out != c.want {
			t.Errorf("%v: %q, want %q", c.args, out, c.want)
		}
	}
	r, err := e.Run(t.Context(), m, Task{Args: []string{"json"}, Stdin: bytes.NewReader([]byte("{"))})
	if err != nil || r.Reason != ReasonExit || r.ExitCode != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func testMandelbrot(t *testing.T, e *Engine) {
	r, _ := succeed(t, example(t, e, "mandelbrot"), Task{Args: []string{"mandelbrot", "60", "40", "200"}})
	f, err := r.Files().Open("mandelbrot.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if picture.Bounds() != image.Rect(0, 0, 60, 40) {
		t.Errorf("size %v", picture.Bounds())
	}
	colours := make(map[any]bool)
	for y := range 40 {
		for x := range 60 {
			colours[picture.At(x, y)] = true
		}
	}
	if len(colours) < 100 {
		t.Errorf("only %d colours", len(colours))
	}
}

func testRunaway(t *testing.T, e *Engine) {
	m := example(t, e, "runaway")
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, c := range []struct {
		what   string
		ctx    context.Context
		limits Limits
		stdout func() // called at the guest's first output
		status Status
		reason Reason
	}{
		{"fuel", t.Context(), Limits{Fuel: 1_000_000}, nil, StatusFailed, ReasonOutOfFuel},
		{"timeout", t.Context(), Limits{WallTime: 30 * time.Millisecond}, nil, StatusFailed, ReasonTimeout},
		{"cancel", cancelled, Limits{}, cancel, StatusCancelled, ReasonNone},
	} {
		out := &signalled{first: c.stdout}
		r, err := e.Run(c.ctx, m, Task{Stdout: out, Limits: c.limits})
		if err != nil || r.Status != c.status || r.Reason != c.reason {
			t.Errorf("%s: %+v, %v", c.what, r, err)
		}
		if out.String() != "counting until somebody stops me\n" {
			t.Errorf("%s: stdout %q", c.what, out.String())
		}
	}
}

// signalled is a buffer that calls back at the first write.
type signalled struct {
	bytes.Buffer
	first func()
}

func (s *signalled) Write(b []byte) (int, error) {
	if s.first != nil {
		s.first()
		s.first = nil
	}
	return s.Buffer.Write(b)
}
