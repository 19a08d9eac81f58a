package layout

import (
	"os"
	"os/exec"
	"testing"
)

// platforms are those that Godwit must build for without cgo.
var platforms = []struct{ os, arch string }{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"linux", "arm"},
	{"linux", "riscv64"},
	{"darwin", "arm64"},
}

// On 32 bits vet type-checks the tests too, where constants that do not fit an int
// hide.
func TestBuildsWithoutCgo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the module five times")
	}
	for _, p := range platforms {
		t.Run(p.os+"/"+p.arch, func(t *testing.T) {
			verbs := []string{"build"}
			if p.arch == "arm" {
				verbs = append(verbs, "vet")
			}
			for _, verb := range verbs {
				cmd := exec.Command("go", verb, "./...")
				cmd.Dir = root(t)
				cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("go %s: %v\n%s", verb, err, out)
				}
			}
		})
	}
}
