package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/godwit-run/godwit"

// layers is the order of imports: a package imports its own layer and those
// after it. A package belongs to the first layer whose folder holds it; "" is
// the root package itself.
var layers = []string{
	"cmd", "", "internal", "actors", "scheduler", "runtime", "hostabi", "checkpoint", "blobs",
}

// leaves are what any layer may import: they import nothing of the module.
var leaves = []string{"internal/units", "internal/envelope", "internal/journal", "internal/filelock"}

// fences are the imports that only some folders may have.
var fences = []struct {
	what    string
	imports []string
	only    []string
}{
	{"libp2p", []string{"github.com/libp2p"}, []string{"scheduler/gossip", "blobs/exchange", "actors/transport", ""}},
	{"wazero", []string{"github.com/tetratelabs/wazero"}, []string{"runtime", "hostabi"}},
	{"raft", []string{"go.etcd.io/raft"}, []string{"actors"}},
	{"cobra", []string{"github.com/spf13/cobra"}, []string{"cmd"}},
}

// bans hold for all that a folder's packages link, however indirectly.
var bans = []struct {
	folder string
	deps   []string
}{
	{"runtime", []string{"github.com/libp2p", "github.com/ipfs/boxo", "github.com/ipfs/go-datastore", "github.com/cockroachdb/pebble"}},
	{"hostabi", []string{"github.com/libp2p", "github.com/ipfs/boxo", "github.com/ipfs/go-datastore", "github.com/cockroachdb/pebble"}},
	{"scheduler/wire", []string{"github.com/libp2p", "github.com/tetratelabs/wazero"}},
	{"scheduler/placement", []string{"github.com/libp2p", "github.com/tetratelabs/wazero"}},
}

// pure are the packages without goroutine, lock, clock, randomness, file or
// network: they import nothing that offers them. (time is allowed: durations.)
var pure = []string{
	"blobs/unixfscid", "internal/units", "internal/envelope",
	"runtime/internal/wasm", "runtime/internal/meter", "runtime/internal/state", "runtime/internal/suspend",
	"scheduler/wire", "scheduler/placement", "scheduler/detect", "scheduler/trust",
	"actors/wire", "actors/mailbox", "actors/group",
	"hostabi/gpu/device", "hostabi/gpu/driver/internal/wire",
}

var impure = []string{
	"os", "net", "syscall", "golang.org/x/sys", "sync", "math/rand", "crypto/rand", "io/ioutil", "log",
}

// pkg is what `go list -json` says of a package of this module. Path is its
// folder inside the module, "" for the root.
type pkg struct {
	ImportPath, Dir   string
	Path              string `json:"-"`
	Imports, Deps     []string
	GoFiles, CgoFiles []string
}

func TestImportsRunDownwards(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			to, ours := inModule(imp)
			if !ours || slices.Contains(leaves, to) {
				continue
			}
			if layer(t, to) < layer(t, p.Path) || slices.Contains(leaves, p.Path) {
				t.Errorf("%s imports %s, which is above it", p.ImportPath, imp)
			}
		}
	}
}

func TestFences(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range fences {
			if i := firstUnder(p.Imports, f.imports); i != "" && !underAny(p.Path, f.only) {
				t.Errorf("%s imports %s: %s is only for %q", p.ImportPath, i, f.what, f.only)
			}
		}
		for _, b := range bans {
			if d := firstUnder(p.Deps, b.deps); d != "" && under(p.Path, b.folder) {
				t.Errorf("%s links %s, which %s must not", p.ImportPath, d, b.folder)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		if i := firstUnder(p.Imports, impure); i != "" && underAny(p.Path, pure) {
			t.Errorf("%s is pure but imports %s", p.ImportPath, i)
		}
	}
}

func TestCgoOnlyBehindBuildTags(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.CgoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(src, []byte("\n//go:build ")) && !bytes.HasPrefix(src, []byte("//go:build ")) {
				t.Errorf("%s/%s uses cgo without a build tag", p.ImportPath, name)
			}
		}
	}
}

// The module has a package runtime of its own: the standard library's goes by
// goruntime.
func TestStandardRuntimeIsCalledGoruntime(t *testing.T) {
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("parse %s: %w", path, err)
		}
		for _, imp := range file.Imports {
			if imp.Path.Value == `"runtime"` && (imp.Name == nil || imp.Name.Name != "goruntime") {
				t.Errorf("%s imports runtime under another name than goruntime", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The rules above are only worth what their matching is worth.
func TestMatching(t *testing.T) {
	for _, c := range []struct {
		path, folder string
		want         bool
	}{
		{"runtime", "runtime", true},
		{"runtime/internal/wasm", "runtime", true},
		{"runtimes", "runtime", false},
		{"", "", true},
		{"actors", "", false},
		{"sync/atomic", "sync", true},
	} {
		if got := under(c.path, c.folder); got != c.want {
			t.Errorf("under(%q, %q) = %v", c.path, c.folder, got)
		}
	}
	if layer(t, "cmd/godwit") >= layer(t, "") || layer(t, "actors/transport") >= layer(t, "scheduler/wire") {
		t.Error("layers out of order")
	}
}

// packages lists every package of the module, as the default build sees it.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Imports,Deps,GoFiles,CgoFiles", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ours []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return ours
		} else if err != nil {
			t.Fatal(err)
		}
		if path, ok := inModule(p.ImportPath); ok {
			p.Path = path
			ours = append(ours, p)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func inModule(importPath string) (path string, ok bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// layer is the index of the layer that a package belongs to. Examples are
// programs of their own and import like commands.
func layer(t *testing.T, path string) int {
	t.Helper()
	for i, l := range layers {
		if under(path, l) {
			return i
		}
	}
	if under(path, "examples") {
		return 0
	}
	t.Fatalf("package %s belongs to no layer", path)
	return -1
}

// under tells whether path is folder or inside it. Only the root package
// itself is under "".
func under(path, folder string) bool {
	return path == folder || folder != "" && strings.HasPrefix(path, folder+"/")
}

func underAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return under(path, f) })
}

func firstUnder(paths, folders []string) string {
	i := slices.IndexFunc(paths, func(p string) bool { return underAny(p, folders) })
	if i < 0 {
		return ""
	}
	return paths[i]
}
