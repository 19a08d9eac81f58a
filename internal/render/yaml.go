package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// yaml turns one JSON value into YAML 1.2 block style. Scalars stay as they
// are, since JSON's scalars are YAML's (https://yaml.org/spec/1.2.2/#12-overview);
// empty lists and objects do too.
func yaml(text []byte) ([]byte, error) {
	e := emitter{in: json.NewDecoder(bytes.NewReader(text))}
	e.in.UseNumber()
	if err := e.value(0, " "); err != nil {
		return nil, err
	}
	return bytes.TrimPrefix(e.out.Bytes(), []byte(" ")), nil
}

type emitter struct {
	in  *json.Decoder
	out bytes.Buffer
}

// value writes the next value, whose own lines are indented by depth. before
// goes ahead of a scalar; a list or object that is not empty starts with a line
// end, unless before is "" and it continues the line of a list's dash.
func (e *emitter) value(depth int, before string) error {
	tok, err := e.in.Token()
	if err != nil {
		return err
	}
	open, composite := tok.(json.Delim)
	switch {
	case composite && !e.in.More():
		_, err = e.in.Token()
		fmt.Fprintf(&e.out, "%s%c%c\n", before, open, open+2)
		return err
	case composite:
		return e.composite(open, depth, before)
	}
	scalar, err := json.Marshal(tok)
	fmt.Fprintf(&e.out, "%s%s\n", before, scalar)
	return err
}

func (e *emitter) composite(open json.Delim, depth int, before string) error {
	if before == " " && e.out.Len() > 0 {
		e.out.WriteByte('\n')
	}
	for first := true; e.in.More(); first = false {
		if !first || before == " " {
			e.out.WriteString(strings.Repeat("  ", depth))
		}
		if err := e.item(open, depth); err != nil {
			return err
		}
	}
	_, err := e.in.Token()
	return err
}

// item writes a list's item or an object's field.
func (e *emitter) item(open json.Delim, depth int) error {
	if open == '[' {
		e.out.WriteString("- ")
		return e.value(depth+1, "")
	}
	key, err := e.in.Token()
	if err != nil {
		return err
	}
	quoted, err := json.Marshal(key)
	if err != nil {
		return err
	}
	fmt.Fprintf(&e.out, "%s:", plainKey(quoted))
	return e.value(depth+1, " ")
}

// plainKey drops the quotes where a key cannot be taken for anything but a
// string: lower-case words, but not those that YAML 1.1 reads as booleans or null.
func plainKey(quoted []byte) []byte {
	key := bytes.Trim(quoted, `"`)
	switch string(key) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return quoted
	}
	if bytes.ContainsFunc(key, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return quoted
	}
	return key
}
