package wasm

import (
	"cmp"
	"slices"
	"strconv"
)

// NameSection is the name of the custom section that holds names.
const NameSection = "name"

// Subsections of the name section (specification 2.0, section 7.4.1; labels from the extended name
// section proposal).
const (
	namesModule = 0
	namesFuncs  = 1
	namesLocals = 2
	namesLabels = 3
)

// Name is the name of the thing of that index.
type Name struct {
	Index uint32
	Name  string
}

// FuncNames are the names of things inside of one function: its locals or its labels.
type FuncNames struct {
	Func  uint32
	Names []Name
}

// Subsection is a part of the name section that is kept as it is.
type Subsection struct {
	ID   byte
	Data []byte
}

// Names is the content of a name section.
type Names struct {
	Module    string // with HasModule
	HasModule bool
	Funcs     []Name
	Locals    []FuncNames
	Labels    []FuncNames
	Others    []Subsection // types, tables, memories and so on, by id
}

// DecodeNames reads the data of a name section. It is stricter than engines are: subsections in
// ascending order, each with exactly its bytes.
func DecodeNames(data []byte) (*Names, error) {
	d := &decoder{b: data, end: len(data)}
	n := &Names{}
	for last := -1; d.pos < len(data) && d.err == nil; {
		at := d.pos
		id := d.byte("a subsection id")
		if int(id) <= last {
			d.stop(malformed(at, "expected a subsection after %d, found %d", last, id))
		}
		last = int(id)
		content := d.bytes(d.u32("the size of a subsection"), "a subsection")
		if d.err == nil {
			d.err = n.subsection(id, content, d.pos-len(content))
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return n, nil
}

// subsection reads one subsection, whose content begins at offset.
func (n *Names) subsection(id byte, content []byte, offset int) error {
	d := &decoder{b: content, text: string(content), end: len(content)}
	switch id {
	case namesModule:
		n.Module, n.HasModule = d.name("a module name"), true
	case namesFuncs:
		n.Funcs = d.nameMap()
	case namesLocals:
		n.Locals = d.indirectNameMap()
	case namesLabels:
		n.Labels = d.indirectNameMap()
	default:
		n.Others = append(n.Others, Subsection{id, content})
		return nil
	}
	if d.err == nil && d.pos != d.end {
		d.stop(malformed(d.pos, "expected the end of the subsection, found more"))
	}
	if e, ok := d.err.(*Error); ok {
		e.Offset += offset
	}
	return d.err
}

func (d *decoder) nameMap() []Name {
	n := d.count(2, "names")
	if n == 0 {
		return nil
	}
	names := make([]Name, 0, n)
	for range n {
		name := Name{d.u32("an index"), d.name("a name")}
		if d.err != nil {
			return nil
		}
		names = append(names, name)
	}
	return names
}

func (d *decoder) indirectNameMap() []FuncNames {
	n := d.count(2, "functions")
	if n == 0 {
		return nil
	}
	funcs := make([]FuncNames, 0, n)
	for range n {
		names := FuncNames{d.u32("a function index"), d.nameMap()}
		if d.err != nil {
			return nil
		}
		funcs = append(funcs, names)
	}
	return funcs
}

// Encode writes the data of a name section.
func (n *Names) Encode() []byte { return n.appendTo([]byte{}) }

func (n *Names) appendTo(b []byte) []byte {
	if n.HasModule {
		b = appendSubsection(b, namesModule, func(b []byte) []byte { return AppendName(b, n.Module) })
	}
	if len(n.Funcs) > 0 {
		b = appendSubsection(b, namesFuncs, func(b []byte) []byte { return appendNameMap(b, n.Funcs) })
	}
	if len(n.Locals) > 0 {
		b = appendSubsection(b, namesLocals, func(b []byte) []byte { return appendIndirectNameMap(b, n.Locals) })
	}
	if len(n.Labels) > 0 {
		b = appendSubsection(b, namesLabels, func(b []byte) []byte { return appendIndirectNameMap(b, n.Labels) })
	}
	for _, s := range n.Others {
		b = appendSubsection(b, s.ID, func(b []byte) []byte { return append(b, s.Data...) })
	}
	return b
}

// empty reports whether nothing would be written.
func (n *Names) empty() bool {
	return !n.HasModule && len(n.Funcs)+len(n.Locals)+len(n.Labels)+len(n.Others) == 0
}

// sizeHint is about the size of the section.
func (n *Names) sizeHint() int {
	size := 64 + len(n.Module)
	for i := range n.Funcs {
		size += len(n.Funcs[i].Name) + 5
	}
	return size
}

func appendSubsection(b []byte, id byte, content func([]byte) []byte) []byte {
	b = append(b, id)
	start := len(b)
	return insertSize(content(b), start)
}

func appendNameMap(b []byte, names []Name) []byte {
	b = AppendU32(b, uint32(len(names)))
	for i := range names {
		b = AppendName(AppendU32(b, names[i].Index), names[i].Name)
	}
	return b
}

func appendIndirectNameMap(b []byte, funcs []FuncNames) []byte {
	b = AppendU32(b, uint32(len(funcs)))
	for _, f := range funcs {
		b = appendNameMap(AppendU32(b, f.Func), f.Names)
	}
	return b
}

// mapFuncs renumbers the functions and restores the order of indices.
func (n *Names) mapFuncs(f func(uint32) uint32) {
	for i := range n.Funcs {
		n.Funcs[i].Index = f(n.Funcs[i].Index)
	}
	slices.SortStableFunc(n.Funcs, func(a, b Name) int { return cmp.Compare(a.Index, b.Index) })
	for _, funcs := range [][]FuncNames{n.Locals, n.Labels} {
		for i := range funcs {
			funcs[i].Func = f(funcs[i].Func)
		}
		slices.SortStableFunc(funcs, func(a, b FuncNames) int { return cmp.Compare(a.Func, b.Func) })
	}
}

// Names gives the content of the module's name section, or nil if there is none or it is
// malformed: names are for messages only and never a reason to refuse a module. It must not be
// modified.
func (m *Module) Names() *Names {
	for i := range m.Customs {
		if c := &m.Customs[i]; c.Name == NameSection {
			return c.content()
		}
	}
	return nil
}

// content is what a name section says, or nil if it is malformed.
func (c *Custom) content() *Names {
	if c.names != nil {
		return c.names
	}
	names, err := DecodeNames(c.Data)
	if err != nil {
		return nil
	}
	return names
}

// CleanCustoms drops what an engine may refuse a module for although by the specification it is
// harmless: malformed name sections, all name sections but the first that is not, and custom
// sections without content. wazero, for one, trusts the counts in a name section and would
// allocate gigabytes for them. Who compiles a foreign module should call it first.
func (m *Module) CleanCustoms() {
	m.mapNames(nil)
	m.Customs = slices.DeleteFunc(slices.Clone(m.Customs), func(c Custom) bool {
		return len(c.Data) == 0 && (c.names == nil || c.names.empty())
	})
}

// mapNames drops bad name sections and changes the good one, if change is not nil. It reports
// whether there is one. A section that has been changed stays decoded until the module is encoded:
// rewriters change it several times.
func (m *Module) mapNames(change func(*Names)) bool {
	seen := false
	var kept []Custom
	for _, custom := range m.Customs {
		if custom.Name == NameSection {
			names := custom.content()
			if seen || names == nil {
				continue
			}
			if seen = true; change != nil {
				change(names)
				custom.Data, custom.names = nil, names
			}
		}
		kept = append(kept, custom)
	}
	m.Customs = kept
	return seen
}

// NumberFuncs gives each function that the module defines and that has no name its index for a
// name, as engines print it: "$5". It is for rewriters, whose imports move the indices.
func (m *Module) NumberFuncs() {
	number := func(n *Names) { n.number(uint32(m.ImportedFuncs()), uint32(len(m.Funcs))) }
	if !m.mapNames(number) {
		names := &Names{}
		number(names)
		m.Customs = append(m.Customs, Custom{Name: NameSection, After: SectionData, names: names})
	}
}

// number names those of the count functions from first on that have no name.
func (n *Names) number(first, count uint32) {
	given := n.Funcs
	n.Funcs = make([]Name, 0, max(len(given), int(count)))
	for index := first; index < first+count; index++ {
		for len(given) > 0 && given[0].Index < index {
			n.Funcs, given = append(n.Funcs, given[0]), given[1:]
		}
		if len(given) == 0 || given[0].Index > index {
			n.Funcs = append(n.Funcs, Name{index, "$" + strconv.FormatUint(uint64(index), 10)})
		}
	}
	n.Funcs = append(n.Funcs, given...)
}

// NameFuncs adds names of functions whose index is above all others, to a module that names its
// functions.
func (m *Module) NameFuncs(more []Name) {
	m.mapNames(func(n *Names) {
		if len(n.Funcs) > 0 {
			n.Funcs = append(n.Funcs, more...)
		}
	})
}
