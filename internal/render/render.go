package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Format is a way of printing. It is a flag value (pflag.Value).
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

// Formats are all formats, the default first.
func Formats() []string { return []string{string(Table), string(JSON), string(YAML)} }

// String implements pflag.Value.
func (f *Format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *Format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *Format) Set(s string) error {
	switch Format(s) {
	case Table, JSON, YAML:
		*f = Format(s)
		return nil
	}
	return fmt.Errorf("unknown format %q: want table, json or yaml", s)
}

// Print writes v, as encoding/json sees it, in format f; table writes it when
// f is Table.
func Print(w io.Writer, f Format, v any, table func(io.Writer) error) error {
	if f == Table {
		return table(w)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	text = append(text, '\n')
	if f == YAML {
		if text, err = yaml(text); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
	}
	_, err = w.Write(escape(text))
	return err
}

// escape writes what does not print as JSON escapes. In JSON and YAML such
// characters can only be inside a quoted string. Those beyond 16 bits, which
// YAML would need another escape for, do nothing to a terminal.
func escape(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r != '\n' && !unicode.IsPrint(r) && r <= 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

// Printable is s with everything that is not a printing character written as
// an escape sequence of Go, the lines of a text included.
func Printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			q := fmt.Sprintf("%+q", r)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// PrintableLines is Printable that keeps line ends and tabs.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, c := range cells {
			cells[j] = Printable(c)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}
