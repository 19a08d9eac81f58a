package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/godwit-run/godwit/runtime/internal/meter"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// specSuites are the folders of specification tests that wazero ships, but for
// proposals that are not supported.
var specSuites = []string{"v1", "v2", "tail-call", "extended-const", "threads", "exception-handling"}

// specCommand is a command of a script, as wast2json writes it.
type specCommand struct {
	Type       string      `json:"type"`
	Line       int         `json:"line"`
	Name       string      `json:"name"`
	Filename   string      `json:"filename"`
	As         string      `json:"as"`
	Action     specAction  `json:"action"`
	Expected   []specValue `json:"expected"`
	ModuleType string      `json:"module_type"`
	Text       string      `json:"text"`
}

type specAction struct {
	Type   string      `json:"type"`
	Module string      `json:"module"`
	Field  string      `json:"field"`
	Args   []specValue `json:"args"`
}

// Why a command has another outcome than the script says, metered or not.
const (
	newerFeature = "invalid in 1.0, valid with the features that are always on here"
	elemGlobals  = "invalid in 2.0; segments may read all globals since extended constants in wazero, as in 3.0"
	recGroups    = "recursive type groups, of garbage collected types, are not supported"
	typedRefs    = "typed function references are not supported"
	bulkMemory   = "since 2.0, segments that do not fit trap, and what comes before them has been written"
)

// specDiffers lists these commands by suite/script:line. They have the same
// outcome in all worlds: metering is the cause of none.
var specDiffers = map[string]string{
	"v1/func:493":                      newerFeature,
	"v1/func:497":                      newerFeature,
	"v1/type:53":                       newerFeature,
	"v1/type:57":                       newerFeature,
	"v1/imports:318":                   newerFeature,
	"v1/unreached-invalid:539":         newerFeature,
	"v2/elem:171":                      elemGlobals,
	"v2/elem:175":                      elemGlobals,
	"exception-handling/tag:30":        recGroups,
	"exception-handling/tag:40":        recGroups,
	"exception-handling/try_table:420": typedRefs,
	"exception-handling/try_table:464": typedRefs,
	"exception-handling/try_table:465": typedRefs,
	"exception-handling/try_table:466": typedRefs,
	"exception-handling/try_table:467": typedRefs,
	"exception-handling/try_table:468": typedRefs,
	"v1/linking:236":                   bulkMemory,
	"v1/linking:248":                   bulkMemory,
	"v1/linking:342":                   bulkMemory,
	"v1/linking:354":                   bulkMemory,
}

// specTraps translates what the scripts call a trap into what wazero does. A
// text is looked up as it stands, or else by its first word.
var specTraps = map[string]string{
	"unreachable":                   "unreachable",
	"integer divide by zero":        "integer divide by zero",
	"integer overflow":              "integer overflow",
	"invalid conversion to integer": "invalid conversion to integer",
	"out of bounds memory access":   "out of bounds memory access",
	"out of bounds table access":    "invalid table access",
	"undefined element":             "invalid table access",
	"undefined":                     "invalid table access",
	"uninitialized":                 "invalid table access",
	"indirect call type mismatch":   "indirect call type mismatch",
	"indirect call":                 "indirect call type mismatch",
	"unaligned atomic":              "unaligned atomic",
	"expected shared memory":        "expected shared memory",
	"null reference":                "null reference",
	"call stack exhausted":          "stack overflow",
}

// TestSpecification runs the specification's own tests on plain wazero and
// metered, on the compiler and the interpreter, command by command. All must do
// what the script says, to the bit the same, and the fuel must be what charging
// each instruction where it stands comes to.
func TestSpecification(t *testing.T) {
	root := filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
	spectest, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range specSuites {
		scripts, err := filepath.Glob(filepath.Join(root, suite, "testdata", "*.json"))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("no specification tests in %s: %v", suite, err)
		}
		for _, path := range scripts {
			name := suite + "/" + strings.TrimSuffix(filepath.Base(path), ".json")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := &specScript{T: t, name: name, dir: filepath.Dir(path), worlds: specWorlds(t, spectest)}
				s.run(path)
			})
		}
	}
}

