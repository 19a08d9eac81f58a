package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// features are all that wazero can run but for typed function references.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesThreads | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

// suites are the folders of specification tests that wazero ships.
var suites = []string{"v1", "v2", "tail-call", "extended-const", "threads", "exception-handling"}

// specModule is one binary module of the specification's tests.
type specModule struct {
	name  string // suite/file
	valid bool
	text  string // of the assertion
	bytes []byte
}

// specModules reads all binary modules that the assertions of the suites name.
func specModules(t testing.TB) []specModule {
	t.Helper()
	root := filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
	var modules []specModule
	for _, suite := range suites {
		scripts, err := filepath.Glob(filepath.Join(root, suite, "testdata", "*.json"))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("no specification tests in %s: %v", suite, err)
		}
		for _, script := range scripts {
			modules = append(modules, scriptModules(t, suite, script)...)
		}
	}
	return modules
}

func scriptModules(t testing.TB, suite, path string) []specModule {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var script struct {
		Commands []struct {
			Type       string `json:"type"`
			Filename   string `json:"filename"`
			Text       string `json:"text"`
			ModuleType string `json:"module_type"`
		} `json:"commands"`
	}
	if err := json.Unmarshal(text, &script); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var modules []specModule
	for _, c := range script.Commands {
		if c.Filename == "" || c.ModuleType == "text" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), c.Filename))
		if err != nil {
			t.Fatal(err)
		}
		rejected := c.Type == "assert_invalid" || c.Type == "assert_malformed"
		modules = append(modules, specModule{suite + "/" + c.Filename, !rejected, c.Text, b})
	}
	return modules
}

func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("cannot find wazero's source: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// engine is wazero's compiler front end, to compare verdicts with.
type engine struct{ wazero.Runtime }

func newEngine(t testing.TB) engine { return engineOf(t, wazero.NewRuntimeConfigInterpreter()) }

// newCompiler is wazero with the engine that it prefers on this machine.
func newCompiler(t testing.TB) engine { return engineOf(t, wazero.NewRuntimeConfig()) }

func engineOf(t testing.TB, config wazero.RuntimeConfig) engine {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(features))
	t.Cleanup(func() { r.Close(ctx) })
	return engine{r}
}

// compile gives wazero's verdict on a module.
func (e engine) compile(b []byte) error {
	ctx := context.Background()
	compiled, err := e.CompileModule(ctx, b)
	if err != nil {
		return err
	}
	return compiled.Close(ctx)
}

// verdict decodes and validates.
func verdict(b []byte) (*wasm.Module, error) {
	m, err := wasm.Decode(b)
	if err != nil {
		return nil, err
	}
	return m, wasm.Validate(m)
}

// Why a verdict here is not the specification's or not wazero's.
const (
	newerFeature  = "invalid in 1.0, valid with the features of 2.0 that are always on here"
	elemGlobals   = "invalid in 2.0; segments may read all globals since extended constants in wazero, as in 3.0"
	mutableGlobal = "wazero lets constant expressions read mutable globals; no specification does"
	recGroups     = "uses recursive type groups, of garbage collected types, which are not supported"
	typedRefs     = "uses typed function references, which are not supported"
)

// differs lists every module on which the verdict differs from the specification's.
var differs = map[string]string{
	"v1/func.20.wasm":                      newerFeature, // multiple results
	"v1/func.21.wasm":                      newerFeature,
	"v1/type.3.wasm":                       newerFeature,
	"v1/type.4.wasm":                       newerFeature,
	"v1/imports.49.wasm":                   newerFeature, // multiple tables
	"v1/unreached-invalid.87.wasm":         newerFeature, // br_table in unreachable code
	"v2/elem.10.wasm":                      elemGlobals,
	"v2/elem.11.wasm":                      elemGlobals,
	"exception-handling/tag.4.wasm":        recGroups,
	"exception-handling/tag.5.wasm":        recGroups,
	"exception-handling/tag.6.wasm":        recGroups,
	"exception-handling/try_table.13.wasm": typedRefs,
}

