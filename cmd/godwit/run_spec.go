package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/hostabi/wasi"
)

// runSpec is what a run file says of its run: all that the command line said when it began.
type runSpec struct {
	Name          string        `json:"name"` // of the module's file
	Args          []string      `json:"args,omitempty"`
	Env           []string      `json:"env,omitempty"`
	Stdin         string        `json:"stdin,omitempty"`       // a path, absolute
	StdinStart    int64         `json:"stdin_start,omitempty"` // where the run began to read it
	Inputs        []inputSpec   `json:"inputs,omitempty"`
	Output        string        `json:"output,omitempty"` // a path, absolute
	Report        string        `json:"report,omitempty"` // likewise
	Invoke        string        `json:"invoke,omitempty"`
	Deterministic bool          `json:"deterministic,omitempty"`
	Fuel          uint64        `json:"fuel,omitempty"`
	Memory        uint64        `json:"memory"`
	Timeout       time.Duration `json:"timeout,omitempty"`
	Every         time.Duration `json:"every"`
	Godwit        string        `json:"godwit"` // the version that began it
}

// inputSpec is one input.
type inputSpec struct {
	Path string `json:"path"` // absolute
	Name string `json:"name"` // under /in
	Size int64  `json:"size"` // of a regular file, in bytes
	Dir  bool   `json:"dir,omitempty"`
}

// open makes it an input, if it is still what it was.
func (s *inputSpec) open() (wasi.Input, error) {
	info, err := os.Stat(s.Path)
	switch {
	case err != nil:
		return wasi.Input{}, err
	case info.IsDir() && s.Dir:
		return wasi.DirInput(s.Name, s.Path), nil
	case info.IsDir() != s.Dir || !info.Mode().IsRegular() || info.Size() != s.Size:
		return wasi.Input{}, fmt.Errorf("%s is not what it was when the run began", s.Path)
	}
	return wasi.FileInput(s.Name, s.Path), nil
}

// specOf is what the flags say of a run that begins.
func specOf(f runFlags, name string, args []string) (s runSpec, err error) {
	s = runSpec{
		Name: filepath.Base(name), Args: args, Env: f.env, Invoke: f.invoke, Deterministic: f.deterministic,
		Fuel: uint64(f.fuel), Memory: uint64(f.memory), Timeout: time.Duration(f.timeout), Every: f.state.every,
		Godwit: readVersion().Version,
	}
	for _, spec := range f.inputs {
		in, err := resolveInput(spec)
		if err != nil {
			return s, fmt.Errorf("--input %s: %w", spec, err)
		}
		s.Inputs = append(s.Inputs, in)
	}
	return s, s.paths(f)
}

// paths takes over the paths that the flags name.
func (s *runSpec) paths(f runFlags) (err error) {
	stdin := f.stdin
	if stdin == "-" {
		stdin = ""
	}
	for _, p := range []struct {
		to   *string
		flag string
	}{{&s.Stdin, stdin}, {&s.Output, f.output}, {&s.Report, f.report}} {
		if p.flag == "" {
			continue
		}
		if *p.to, err = filepath.Abs(p.flag); err != nil {
			return err
		}
	}
	return nil
}

// amend takes over what the flags of a run that goes on say, as far as they may.
func (s *runSpec) amend(f runFlags, changed func(flag string) bool, args []string) error {
	given, err := specOf(f, s.Name, args)
	if err != nil {
		return err
	}
	switch {
	case len(args) > 0 && !slices.Equal(args, s.Args):
		return otherwise("arguments")
	case changed("env") && !slices.Equal(given.Env, s.Env):
		return otherwise("an environment")
	case changed("invoke") && given.Invoke != s.Invoke:
		return otherwise("a function to --invoke")
	case changed("deterministic") && given.Deterministic != s.Deterministic:
		return otherwise("--deterministic")
	case changed("input") && !slices.EqualFunc(given.Inputs, s.Inputs, func(a, b inputSpec) bool { return a.Name == b.Name && a.Dir == b.Dir && a.Size == b.Size }):
		return otherwise("--input")
	}
	if changed("input") {
		s.Inputs = given.Inputs
	}
	if changed("fuel") {
		s.Fuel = given.Fuel
	}
	if changed("memory") {
		s.Memory = given.Memory
	}
	if changed("every") {
		s.Every = given.Every
	}
	if changed("timeout") {
		s.Timeout = given.Timeout
	}
	return s.paths(f)
}

func otherwise(what string) error {
	return hintedError{fmt.Errorf("the run was begun with %s other than these", what), "a run that goes on has them from its file: leave them out"}
}

// foreign tells what a run of someone else's would see of this machine, or leave on it, if it
// had its way. What the flags name is all right.
func (s *runSpec) foreign(f runFlags) error {
	if s.Stdin != "" && f.stdin == "" {
		return hintedError{fmt.Errorf("the run was begun elsewhere, and would read %s", s.Stdin), "if that is all right: --stdin " + s.Stdin}
	}
	for _, in := range s.Inputs {
		if len(f.inputs) == 0 {
			return hintedError{fmt.Errorf("the run was begun elsewhere, and would see %s", in.Path), fmt.Sprintf("if that is all right: --input %s:%s", in.Path, in.Name)}
		}
	}
	if f.output == "" {
		s.Output = ""
	}
	if f.report == "" {
		s.Report = ""
	}
	return nil
}

// specDomain separates these signatures from others of the key.
const specDomain = "godwit-run-spec\n"

// seal encodes and signs it.
func (s *runSpec) seal(key checkpoint.Ed25519Key) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	private := ed25519.PrivateKey(key)
	signature := ed25519.Sign(private, append([]byte(specDomain), text...))
	return append(append(bytes.Clone(private.Public().(ed25519.PublicKey)), signature...), text...), nil
}

var errSpec = errors.New("the run file does not say what is run")

// openSpec decodes what seal made, and tells whether the key signed it.
func openSpec(sealed []byte, key checkpoint.Ed25519Key) (s runSpec, own bool, err error) {
	const head = ed25519.PublicKeySize + ed25519.SignatureSize
	if len(sealed) < head {
		return s, false, errSpec
	}
	public, signature, text := sealed[:ed25519.PublicKeySize], sealed[ed25519.PublicKeySize:head], sealed[head:]
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil || s.Every <= 0 || s.Memory == 0 || s.Timeout < 0 {
		return s, false, errSpec
	}
	own = bytes.Equal(public, ed25519.PrivateKey(key).Public().(ed25519.PublicKey)) &&
		ed25519.Verify(public, append([]byte(specDomain), text...), signature)
	return s, own, nil
}

// userKey is the key that signs this user's runs. Where none can be kept it is made for this
// run alone: the run then goes on like one that was begun elsewhere.
func userKey() (checkpoint.Ed25519Key, error) {
	if data, err := userDataDir(); err == nil {
		dir := filepath.Join(data, "godwit")
		if os.MkdirAll(dir, 0o700) == nil {
			if key, err := ownerKey(dir, true); err == nil {
				return key, nil
			}
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return checkpoint.Ed25519Key(key), err
}
