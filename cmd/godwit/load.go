package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// readModule reads a module from a file, or from standard input if the name is
// "-", and refuses what is obviously none.
func readModule(name string) ([]byte, error) {
	binary, err := readBounded(name, int64(runtime.DefaultConfig().MaxModuleBytes))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(binary, []byte("\x00asm")) {
		return nil, notWasm(name, binary)
	}
	return binary, nil
}

// readBounded reads a file, or standard input if the name is "-", of at most max
// bytes.
func readBounded(name string, max int64) ([]byte, error) {
	var in io.Reader = os.Stdin
	if name != "-" {
		f, err := openFile(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	binary, err := io.ReadAll(io.LimitReader(in, max+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(binary)) > max:
		return nil, fmt.Errorf("%s: too large: more than %v", name, units.Size(max))
	}
	return binary, nil
}

// notWasm says what a file is that is no module, where that is easily seen.
func notWasm(name string, content []byte) error {
	err := func(what, hint string) error {
		return hintedError{fmt.Errorf("%s: %w: %s", name, runtime.ErrNotWasm, what), hint}
	}
	switch text := strings.TrimSpace(string(content[:min(len(content), 4096)])); {
	case len(content) == 0:
		return err("the file is empty", "")
	case isWat(text):
		return err("it looks like the text format",
			fmt.Sprintf("translate it first: wat2wasm --debug-names %s", name))
	case isNative(text):
		return err("it is a program for one kind of machine", "compile it for wasm32-wasip1 instead")
	case utf8.ValidString(text) && !strings.Contains(text, "\x00"):
		return err("it looks like text", "")
	}
	return err("it does not begin with \\0asm", "")
}

// isWat looks for the beginnings of the text format: a field in parentheses, or
// a comment before it.
func isWat(text string) bool {
	for _, start := range []string{"(module", "(component", "(func", "(memory", "(import", "(;", ";;"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// isNative looks for the first bytes of ELF, Mach-O (both byte orders and the
// fat kind) and Windows programs.
func isNative(text string) bool {
	for _, magic := range []string{"\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "MZ"} {
		if strings.HasPrefix(text, magic) {
			return true
		}
	}
	return false
}

// explain adds to an error of Inspect or Load which file it is about, and for a
// file cut short what to do.
func explain(name string, err error) error {
	var invalid *runtime.InvalidModuleError
	named := fmt.Errorf("%s: %w", name, err)
	if errors.As(err, &invalid) {
		return hintedError{named, "the file may be damaged or cut short, or use a proposal that is not supported"}
	}
	return named
}
