//go:build unix

package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// One has the lock, until it lets go or closes its file.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b := open(), open()
	for i, step := range []struct {
		do   func() error
		want error
	}{
		{func() error { return Lock(a) }, nil},
		{func() error { return Lock(b) }, ErrHeld},
		{func() error { return Unlock(a) }, nil},
		{func() error { return Lock(b) }, nil},
		{func() error { return Lock(a) }, ErrHeld},
		{b.Close, nil},
		{func() error { return Lock(a) }, nil},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
}
