package driver

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFoldersThatAreLeftOverAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	mine, err := newFolder()
	must(t, err)
	left := filepath.Join(os.TempDir(), "godwit-gpu-left")
	must(t, os.MkdirAll(filepath.Join(left, "inside"), 0o700))
	fresh := filepath.Join(os.TempDir(), "godwit-gpu-fresh")
	must(t, os.Mkdir(fresh, 0o700))
	old := time.Now().Add(-time.Hour)
	for _, path := range []string{mine.path, left} {
		must(t, os.Chtimes(path, old, old))
	}
	other, err := newFolder()
	must(t, err)
	for path, want := range map[string]bool{mine.path: true, other.path: true, fresh: true, left: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
	mine.remove()
	if _, err := os.Stat(mine.path); err == nil {
		t.Error("not removed")
	}
}
