package device

import (
	"strings"
	"testing"
)

func TestWithoutFiles(t *testing.T) {
	const said = "error a source cannot take in files: "
	for name, c := range map[string]struct{ in, want string }{
		"nothing":           {"kernel void k() {}\n#define A 1\\\n+2\n#pragma unroll\n", "kernel void k() {}\n#define A 1\\\n+2\n#pragma unroll\n"},
		"empty":             {"", ""},
		"quoted":            {"#include \"/etc/passwd\"\n", "#" + said + "include \"/etc/passwd\"\n"},
		"angles":            {"int a;\r\n\t # include<x>\n", "int a;\r\n\t # " + said + "include<x>\n"},
		"by a macro":        {"#define F <x>\n#include F", "#define F <x>\n#" + said + "include F"},
		"others":            {"#import <x>\n#include_next <x>\n#embed <x>\n", "#" + said + "import <x>\n#" + said + "include_next <x>\n#" + said + "embed <x>\n"},
		"digraph":           {"%:include <x>", "%:" + said + "include <x>"},
		"trigraph":          {"??=include <x>", "#" + said + "include <x>"},
		"comments":          {"/*\n*/ # /* # \" */ include <x>", "/*\n*/ # /* # \" */ " + said + "include <x>"},
		"split":             {"#\\\ninc\\ \t\r\nlu??/\nde <x>\nint b;", "#" + said + "include <x>\n\n\n\nint b;"},
		"split hash":        {"%\\\n:include <x>", "%:" + said + "include <x>"},
		"split comment":     {"/\\\n**/#include <x>", "/**/#" + said + "include <x>"},
		"NUL and others":    {"\x00#\x00\v\f\u00a0include <x>", "\x00#\x00\v\f\u00a0" + said + "include <x>"},
		"behind a byte":     {"\ufeff#include <x>", "\ufeff#" + said + "include <x>"},
		"behind \"":         {"/*\"*/ #include <x>", "/*\"*/ #" + said + "include <x>"},
		"in a string":       {`printf("#include <x>\n");`, `printf("#include <x>\n");`},
		"a longer word":     {"#included\n#define include\n", "#included\n#define include\n"},
		"after a long line": {"\"" + strings.Repeat(" ", 2000) + "#include <x>", "\"" + strings.Repeat(" ", 2000) + "#" + said + "include <x>"},
	} {
		if got := string(WithoutFiles([]byte(c.in))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Whatever the source, a second time changes nothing, and none of its lines is lost.
func FuzzWithoutFiles(f *testing.F) {
	for _, seed := range []string{"#include <x>", "#\\\ninclude\n", "/*#*/%:import", "??=embed ??/\n", "\"#include\"", "\r\n#\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		once := WithoutFiles(source)
		if twice := WithoutFiles(once); string(twice) != string(once) {
			t.Errorf("%q then %q", once, twice)
		}
	})
}
