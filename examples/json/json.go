// Command json reads one JSON document on standard input and prints it
// indented with its keys sorted, or only the part that a path selects.
//
//	json [-c] [-r] [PATH]
//
// A path is a chain of .key and [index] steps, as in .users[0].name; a
// negative index counts from the end. An empty path selects the whole document.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

const usage = "usage: json [-c] [-r] [PATH]   (-c: on one line, -r: strings without quotes)"

type options struct {
	compact, raw bool
	path         string
}

func main() {
	opts, err := parseArgs(os.Args[1:])
	if err != nil {
		fail(2, err)
	}
	if err := run(opts, os.Stdin, os.Stdout); err != nil {
		fail(1, err)
	}
}

func fail(code int, err error) {
	os.Stderr.WriteString("json: " + err.Error() + "\n")
	os.Exit(code)
}

func parseArgs(args []string) (options, error) {
	var opts options
	for i, arg := range args {
		switch {
		case arg == "-c":
			opts.compact = true
		case arg == "-r":
			opts.raw = true
		case strings.HasPrefix(arg, "-") || i < len(args)-1:
			return opts, errors.New(usage)
		default:
			opts.path = arg
		}
	}
	return opts, nil
}

func run(opts options, in io.Reader, out io.Writer) error {
	doc, err := decode(in)
	if err != nil {
		return err
	}
	part, err := lookup(doc, opts.path)
	if err != nil {
		return err
	}
	if text, ok := part.(string); ok && opts.raw {
		_, err := io.WriteString(out, text+"\n")
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if !opts.compact {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(part)
}

// decode reads exactly one document and keeps its numbers as they were written.
func decode(in io.Reader) (any, error) {
	dec := json.NewDecoder(in)
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no input")
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document on standard input")
	}
	return doc, nil
}

// lookup follows path, one step at a time, into doc.
func lookup(doc any, path string) (any, error) {
	for rest := path; rest != "" && rest != "."; {
		var err error
		switch rest[0] {
		case '.':
			doc, rest, err = stepKey(doc, rest[1:])
		case '[':
			doc, rest, err = stepIndex(doc, rest[1:])
		default:
			err = errors.New("a step starts with '.' or '['")
		}
		if err != nil {
			return nil, errors.New("path " + strconv.Quote(path) + ": " + err.Error())
		}
	}
	return doc, nil
}

func stepKey(doc any, rest string) (any, string, error) {
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	key, rest := rest[:end], rest[end:]
	object, ok := doc.(map[string]any)
	if !ok {
		return nil, "", errors.New("." + key + ": " + kind(doc) + " has no keys")
	}
	value, ok := object[key]
	if !ok {
		return nil, "", errors.New("." + key + ": no such key")
	}
	return value, rest, nil
}

func stepIndex(doc any, rest string) (any, string, error) {
	text, rest, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, "", errors.New("missing ']'")
	}
	index, err := strconv.Atoi(text)
	if err != nil {
		return nil, "", errors.New("[" + text + "]: not an index")
	}
	array, ok := doc.([]any)
	if !ok {
		return nil, "", errors.New("[" + text + "]: " + kind(doc) + " has no elements")
	}
	if index < 0 {
		index += len(array)
	}
	if index < 0 || index >= len(array) {
		return nil, "", errors.New("[" + text + "]: out of range, length is " + strconv.Itoa(len(array)))
	}
	return array[index], rest, nil
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}
