package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/blobs/unixfscid"
	"github.com/godwit-run/godwit/runtime"
)

// keep copies what the guest left in /out to dir, unless that is "", and names
// its files. Every name in it is the guest's choice: WriteFiles sees to it that
// nothing outside of dir is touched.
func keep(r *runtime.Result, dir string) ([]output, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := r.WriteFiles(dir); err != nil {
			return nil, fmt.Errorf("--output %s: %w", dir, err)
		}
	}
	return list(r.Files())
}

// list names the regular files of a tree.
func list(tree fs.FS) (outputs []output, err error) {
	err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := tree.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		id, size, err := unixfscid.Sum(f)
		outputs = append(outputs, output{Path: path, Size: size, CID: id.String()})
		return err
	})
	return outputs, err
}

// checkOutput fails before the run where its output could not be written after
// it. It creates nothing.
func checkOutput(output string) error {
	if output == "" {
		return nil
	}
	if err := checkDir(nearest(output)); err != nil {
		return fmt.Errorf("--output %s: %w", output, err)
	}
	return nil
}

// checkReport is checkOutput for the report.
func checkReport(report string) error {
	if report == "" {
		return nil
	}
	info, err := os.Stat(report)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("--report %s: %w", report, unix.EISDIR)
	case err == nil && !info.Mode().IsRegular():
		return nil
	}
	if err := checkDir(filepath.Dir(report)); err != nil {
		return fmt.Errorf("--report %s: %w", report, err)
	}
	return nil
}

// nearest is path or the lowest directory above it that exists.
func nearest(path string) string {
	for {
		_, err := os.Stat(path)
		up := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || up == path {
			return path
		}
		path = up
	}
}

// checkDir fails unless dir is a directory that we may create files in.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &os.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR}
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &os.PathError{Op: "write to", Path: dir, Err: err}
	}
	return nil
}
