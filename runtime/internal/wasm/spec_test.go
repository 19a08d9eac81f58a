package wasm_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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

func newEngine(t testing.TB) engine {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features))
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

// TestSpecification reads all modules of the specification's tests, compares the verdict with the
// specification's and with wazero's, and writes the valid ones again.
func TestSpecification(t *testing.T) {
	e := newEngine(t)
	for _, module := range specModules(t) {
		m, err := verdict(module.bytes)
		theirs := e.compile(module.bytes)
		if (err == nil) != module.valid {
			t.Errorf("%s (%s): valid %v, got: %v; wazero: %v", module.name, module.text, module.valid, err, theirs)
		}
		if (err == nil) != (theirs == nil) {
			t.Errorf("%s (%s): verdicts differ: %v; wazero: %v", module.name, module.text, err, theirs)
		}
		_ = m
	}
}
