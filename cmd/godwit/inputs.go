package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/hostabi/wasi"
)

// parseInputs reads the values of --input: each PATH[:NAME], a file or
// directory of the host that the guest finds at /in/NAME.
func parseInputs(specs []string) ([]wasi.Input, error) {
	var inputs []wasi.Input
	for _, spec := range specs {
		in, err := parseInput(spec)
		if err != nil {
			return nil, fmt.Errorf("--input %s: %w", spec, err)
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func parseInput(spec string) (wasi.Input, error) {
	in, err := resolveInput(spec)
	if err != nil {
		return wasi.Input{}, err
	}
	if in.Dir {
		return wasi.DirInput(in.Name, in.Path), nil
	}
	return wasi.FileInput(in.Name, in.Path), nil
}

// resolveInput takes what follows the last colon for the name, unless the whole
// of spec is the path of something that exists.
func resolveInput(spec string) (in inputSpec, err error) {
	path, name := spec, ""
	info, err := os.Stat(path)
	if colon := strings.LastIndexByte(spec, ':'); errors.Is(err, fs.ErrNotExist) && colon > 0 {
		path, name = spec[:colon], spec[colon+1:]
		info, err = os.Stat(path)
	}
	if err != nil {
		return in, explainInput(path, err)
	}
	if name == "" {
		if name, err = baseName(path); err != nil {
			return in, err
		}
	}
	if !info.IsDir() && !info.Mode().IsRegular() { // opening a pipe could wait for ever
		return in, errors.New("neither a file nor a directory")
	}
	in = inputSpec{Name: name, Dir: info.IsDir()}
	if !in.Dir {
		in.Size = info.Size()
	}
	in.Path, err = filepath.Abs(path)
	return in, err
}

// baseName is the name of a file, for "." and ".." too.
func baseName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.Base(abs), nil
}

// explainInput tells apart what only looks like a missing file.
func explainInput(path string, err error) error {
	if _, notCID := cid.Decode(path); notCID == nil && errors.Is(err, fs.ErrNotExist) {
		return hintedError{
			errors.New("content named by CID is fetched by a node, and godwit run works without one"),
			"name a file or directory of this machine",
		}
	}
	return err
}
