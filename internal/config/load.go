package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// ErrUnknownKey is a key that Godwit does not have.
var ErrUnknownKey = errors.New("unknown key")

// LineError is what is wrong with a file, and where.
type LineError struct {
	File string
	Line int // from 1; 0 if unknown
	Err  error
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

// Override is a setting from a flag, which goes over file and variables.
type Override struct{ Key, Value string }

// Load reads a file, unless its name is "", then the GODWIT_* variables of
// environ, then the overrides. Warnings are for people: what was let pass though
// it is probably not meant. Errors: *LineError for what is in the file, *KeyError
// for other values, ErrUnknownKey.
func Load(file string, environ []string, overrides ...Override) (c Config, warnings []string, err error) {
	l := loader{c: Default(), set: map[string]source{}, file: file}
	if file != "" {
		if l.doc, err = readFile(file); err != nil {
			return c, nil, err
		}
		if err := l.text(); err != nil {
			return c, nil, err
		}
	}
	if err := l.environ(environ); err != nil {
		return c, nil, err
	}
	for _, o := range overrides {
		if err := l.parse(o.Key, o.Value); err != nil {
			return c, nil, err
		}
	}
	if err := l.c.Validate(); err != nil {
		return c, nil, l.locate(err)
	}
	l.c.agree(l.set)
	if err := l.c.readToken(); err != nil {
		return c, nil, err
	}
	return l.c, l.c.warnings(l.set), nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return text, err
}

// readToken takes the token out of its file.
func (c *Config) readToken() error {
	if c.TokenFile == "" {
		return nil
	}
	text, err := readFile(c.TokenFile)
	if err != nil {
		return fmt.Errorf("scheduler.api.token_file: %w", err)
	}
	if c.Token = strings.TrimSpace(string(text)); c.Token == "" {
		return fmt.Errorf("scheduler.api.token_file: %s is empty", c.TokenFile)
	}
	return nil
}

// source is where a key was set: fromFile, fromFlag, or the name of a variable.
type source string

const (
	fromFile source = "file"
	fromFlag source = "flag"
)

// loader is a Config under way, and where its keys were set.
type loader struct {
	c    Config
	set  map[string]source
	file string
	doc  []byte // what the file holds
}

// locate says of a value that makes no sense where it was set.
func (l *loader) locate(err error) error {
	var at *KeyError
	if !errors.As(err, &at) {
		return err
	}
	switch from := l.set[at.Key]; from {
	case "", fromFlag:
		return err
	case fromFile:
		return &LineError{l.file, lineOf(l.doc, at.Key), err}
	default:
		return fmt.Errorf("%s: %w", from, err)
	}
}

func (l *loader) field(key string) (field, bool) {
	list := fieldsOf(&l.c)
	i := slices.IndexFunc(list, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return list[i], true
}

// text reads the TOML document of the file.
func (l *loader) text() error {
	var doc map[string]any
	if err := toml.Unmarshal(l.doc, &doc); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return &LineError{l.file, line, errors.New(strings.TrimPrefix(err.Error(), "toml: "))}
		}
		return &LineError{l.file, 0, err}
	}
	key, err := l.table("", doc)
	if err != nil {
		return &LineError{l.file, lineOf(l.doc, key), err}
	}
	return nil
}

// table sets what a table holds; an error comes with its key.
func (l *loader) table(prefix string, t map[string]any) (key string, err error) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		key := strings.TrimPrefix(prefix+"."+name, ".")
		f, known := l.field(key)
		sub, isTable := t[name].(map[string]any)
		switch {
		case known:
			if err := f.set(t[name]); err != nil {
				return key, fmt.Errorf("%s: %w", key, err)
			}
			l.set[key] = fromFile
		case isTable && isSection(key):
			if at, err := l.table(key, sub); err != nil {
				return at, err
			}
		default:
			return key, unknown(key)
		}
	}
	return "", nil
}

// isSection reports whether there are keys below a name.
func isSection(name string) bool {
	return slices.ContainsFunc(Keys(), func(k string) bool { return strings.HasPrefix(k, name+".") })
}

// unknown says that there is no such key, and what there is in its place.
func unknown(key string) error {
	var others []string
	section := key[:strings.LastIndexByte(key, '.')+1]
	for _, k := range Keys() {
		if rest, ok := strings.CutPrefix(k, section); ok {
			name, _, _ := strings.Cut(rest, ".")
			others = append(others, name)
		}
	}
	return fmt.Errorf("%w %s (there are %s)", ErrUnknownKey, key, strings.Join(slices.Compact(others), ", "))
}

// lineOf finds where a key is set, or the table of that name begins.
func lineOf(text []byte, key string) int {
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		name, at := dotted(&p, e.Key())
		if e.Kind == unstable.KeyValue {
			name = strings.TrimPrefix(table+"."+name, ".")
		} else {
			table = name
		}
		if name == key || strings.HasPrefix(key, name+".") && e.Kind == unstable.KeyValue || strings.HasPrefix(name, key+".") {
			return 1 + bytes.Count(text[:at], []byte("\n"))
		}
	}
	return 0
}

// dotted joins the parts of a key, and tells its offset.
func dotted(p *unstable.Parser, parts unstable.Iterator) (name string, offset int) {
	var names []string
	for parts.Next() {
		n := parts.Node()
		if len(names) == 0 {
			offset = int(n.Raw.Offset)
		}
		names = append(names, string(n.Data))
	}
	return strings.Join(names, "."), offset
}

// environ takes the variables that are those of keys. One that begins like them
// and is none is a mistake; others that begin with GODWIT_ belong to the command.
func (l *loader) environ(environ []string) error {
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		f, known := l.variable(name)
		switch {
		case !known && namesSection(name):
			return fmt.Errorf("variable %s: %w", name, ErrUnknownKey)
		case !known || value == "":
			continue
		}
		if err := f.parse(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		l.set[f.key] = source(name)
	}
	return nil
}

// variable is the field that a variable is for.
func (l *loader) variable(name string) (field, bool) {
	list := fieldsOf(&l.c)
	i := slices.IndexFunc(list, func(f field) bool { return name == f.env || name == Variable(f.key) })
	if i < 0 {
		return field{}, false
	}
	return list[i], true
}

// namesSection reports whether a variable begins with one of our sections.
func namesSection(name string) bool {
	return slices.ContainsFunc(Keys(), func(key string) bool {
		section, _, _ := strings.Cut(key, ".")
		return strings.HasPrefix(name, Variable(section)+"_")
	})
}

func (l *loader) parse(key, value string) error {
	f, ok := l.field(key)
	if !ok {
		return unknown(key)
	}
	l.set[key] = fromFlag
	if err := f.parse(value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
