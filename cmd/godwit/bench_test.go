package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkHelloProcess runs a small program as a whole process with a warm
// cache, by turns with the wazero command on the same file. The metric x-wazero
// is the ratio of the medians.
func BenchmarkHelloProcess(b *testing.B) {
	const hello = "../../examples/hello/hello.wasm"
	dir := b.TempDir()
	for name, pkg := range map[string]string{"godwit": ".", "wazero": "github.com/tetratelabs/wazero/cmd/wazero"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	ours := []string{filepath.Join(dir, "godwit"), "run", "--quiet", "--cache", filepath.Join(dir, "ours"), hello}
	theirs := []string{filepath.Join(dir, "wazero"), "run", "-cachedir=" + filepath.Join(dir, "theirs"), hello}
	elapsed(b, ours)
	elapsed(b, theirs)

	var our, their []time.Duration
	for b.Loop() {
		our = append(our, elapsed(b, ours))
		b.StopTimer()
		their = append(their, elapsed(b, theirs))
		b.StartTimer()
	}
	b.ReportMetric(float64(median(our))/float64(median(their)), "x-wazero")
}

// elapsed runs a command to its end and returns how long that took.
func elapsed(b *testing.B, command []string) time.Duration {
	start := time.Now()
	if err := exec.Command(command[0], command[1:]...).Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkResumeProcess goes on with a run that is kept in a file, as a whole process with a
// warm cache, until the guest's next safepoint: 9 MiB of memory are read, and what
// the call goes on in made anew.
func BenchmarkResumeProcess(b *testing.B) {
	dir := b.TempDir()
	godwit := filepath.Join(dir, "godwit")
	build := exec.Command("go", "build", "-o", godwit, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	begun := filepath.Join(dir, "begun")
	elapsed(b, []string{godwit, "run", "-q", "--cache", filepath.Join(dir, "cache"), "--checkpoint", begun,
		"--suspend-after", "20000000", "../../runtime/testdata/guests/mem_list.wasm"})
	command := []string{godwit, "run", "-q", "--cache", filepath.Join(dir, "cache"), "--resume", begun, "--suspend-after", "1"}
	var took []time.Duration
	for b.Loop() {
		took = append(took, elapsed(b, command))
	}
	b.ReportMetric(float64(median(took).Microseconds())/1000, "ms/median")
}
