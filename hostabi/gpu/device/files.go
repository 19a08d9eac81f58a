package device

import (
	"bytes"
	"regexp"
)

// takesIn is a directive that takes in a file, in text whose lines have been joined (C99 6.10.2, and
// clang's own). Whatever is no part of a word may be between its parts.
var takesIn = regexp.MustCompile(`(?s)((?:#|%:)(?:[^A-Za-z0-9_"'/\n\r]|/\*.*?\*/)*)(include_next|include|import|embed|__include_macros)\b`)

// spliced is the end of a line that goes on in the next, as compilers see it (C99 5.1.1.2).
var spliced = regexp.MustCompile(`\\[ \t\v\f\x00]*(?:\r\n|\n\r|\n|\r)`)

// trigraphs are other spellings of the two characters that matter here (C99 5.2.1.1).
var trigraphs = regexp.MustCompile(`\?\?[=/]`)

// WithoutFiles is source in OpenCL C that takes in no file: a directive that would is an
// error where it is compiled, and nothing where it is skipped, as in what a program shares with its
// host. Guests have no files that a compiler could find: those would be the node's.
func WithoutFiles(source []byte) []byte {
	joined := join(trigraphs.ReplaceAllFunc(source, func(t []byte) []byte {
		return []byte{map[byte]byte{'=': '#', '/': '\\'}[t[2]]}
	}))
	var clean []byte
	rest := 0
	for _, m := range takesIn.FindAllSubmatchIndex(joined, -1) {
		if inText(joined[max(0, m[0]-1024):m[0]]) {
			continue
		}
		clean = append(append(clean, joined[rest:m[4]]...), "error a source cannot take in files: "...)
		rest = m[4]
	}
	if rest == 0 {
		return source
	}
	return append(clean, joined[rest:]...)
}

// inText tells whether what comes after a piece of source is in a string there.
func inText(before []byte) bool {
	line := before[bytes.LastIndexAny(before, "\r\n")+1:]
	return bytes.IndexByte(line, '"') >= 0 && !bytes.Contains(line, []byte("*/"))
}

// join joins lines that go on in the next. Those after them keep their numbers.
func join(source []byte) []byte {
	var joined []byte
	taken := 0 // ends of lines that are to be given back
	for {
		end := spliced.FindIndex(source)
		if end == nil {
			end = []int{len(source), len(source)}
		}
		part := source[:end[0]]
		if i := bytes.IndexByte(part, '\n') + 1; i > 0 {
			joined = append(append(joined, part[:i]...), bytes.Repeat([]byte("\n"), taken)...)
			part, taken = part[i:], 0
		}
		joined = append(joined, part...)
		if source = source[end[1]:]; len(source) == 0 {
			return joined
		}
		taken++
	}
}
