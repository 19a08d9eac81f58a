package runtime

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// kinds are the engines of this machine, the compiler first.
func kinds() []Kind {
	if compilerSupported() {
		return []Kind{KindCompiler, KindInterpreter}
	}
	return []Kind{KindInterpreter}
}

func stateGuest(t testing.TB, name string) []byte {
	t.Helper()
	if strings.HasSuffix(name, ".go") {
		return goReactor(t, filepath.Join(guestDir, "state", name))
	}
	b, err := os.ReadFile(filepath.Join(guestDir, "state", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goReactor(t testing.TB, source string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "reactor.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", file, source)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", source, err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// saved is a capture whose runs make up the whole memory, ready to restore.
func saved(m *Module, c checkpoint.Capture) Saved {
	mem := make([]byte, c.Size)
	for _, r := range c.Dirty {
		copy(mem[r.Start:], r.Bytes)
	}
	return Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Size: c.Size, Memory: bytes.NewReader(mem)}
}

// show calls an export and writes down what came of it.
func show(i *Instance, line string) string {
	words := strings.Fields(line)
	var args []uint64
	for n, p := range i.module.exports[words[0]].Params {
		v, err := ParseValue(p, words[n+1])
		if err != nil {
			return err.Error()
		}
		args = append(args, v.Bits)
	}
	results, err := i.Call(context.Background(), words[0], args...)
	if err != nil {
		return line + ": " + firstLine(err.Error())
	}
	return fmt.Sprintf("%s: %x", line, results)
}

// TestParts changes each part of the state that is outside of linear memory, moves
// to each engine, and looks.
func TestParts(t *testing.T) {
	looks := []string{
		"numbers", "sizes", "call 0", "call 1", "call 2", "call 4", "call 5", "call_global", "null 6", "null 7",
		"load 256", "load 64", "init_elem", "call 0", "init_data", "load 64", "init_active",
	}
	binary := stateGuest(t, "parts.wasm")
	for _, changes := range [][]string{
		nil,
		{"set_numbers"},
		{"set_table"},
		{"drop_data"},
		{"init_data", "drop_elem", "store 64 9"},
		{"grow 3", "store 200000 1", "set_table", "drop_elem", "set_numbers"},
	} {
		for _, from := range kinds() {
			for _, to := range kinds() {
				t.Run(fmt.Sprintf("%v/%v to %v", changes, from, to), func(t *testing.T) {
					source, target := load(t, newEngine(t, Config{Kind: from}), binary), load(t, newEngine(t, Config{Kind: to}), binary)
					stay, err := source.Instantiate(t.Context(), Task{})
					if err != nil {
						t.Fatal(err)
					}
					defer stay.Close()
					for _, change := range changes {
						if got := show(stay, change); strings.Contains(got, "error") {
							t.Fatal(got)
						}
					}
					moved, err := target.Restore(t.Context(), Task{}, saved(source, capture(t, stay)))
					if err != nil {
						t.Fatal(err)
					}
					defer moved.Close()
					sameHash(t, stay, moved)
					for _, look := range looks {
						if a, b := show(stay, look), show(moved, look); a != b || stay.FuelUsed() != moved.FuelUsed() {
							t.Fatalf("%s (fuel %d)\nmoved: %s (fuel %d)", a, stay.FuelUsed(), b, moved.FuelUsed())
						}
					}
				})
			}
		}
	}
}

func sameHash(t *testing.T, a, b *Instance) {
	t.Helper()
	x, err := a.StateHash()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.StateHash()
	if err != nil {
		t.Fatal(err)
	}
	if x != y {
		t.Fatalf("state %x, moved %x", x[:4], y[:4])
	}
}

// wazero 1.12 does not drop active data segments; the specification does.
func TestActiveDataIsGone(t *testing.T) {
	for _, kind := range kinds() {
		i, err := load(t, newEngine(t, Config{Kind: kind}), stateGuest(t, "parts.wasm")).Instantiate(t.Context(), Task{})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		if got := show(i, "init_active"); !strings.Contains(got, "out of bounds memory access") {
			t.Error(kind, got)
		}
	}
}

// reactors are programs of three compilers, and calls of theirs.
var reactors = []struct {
	file  string
	stdin string
	calls []string
}{
	{"ledger.wasm", "11\n22\n33\n44\n", []string{
		"put 5", "put 4", "draw", "line", "put 2000", "sum", "line", "draw", "publish", "put 77", "publish", "line", "sum", "line", "line",
	}},
	{"words.wasm", "the quick brown fox\njumps over the lazy dog\n\nthe end\n", []string{
		"line", "digest", "line", "digest", "line", "line", "digest", "line", "digest",
	}},
	{"mailbox.go", "", []string{
		"send 5", "send 70000", "collect", "write 1", "send 8", "collect", "write 2", "send -3", "collect", "write 3",
	}},
}

// TestReactors moves real programs between engines before each call, through bytes,
// and wants what one that stays shows: results, output, files and fuel.
func TestReactors(t *testing.T) {
	for _, r := range reactors {
		t.Run(r.file, func(t *testing.T) {
			binary := stateGuest(t, r.file)
			var modules []*Module
			for _, kind := range kinds() {
				modules = append(modules, load(t, newEngine(t, Config{Kind: kind}), binary))
			}
			for _, deterministic := range []bool{true, false} {
				stay := playReactor(t, modules[:1], r.stdin, r.calls, deterministic, false)
				move := playReactor(t, slices.Concat(modules[1:], modules), r.stdin, r.calls, deterministic, true)
				for n := range stay {
					if n < len(r.calls) && !deterministic && (strings.HasPrefix(r.calls[n], "draw") || strings.HasPrefix(r.calls[n], "digest")) {
						continue
					}
					if stay[n] != move[n] && (deterministic || !strings.HasPrefix(stay[n], "fuel")) {
						t.Errorf("%s\nmoved: %s", stay[n], move[n])
					}
				}
			}
		})
	}
}

// playReactor makes the calls, if it moves each on the next of the modules, and
// returns what can be seen.
func playReactor(t *testing.T, modules []*Module, stdin string, calls []string, deterministic, move bool) (seen []string) {
	t.Helper()
	var stdout bytes.Buffer
	task := Task{Stdin: strings.NewReader(stdin), Stdout: &stdout, Deterministic: deterministic, Env: []string{"A=1"}}
	i, err := modules[0].Instantiate(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := modules[0].exports[initializeExport]; ok {
		if _, err := i.Call(t.Context(), initializeExport); err != nil {
			t.Fatal(err)
		}
	}
	for n, call := range calls {
		if move {
			next, err := modules[n%len(modules)].Restore(t.Context(), task, saved(modules[0], throughBytes(t, modules[0], i)))
			if err != nil {
				t.Fatal(err)
			}
			sameHash(t, i, next)
			if err := i.Close(); err != nil {
				t.Fatal(err)
			}
			i = next
		}
		seen = append(seen, show(i, call))
	}
	defer i.Close()
	files := t.TempDir()
	if err := i.result("", nil).WriteFiles(files); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(files, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprintf("%s %q", filepath.Base(name), b))
	}
	return append(seen, fmt.Sprintf("stdout %q", &stdout), fmt.Sprint("fuel ", i.FuelUsed()))
}

// throughBytes makes a signed checkpoint of an instance and reads it back. The
// instance counts its writes from elsewhere, so all of its memory is taken.
func throughBytes(t *testing.T, m *Module, i *Instance) checkpoint.Capture {
	t.Helper()
	c := capture(t, i)
	c.Dirty = []checkpoint.Run{{Start: 0, Bytes: i.Memory()}}
	chain, err := checkpoint.NewChain(checkpoint.Config{Name: "reactor", Module: m.CID(), Owner: testOwner()})
	if err != nil {
		t.Fatal(err)
	}
	c.Sequence, c.Time = 1, time.Unix(1_800_000_000, 0)
	ready, err := chain.Update(c)
	if err != nil {
		t.Fatal(err)
	}
	objects := objectMap{}
	for _, o := range ready.Objects {
		objects[o.ID] = o.Data
	}
	signed, err := checkpoint.Open(ready.Envelope, checkpoint.Ed25519{})
	if err != nil {
		t.Fatal(err)
	}
	state, err := signed.ReadState(objects)
	if err != nil {
		t.Fatal(err)
	}
	image, err := checkpoint.LoadImage(signed.Memory, objects)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := image.Read(objects)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.Capture{Fuel: signed.Fuel, Size: signed.Memory.Size, Dirty: []checkpoint.Run{{Bytes: mem}}, State: *state}
}

// nosy is a host module that captures its caller, and one that keeps what nobody can
// write down.
func nosy(seen *error) hostabi.Module {
	return hostabi.Module{Name: "nosy", Funcs: []hostabi.Func{{
		Name: "look", Call: func(_ context.Context, c hostabi.Caller, _ []uint64) { _, *seen = c.(*Instance).Capture() },
	}}}
}

func TestCaptureErrors(t *testing.T) {
	var inside error
	e := newEngine(t, Config{HostModules: []hostabi.Module{nosy(&inside)}})
	m := load(t, e, callOnly("nosy", "look"))
	i, err := m.Instantiate(t.Context(), Task{State: map[string]any{"nosy": nil}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Call(t.Context(), "f"); err != nil || !errors.Is(inside, ErrInCall) {
		t.Errorf("captured in a call: %v, %v", err, inside)
	}
	if _, err := i.Capture(); err != nil {
		t.Errorf("captured after it: %v", err)
	}
	i.Close()
	if _, err := i.Capture(); !errors.Is(err, ErrClosed) {
		t.Errorf("captured closed: %v", err)
	}
	if i, err = m.Instantiate(t.Context(), Task{State: map[string]any{"nosy": 5}}); err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err := i.Capture(); !errors.Is(err, ErrNotCapturable) || !strings.Contains(err.Error(), "nosy") {
		t.Errorf("captured the state of an unwilling host module: %v", err)
	}
	ended, err := load(t, e, stateGuest(t, "parts.wasm")).Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer ended.Close()
	show(ended, "trap")
	if _, err := ended.Capture(); !errors.Is(err, ErrEnded) {
		t.Errorf("captured after a trap: %v", err)
	}
}

// TestRestoreRefuses tries what is not a state of the module, and wants an error that
// says so.
func TestRestoreRefuses(t *testing.T) {
	m := load(t, newEngine(t, Config{}), stateGuest(t, "parts.wasm"))
	other := load(t, newEngine(t, Config{}), stateGuest(t, "ledger.wasm"))
	i, err := m.Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	show(i, "set_table")
	show(i, "drop_data")
	for name, change := range map[string]func(s *Saved, task *Task){
		"another module":        func(s *Saved, _ *Task) { s.Module = other.CID() },
		"another fuel":          func(s *Saved, _ *Task) { s.Fuel.Version = meter.Version + 1 },
		"impossible fuel":       func(s *Saved, _ *Task) { s.Fuel.Used = 1 << 63 },
		"no state":              func(s *Saved, _ *Task) { s.State = nil },
		"odd memory":            func(s *Saved, _ *Task) { s.Size-- },
		"too little memory":     func(s *Saved, _ *Task) { s.Size = 0 },
		"too much memory":       func(s *Saved, _ *Task) { s.Size = 11 << 16 },
		"far too much memory":   func(s *Saved, _ *Task) { s.Size = 1 << 60 },
		"memory cut off":        func(s *Saved, _ *Task) { s.Memory = bytes.NewReader(make([]byte, 100)) },
		"no memory":             func(s *Saved, _ *Task) { s.Memory = nil },
		"a global too few":      func(s *Saved, _ *Task) { s.State.Globals = s.State.Globals[1:] },
		"a global's type":       func(s *Saved, _ *Task) { s.State.Globals[0].Type = checkpoint.I64 },
		"too many bits":         func(s *Saved, _ *Task) { s.State.Globals[0].Lo |= 1 << 32 },
		"another half":          func(s *Saved, _ *Task) { s.State.Globals[1].Hi = 1 },
		"a function unknown":    func(s *Saved, _ *Task) { s.State.Globals[5].Lo = 1 << 40 },
		"an external reference": func(s *Saved, _ *Task) { s.State.Globals[6].Lo = 1 },
		"a table's type":        func(s *Saved, _ *Task) { s.State.Tables[0].Type = checkpoint.ExternRef },
		"a table too short":     func(s *Saved, _ *Task) { s.State.Tables[0].Entries = nil },
		"a table too long":      func(s *Saved, _ *Task) { s.State.Tables[0].Entries = make([]uint32, 21) },
		"an entry unknown":      func(s *Saved, _ *Task) { s.State.Tables[0].Entries[0] = 12345 },
		"an external entry":     func(s *Saved, _ *Task) { s.State.Tables[1].Entries[0] = 0 },
		"another drop":          func(s *Saved, _ *Task) { s.State.DroppedData = []uint32{0, 1} },
		"no runtime section":    func(s *Saved, _ *Task) { s.State.Sections = nil },
		"a wasi section":        func(s *Saved, _ *Task) { s.State.Sections[sectionWASI] = []byte{1} },
		"a lower memory limit":  func(_ *Saved, task *Task) { task.Limits.Memory = 1 << 16 },
	} {
		t.Run(name, func(t *testing.T) {
			c, task := capture(t, i), Task{}
			for n := range c.State.Tables {
				c.State.Tables[n].Entries = slices.Clone(c.State.Tables[n].Entries)
			}
			s := saved(m, c)
			change(&s, &task)
			r, err := m.Restore(t.Context(), task, s)
			if err == nil {
				r.Close()
				t.Fatal("restored")
			}
			t.Log(err)
			if !errors.Is(err, ErrSaved) && !errors.Is(err, errMemoryLimit) && !strings.Contains(err.Error(), "EOF") {
				t.Error("not an error that says so")
			}
		})
	}
}

// TestPrecopyWhileRunning copies from beside a guest that writes all the time: what
// the captures say must be the memory all the same.
func TestPrecopyWhileRunning(t *testing.T) {
	if !compilerSupported() {
		t.Skip("the interpreter writes memory from Go, which copies of it would race with")
	}
	const size = 4 << 20
	m := load(t, newEngine(t, Config{Kind: KindCompiler}), touchModule(size))
	i, err := m.Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	shadow, live := make([]byte, size), 0
	for round := range uint64(20) {
		done := make(chan error, 1)
		go func() {
			_, err := i.Call(t.Context(), "touch", round, 300_000)
			done <- err
		}()
		for running := true; running; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				running = false
			default:
				if err := i.Precopy(); err != nil {
					t.Fatal(err)
				}
				live++
			}
		}
		for _, r := range capture(t, i).Dirty {
			copy(shadow[r.Start:], r.Bytes)
		}
		if !bytes.Equal(shadow, i.Memory()) {
			t.Fatalf("round %d: captures do not make up the memory", round)
		}
	}
	if live < 20 {
		t.Errorf("only %d copies were made beside the guest", live)
	}
}

// TestFuelGoesOn: a restored instance has what was left, not more.
func TestFuelGoesOn(t *testing.T) {
	m := load(t, newEngine(t, Config{}), stateGuest(t, "parts.wasm"))
	i, err := m.Instantiate(t.Context(), Task{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for range 10 {
		show(i, "set_numbers")
	}
	limit := i.FuelUsed() + 9 // of the ten units of the next call
	r, err := m.Restore(t.Context(), Task{Limits: Limits{Fuel: limit}}, saved(m, capture(t, i)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cost := -int64(i.FuelUsed())
	show(i, "numbers")
	cost += int64(i.FuelUsed())
	got := show(r, "numbers")
	if cost != 10 || !strings.Contains(got, "out of fuel") {
		t.Errorf("a call of %d units with 9 left: %s", cost, got)
	}
}

// callOnly is a module that exports f, which calls an imported function.
func callOnly(module, name string) []byte {
	m := &wasm.Module{
		Types:   []wasm.FuncType{{}},
		Imports: []wasm.Import{{Module: module, Name: name, Kind: wasm.KindFunc}},
		Funcs:   []uint32{0},
		Exports: []wasm.Export{{Name: "f", Kind: wasm.KindFunc, Index: 1}},
		Codes:   []wasm.Code{{Body: []byte{byte(wasm.OpCall), 0, byte(wasm.OpEnd)}}},
	}
	return m.Encode()
}

// testOwner signs checkpoints.
func testOwner() checkpoint.Signer {
	return checkpoint.Ed25519Key(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}

// objectMap is where checkpoints' objects are.
type objectMap map[cid.Cid][]byte

// Get implements checkpoint.Getter.
func (m objectMap) Get(id cid.Cid) ([]byte, error) {
	b, ok := m[id]
	if !ok {
		return nil, fmt.Errorf("no object %s", id)
	}
	return b, nil
}
