package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of that many bytes, where the test may.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("may not mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes zeros until the disk has no room at all.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, neverEnding{}); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

func TestAFullDiskRefusesAndHarmsNothing(t *testing.T) {
	disk := smallDisk(t, "size=48m")
	dir := filepath.Join(disk, "blobs")
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	old := distinct(1, 10<<20)
	kept := put(t, s, old, "keep")
	check := func(when string) {
		t.Helper()
		if got, err := s.ReadAll(ctx, kept.CID, 10<<20); err != nil || !bytes.Equal(got, old) {
			t.Errorf("%s: %d bytes, %v", when, len(got), err)
		}
	}
	refused := func(when string, size int) {
		t.Helper()
		_, err := s.Import(ctx, bytes.NewReader(distinct(2, size)), ImportOptions{Pin: Pin{Name: "keep"}})
		var full *DiskError
		if !errors.Is(err, ErrDiskFull) || !errors.As(err, &full) {
			t.Errorf("%s: got %v", when, err)
		}
		check(when)
	}
	refused("more than the disk has", 60<<20)
	if _, err := s.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	refused("a disk filled by others", 5<<20)
	refused("a disk filled by others", 1)
	// Pins go on by the ballast until that is used up too.
	reason := strings.Repeat("x", MaxPinName)
	for i := range 20000 {
		if err = s.Pin(Pin{Name: fmt.Sprint("pin", i), Reason: reason, CID: kept.CID}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("pins until the ballast is used up: %v", err)
	}
	check("without any room")
	if err := s.Close(); err != nil {
		t.Errorf("close on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	check("opened again")
	if _, err := s.Collect(ctx); err != nil {
		t.Error(err)
	}
	put(t, s, distinct(3, 5<<20), "keep")
	check("with room again")
	checkAccounts(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