func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("cannot find wazero's source: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// specScript is a script while it runs, in all worlds in step.
type specScript struct {
	*testing.T
	name, dir string
	worlds    []*specWorld
}

// specWorlds are wazero's engines plain and metered, and at the end the
// reference.
func specWorlds(t *testing.T, spectest []byte) []*specWorld {
	interpreter := wazero.NewRuntimeConfigInterpreter()
	worlds := []*specWorld{
		newSpecWorld(t, "plain interpreter", interpreter, nil, spectest),
		newSpecWorld(t, "metered interpreter", interpreter, meter.Rewrite, spectest),
	}
	if !compilerSupported() {
		return append(worlds, newSpecWorld(t, "reference", interpreter, meter.RewriteReference, spectest))
	}
	compiler := wazero.NewRuntimeConfigCompiler()
	return append(worlds,
		newSpecWorld(t, "plain compiler", compiler, nil, spectest),
		newSpecWorld(t, "metered compiler", compiler, meter.Rewrite, spectest),
		newSpecWorld(t, "reference", compiler, meter.RewriteReference, spectest))
}

func (s *specScript) run(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	var script struct{ Commands []specCommand }
	if err := json.Unmarshal(text, &script); err != nil || len(script.Commands) == 0 {
		s.Fatalf("%d commands: %v", len(script.Commands), err)
	}
	for i := range script.Commands {
		c := &script.Commands[i]
		if c.ModuleType != "text" {
			s.command(c)
		}
	}
	s.compareMemories()
}

// command does a command in every world and compares.
func (s *specScript) command(c *specCommand) {
	var binary []byte
	if c.Filename != "" {
		var err error
		if binary, err = os.ReadFile(filepath.Join(s.dir, c.Filename)); err != nil {
			s.Fatal(err)
		}
	}
	outcomes := make([]specOutcome, len(s.worlds))
	for i, w := range s.worlds {
		if c.Type == "assert_exhaustion" && w.name == "reference" {
			outcomes[i] = outcomes[i-1] // there is nothing to learn from it, slowly
			continue
		}
		outcomes[i] = w.do(c, binary)
		_, excused := specDiffers[fmt.Sprintf("%s:%d", s.name, c.Line)]
		if problem := c.judge(&outcomes[i]); (problem != "") != excused {
			s.Errorf("line %d: %s %s %s: on %v: %s; %+v", c.Line, c.Type, c.Action.Field, c.Filename, w, problem, outcomes[i])
		}
	}
	s.compare(c, outcomes)
}

// compare demands that metered worlds agree with the plain one on the same
// engine, to the bit, and with the reference on fuel. Engines may give NaNs other
// payloads, and where the stack overflows is each world's own.
func (s *specScript) compare(c *specCommand, outcomes []specOutcome) {
	reference := &outcomes[len(outcomes)-1]
	var plain *specOutcome
	for i, w := range s.worlds {
		got := &outcomes[i]
		if w.rewrite == nil {
			plain = got
		}
		if !got.equal(plain) {
			s.Errorf("line %d: %s %s %s: %v: %+v, but unmetered: %+v", c.Line, c.Type, c.Action.Field, c.Filename, w, *got, *plain)
		}
		if w.rewrite == nil || got.stage == refused || got.trap == "stack overflow" {
			continue
		}
		off := max(got.fuel-reference.fuel, reference.fuel-got.fuel)
		if off > fuelBound || off != 0 && got.stage == returned {
			s.Errorf("line %d: %s %s %s: %v: fuel %d, the reference says %d", c.Line, c.Type, c.Action.Field, c.Filename, w, got.fuel, reference.fuel)
		}
	}
}

// compareMemories compares what the script left in all memories.
func (s *specScript) compareMemories() {
	first := s.worlds[0].digests()
	for _, w := range s.worlds[1:] {
		for i, d := range w.digests() {
			if d != first[i] {
				s.Errorf("%v: memory of module %d is not what it is on %v", w, i, s.worlds[0])
			}
		}
	}
}

// judge compares an outcome with what the script says and tells what is wrong.
func (c *specCommand) judge(o *specOutcome) string {
	switch c.Type {
	case "module", "register", "action":
		if o.stage != returned {
			return "did not succeed"
		}
	case "assert_return":
		if o.stage != returned {
			return "did not return"
		}
		return matchAll(o.values, c.Expected)
	case "assert_trap", "assert_exhaustion":
		if want := specTrap(c.Text); o.stage != trapped || o.trap != want {
			return fmt.Sprintf("wanted a trap: %s (%s)", want, c.Text)
		}
	case "assert_exception":
		if o.stage != trapped || o.trap != "uncaught exception" {
			return "wanted an uncaught exception"
		}
	case "assert_uninstantiable":
		if o.stage == returned && c.Text == "out of bounds table access" {
			return "" // wazero, plain as well, takes what it can of such a segment
		}
		if o.stage == returned {
			return "wanted a trap"
		}
	case "assert_invalid", "assert_malformed", "assert_unlinkable":
		if o.stage != refused && !strings.HasSuffix(c.Text, "segment does not fit") { // see bulkMemory
			return "wanted it to be refused: " + c.Text
		}
	default:
		return "unknown command"
	}
	return ""
}

func specTrap(text string) string {
	if trap, ok := specTraps[text]; ok {
		return trap
	}
	first, _, _ := strings.Cut(text, " ")
	return specTraps[first]
}

type rewriter func(*wasm.Module) (meter.Plan, error)

// specStage is how far a command got.
type specStage string

const (
	refused  specStage = "refused" // malformed, invalid or unlinkable
	trapped  specStage = "trapped"
	returned specStage = "returned"
)

type specOutcome struct {
	stage  specStage
	trap   string // why it trapped
	why    string // why it was refused
	values []uint64
	fuel   int64
}

func (o *specOutcome) equal(p *specOutcome) bool {
	return o.stage == p.stage && o.trap == p.trap && fmt.Sprint(o.values) == fmt.Sprint(p.values)
}

// do performs a command in this world.
func (w *specWorld) do(c *specCommand, binary []byte) specOutcome {
	before := w.used()
	values, err := w.perform(c, binary)
	o := specOutcome{stage: returned, values: values, fuel: w.used() - before}
	var r *refusal
	switch {
	case errors.As(err, &r):
		o.stage, o.why = refused, r.Error()
	case err != nil:
		o.stage, o.trap = trapped, trapText(err)
	}
	return o
}

func (w *specWorld) perform(c *specCommand, binary []byte) ([]uint64, error) {
	switch {
	case c.Type == "register":
		w.resolve[c.As] = w.module(c.Name)
		return nil, nil
	case binary != nil:
		return nil, w.instantiate(c, binary)
	case c.Action.Type == "get":
		return []uint64{w.module(c.Action.Module).ExportedGlobal(c.Action.Field).Get()}, nil
	case c.Action.Type == "invoke":
		return w.invoke(w.module(c.Action.Module), c.Action.Field, slotsOf(c.Action.Args))
	default:
		return nil, &refusal{fmt.Errorf("unknown action %q", c.Action.Type)}
	}
}

// trapText is the cause of a trap, without the call stack.
func trapText(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line, _, _ = strings.Cut(line, " (recovered")
	return strings.TrimPrefix(line, "wasm error: ")
}
