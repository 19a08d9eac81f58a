package wasi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// TestStandardLibrary runs the own tests of packages of the Go standard
// library that use a file system, which takes minutes. All must pass but those
// that want what a guest does not have.
func TestStandardLibrary(t *testing.T) {
	if os.Getenv("GODWIT_TEST_STD") == "" {
		t.Skip("skipped: set GODWIT_TEST_STD=1 to run the tests of the Go standard library as guests")
	}
	skip := map[string]string{"os": "DevNull"} // there are no devices
	goroot := goTool(t, nil, "env", "GOROOT")
	copier := buildGo(t, "./testdata/std")
	for _, pkg := range []string{"os", "io/fs", "path/filepath", "io", "bufio", "time"} {
		t.Run(strings.ReplaceAll(pkg, "/", "_"), func(t *testing.T) {
			guest := filepath.Join(t.TempDir(), "test.wasm")
			goTool(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "test", "-c", "-o", guest, pkg)
			b, err := os.ReadFile(guest)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			args := []string{"test", "-test.short"}
			if skip[pkg] != "" {
				args = append(args, "-test.skip="+skip[pkg])
			}
			s := newSystem(t, wasi.Config{
				Args: args, Stdout: &out, Stderr: &out,
				Env: []string{"GOROOT=/usr/local/go", "PWD=/usr/local/go/src/" + pkg},
				Inputs: []wasi.Input{
					wasi.DirInput("src/src/"+pkg, filepath.Join(goroot, "src", pkg)),
					wasi.DirInput("src/src/unicode", filepath.Join(goroot, "src/unicode")),
					wasi.DirInput("src/lib/time", filepath.Join(goroot, "lib/time")),
					wasi.FileInput("src/go.env", filepath.Join(goroot, "go.env")),
					wasi.FileInput("src/LICENSE", filepath.Join(goroot, "LICENSE")),
					wasi.FileInput("src/CONTRIBUTING.md", filepath.Join(goroot, "CONTRIBUTING.md")),
				},
			})
			h := newHost(t, wazero.NewRuntimeConfig())
			if code := h.run(t, t.Context(), compile(t, h, copier), s); code != 0 {
				t.Fatalf("copy: %s", out.String())
			}
			out.Reset()
			if code := h.run(t, t.Context(), compile(t, h, b), s); code != 0 {
				t.Errorf("exit code %d\n%s", code, out.String())
			}
		})
	}
}
