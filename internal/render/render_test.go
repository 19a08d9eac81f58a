package render

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	goyaml "go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestYAML(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`1`, "1\n"},
		{`"a: b"`, "\"a: b\"\n"},
		{`{}`, "{}\n"},
		{`[]`, "[]\n"},
		{`{"a":1,"b":[],"c":{"d":null}}`, "a: 1\nb: []\nc:\n  d: null\n"},
		{`[1,[2,3],{"a":4,"b":[5]}]`, "- 1\n- - 2\n  - 3\n- a: 4\n  b:\n    - 5\n"},
		{`{"list":[{"name":"x","n":18446744073709551615}]}`, "list:\n  - name: \"x\"\n    \"n\": 18446744073709551615\n"},
	} {
		got, err := yaml([]byte(c.json))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.json, got, err, c.want)
		}
	}
}

// Whatever is printed reads back the same, from a library's point of view.
func TestYAMLReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(values(3).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := Print(&out, YAML, json.RawMessage(text), nil); err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := goyaml.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		back, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(back, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s became\n%s", text, out.String())
		}
	})
}

func values(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int32().AsAny(), rapid.String().AsAny(),
		rapid.SampledFrom([]string{"yes", "null", "1", "- a", "a: b", "#x", "", "\n"}).AsAny(),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	keys := rapid.OneOf(rapid.StringMatching("[a-z_]{1,4}"), rapid.SampledFrom([]string{"n", "on", "no", "null", "1", "A", "a b", ""}))
	return rapid.OneOf(append(scalars,
		rapid.SliceOfN(values(depth-1), 0, 3).AsAny(),
		rapid.MapOfN(keys, values(depth-1), 0, 3).AsAny())...)
}

func TestPrintChoosesTheFormat(t *testing.T) {
	v := struct {
		Name string `json:"name"`
	}{"x"}
	table := func(w io.Writer) error { _, err := io.WriteString(w, "NAME\nx\n"); return err }
	for f, want := range map[Format]string{Table: "NAME\nx\n", JSON: "{\n  \"name\": \"x\"\n}\n", YAML: "name: \"x\"\n"} {
		var out bytes.Buffer
		if err := Print(&out, f, v, table); err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v", f, out.String(), err)
		}
	}
	var f Format
	if err := f.Set("xml"); err == nil {
		t.Error("xml was accepted")
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"add":              "add",
		"größe 鳥":          "größe 鳥",
		"\x1b[31mred":      `\x1b[31mred`,
		"a\nb\tc":          `a\nb\tc`,
		"\xff\u202e\u200b": `\ufffd\u202e\u200b`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := PrintableLines("trap:\n\tat \x1b[2Jf\r\n"); got != "trap:\n\tat \\x1b[2Jf\\r\n" {
		t.Errorf("got %q", got)
	}
}
