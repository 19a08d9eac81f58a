package wasm

import (
	"bytes"
	"unicode/utf8"
)

// maxTableMin is the largest initial table, in elements: wazero's limit.
const maxTableMin = 1 << 27

// Decode reads the structure of a core module: sections, entries, names, constant expressions and
// the extent of function bodies. It does not read instructions and does not validate. The module
// aliases b, which must not change as long as the module is in use.
//
// The error is an *Error that wraps ErrNotWasm, ErrComponent, ErrMalformed or ErrUnsupported.
func Decode(b []byte) (*Module, error) {
	if err := header(b); err != nil {
		return nil, err
	}
	d := &decoder{b: b, end: len(b), pos: 8, m: &Module{source: b}}
	for d.pos < len(b) && d.err == nil {
		d.section()
	}
	if d.err == nil && len(d.m.Funcs) != len(d.m.Codes) {
		d.stop(malformed(len(b), "expected as many function bodies as functions (%d), found %d", len(d.m.Funcs), len(d.m.Codes)))
	}
	if d.err == nil && d.m.DataCount != nil && uint64(*d.m.DataCount) != uint64(len(d.m.Data)) {
		d.stop(malformed(len(b), "expected as many data segments as announced (%d), found %d", *d.m.DataCount, len(d.m.Data)))
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.m, nil
}

// header checks the magic bytes and the version.
func header(b []byte) error {
	if len(b) < 4 || !bytes.Equal(b[:4], []byte("\x00asm")) {
		return &Error{0, "expected the bytes 00 61 73 6d, found another kind of file", ErrNotWasm}
	}
	if len(b) < 8 {
		return malformed(len(b), "expected the version, found the end of the file")
	}
	if layer := int(b[6]) | int(b[7])<<8; layer != 0 {
		return &Error{6, "expected a core module, found a component", ErrComponent}
	}
	if b[4] != 1 || b[5] != 0 {
		return malformed(4, "expected version 1, found %d", int(b[4])|int(b[5])<<8)
	}
	return nil
}

// decoder reads a module. After the first error it stands at the end and reads zeros, so that
// errors need not be checked after each field but only where a loop or an allocation follows.
type decoder struct {
	b    []byte
	text string // the same, for those who take many names from it; else empty
	pos  int
	end  int // of the current section
	m    *Module
	err  error
	rank int  // of the last section that was not custom, in sectionOrder
	last byte // the last section that was not custom and not empty
	runs []LocalRun
}

func (d *decoder) stop(err error) {
	if d.err == nil {
		d.err = err
	}
	d.pos = d.end
}

func (d *decoder) byte(want string) byte {
	if d.pos >= d.end {
		d.stop(malformed(d.end, "expected %s, found the end of the section", want))
		return 0
	}
	d.pos++
	return d.b[d.pos-1]
}

func (d *decoder) u32(want string) uint32 { return d.u32Of("", want) }

// u32Of reads a number that messages call by two words: joining them for each would take longer
// than to read it.
func (d *decoder) u32Of(number, want string) uint32 {
	v, next := u32(d.b[:d.end], d.pos)
	switch next {
	case lebTruncated:
		d.stop(malformed(d.end, "expected %s%s, found the end of the section", number, want))
	case lebTooLong:
		d.stop(malformed(d.pos, "expected %s%s in at most 32 bits, found more", number, want))
	default:
		d.pos = next
		return v
	}
	return 0
}

// count reads the length of a list whose entries take at least size bytes each.
func (d *decoder) count(size int, entries string) int {
	at := d.pos
	n := d.u32Of("the number of ", entries)
	if room := (d.end - d.pos) / size; uint64(n) > uint64(room) {
		d.stop(malformed(at, "expected at most %d %s in the bytes that are left, found a count of %d", room, entries, n))
		return 0
	}
	return int(n)
}

// bytes reads n bytes.
func (d *decoder) bytes(n uint32, want string) []byte {
	if uint64(n) > uint64(d.end-d.pos) {
		d.stop(malformed(d.pos, "expected %d bytes of %s, found %d", n, want, d.end-d.pos))
		return nil
	}
	d.pos += int(n)
	return d.b[d.pos-int(n) : d.pos : d.pos]
}

func (d *decoder) name(want string) string {
	at := d.pos
	b := d.bytes(d.u32Of("the length of ", want), want)
	switch {
	case !utf8.Valid(b):
		d.stop(malformed(at, "expected %s in UTF-8, found other bytes", want))
		return ""
	case d.text != "":
		return d.text[d.pos-len(b) : d.pos]
	}
	return string(b)
}

func (d *decoder) section() {
	at := d.pos
	d.end = len(d.b)
	id := d.byte("a section id")
	size := d.u32("the size of a section")
	if uint64(size) > uint64(d.end-d.pos) {
		d.stop(malformed(at, "expected a section of %d bytes, found %d before the end of the file", size, d.end-d.pos))
	}
	if d.err == nil && id != SectionCustom {
		d.order(id, at)
	}
	if d.err != nil {
		return
	}
	d.end = d.pos + int(size)
	d.content(id)
	if d.err == nil && d.pos != d.end {
		d.stop(malformed(d.pos, "expected the end of the section, found %d more bytes", d.end-d.pos))
	}
}

// order checks that the section may appear here.
func (d *decoder) order(id byte, at int) {
	rank := bytes.IndexByte(sectionOrder[:], id) + 1
	switch {
	case rank == 0:
		d.stop(malformed(at, "expected a section id from 0 to 13, found %d", id))
	case rank <= d.rank:
		d.stop(malformed(at, "expected a section after section %d, found section %d out of order", sectionOrder[d.rank-1], id))
	}
	d.rank = rank
}

func (d *decoder) content(id byte) {
	m := d.m
	n := 0
	switch id {
	case SectionCustom:
		d.custom()
		return
	case SectionType:
		n = list(d, id, &m.Types, 3, "types", d.funcType)
	case SectionImport:
		n = list(d, id, &m.Imports, 4, "imports", d.importEntry)
	case SectionFunction:
		n = list(d, id, &m.Funcs, 1, "functions", func() uint32 { return d.u32("a type index") })
	case SectionTable:
		n = list(d, id, &m.Tables, 3, "tables", d.table)
	case SectionMemory:
		n = list(d, id, &m.Memories, 2, "memories", d.memoryType)
	case SectionTag:
		n = list(d, id, &m.Tags, 2, "tags", d.tagType)
	case SectionGlobal:
		n = list(d, id, &m.Globals, 4, "globals", d.global)
	case SectionExport:
		n = list(d, id, &m.Exports, 3, "exports", d.export)
	case SectionElement:
		n = list(d, id, &m.Elems, 2, "element segments", d.elem)
	case SectionCode:
		n = list(d, id, &m.Codes, 3, "function bodies", d.code)
	case SectionData:
		n = list(d, id, &m.Data, 2, "data segments", d.data)
	case SectionStart:
		n = d.number(id, &m.Start, "a function index")
	case SectionDataCount:
		n = d.number(id, &m.DataCount, "a number of data segments")
	}
	if n > 0 {
		d.last = id
	}
}

// list reads the entries of a section.
func list[T any](d *decoder, id byte, to *[]T, size int, entries string, entry func() T) int {
	n := d.count(size, entries)
	d.m.sections[id] = d.pos
	if n == 0 {
		return 0
	}
	// Entries can be much larger here than their bytes are, so what a count promises is not
	// allocated at once: one for each eight bytes to begin with, then as they come.
	*to = make([]T, 0, min(n, 16+(d.end-d.pos)/8))
	for range n {
		v := entry()
		if d.err != nil {
			return 0
		}
		*to = append(*to, v)
	}
	return n
}

// number reads a section that holds but one number.
func (d *decoder) number(id byte, to **uint32, want string) int {
	d.m.sections[id] = d.pos
	v := d.u32(want)
	*to = &v
	return 1
}

func (d *decoder) custom() {
	name := d.name("the name of a custom section")
	data := d.bytes(uint32(d.end-d.pos), "a custom section")
	if d.err == nil {
		d.m.Customs = append(d.m.Customs, Custom{Name: name, Data: data, After: d.last})
	}
}