// wazeroDiffers lists every module on which the verdict differs from wazero's.
var wazeroDiffers = map[string]string{
	"v2/data.57.wasm":               mutableGlobal,
	"v2/data.60.wasm":               mutableGlobal,
	"v2/elem.47.wasm":               mutableGlobal,
	"v2/elem.50.wasm":               mutableGlobal,
	"v2/global.22.wasm":             mutableGlobal,
	"extended-const/global.19.wasm": mutableGlobal,
	"exception-handling/tag.4.wasm": recGroups,
	"exception-handling/tag.5.wasm": recGroups,
	"exception-handling/tag.6.wasm": recGroups,
}

// TestSpecification reads all modules of the specification's tests, compares the verdict with the
// specification's and with wazero's, and writes those that are valid again: what is written must
// be equal when it is read, and wazero must take it.
func TestSpecification(t *testing.T) {
	e := newEngine(t)
	modules := specModules(t)
	valid := 0
	for _, module := range modules {
		m, err := verdict(module.bytes)
		theirs := e.compile(module.bytes)
		if ours := err == nil; ours != module.valid != (differs[module.name] != "") {
			t.Errorf("%s (%s): valid: %v, verdict: %v; wazero: %v", module.name, module.text, module.valid, err, theirs)
		}
		if (err == nil) != (theirs == nil) != (wazeroDiffers[module.name] != "") {
			t.Errorf("%s (%s): verdict: %v; wazero: %v", module.name, module.text, err, theirs)
		}
		if err == nil {
			valid++
			roundTrip(t, e, module.name, m)
		}
	}
	if len(modules) < 7000 || valid < 2400 {
		t.Errorf("only %d modules found, %d valid: the tests are not where they were", len(modules), valid)
	}
}

// roundTrip writes a valid module and reads it again.
func roundTrip(t testing.TB, e engine, name string, m *wasm.Module) {
	t.Helper()
	encoded := m.Encode()
	again, err := verdict(encoded)
	if err != nil {
		t.Errorf("%s: invalid once written: %v", name, err)
		return
	}
	if d := diff(m, again); d != "" {
		t.Errorf("%s: not the same once written: %s", name, d)
	}
	if !bytes.Equal(again.Encode(), encoded) {
		t.Errorf("%s: written twice, two results", name)
	}
	if err := e.compile(encoded); err != nil {
		t.Errorf("%s: wazero on the written module: %v", name, err)
	}
}

// diff compares all exported fields of two modules but for offsets in the input.
func diff(a, b *wasm.Module) string {
	x, y := reflect.ValueOf(withoutOffsets(a)), reflect.ValueOf(withoutOffsets(b))
	for i := range x.NumField() {
		field := x.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if v, w := x.Field(i).Interface(), y.Field(i).Interface(); !reflect.DeepEqual(v, w) {
			return fmt.Sprintf("%s: %v, then %v", field.Name, v, w)
		}
	}
	return ""
}

// withoutOffsets copies the module without what only says where it was.
func withoutOffsets(m *wasm.Module) wasm.Module {
	c := *m
	c.Imports, c.Exports, c.Codes = slices.Clone(m.Imports), slices.Clone(m.Exports), slices.Clone(m.Codes)
	for i := range c.Imports {
		c.Imports[i].At = 0
	}
	for i := range c.Exports {
		c.Exports[i].At = 0
	}
	for i := range c.Codes {
		c.Codes[i].Offset = 0
	}
	c.Tables, c.Globals, c.Elems, c.Data = nil, nil, nil, nil
	c.Customs = nil
	for _, custom := range m.Customs {
		if names := m.Names(); custom.Name == wasm.NameSection && names != nil {
			custom = wasm.Custom{Name: custom.Name, Data: names.Encode(), After: custom.After}
		}
		c.Customs = append(c.Customs, custom)
	}
	for _, t := range m.Tables {
		c.Tables = append(c.Tables, wasm.Table{Type: t.Type, Init: t.Init})
	}
	for _, g := range m.Globals {
		c.Globals = append(c.Globals, wasm.Global{Type: g.Type, Init: g.Init})
	}
	for _, e := range m.Elems {
		c.Elems = append(c.Elems, wasm.Elem{Mode: e.Mode, Table: e.Table, Offset: e.Offset, Type: e.Type, Funcs: e.Funcs, Exprs: e.Exprs})
	}
	for _, d := range m.Data {
		c.Data = append(c.Data, wasm.Data{Mode: d.Mode, Memory: d.Memory, Offset: d.Offset, Bytes: d.Bytes})
	}
	return c
}
