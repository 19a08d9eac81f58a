package wasm

// maxPages is the largest size of a memory: 4 GiB in pages of 64 KiB.
const maxPages = 1 << 16

// maxModuleLocals bounds the locals of all functions together, beside one for each byte of code:
// five bytes can declare 50,000 locals, for each of which engines hold several bytes.
const maxModuleLocals = 4 << 20

// Validate checks a decoded or built module against the validation rules of the specification,
// chapter 3, all function bodies included, and against the limits of this package. What it accepts
// wazero compiles, once CleanCustoms has been called.
//
// The error is an *Error that wraps ErrInvalid, ErrMalformed or ErrUnsupported.
func Validate(m *Module) error {
	if err := ValidateStructure(m); err != nil {
		return err
	}
	c := NewChecker(m)
	var in Instr
	for i := range m.Codes {
		c.Begin(i)
		for {
			more, err := c.Next(&in)
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// ValidateStructure is Validate without the function bodies, for those who check them with a
// Checker in a pass of their own.
func ValidateStructure(m *Module) error {
	v := newValidator(m)
	for _, check := range []func() error{
		v.imports, v.functions, v.tables, v.memories, v.tags, v.globals, v.exports, v.start, v.elems, v.data, v.locals,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// validator holds the sizes of the index spaces.
type validator struct {
	m                                        *Module
	funcs, tableCount, memoryCount, tagCount int
	globalTypes                              []GlobalType
	tableTypes                               []ValType
	importedGlobals                          int
	consts                                   constChecker
}

func newValidator(m *Module) *validator {
	v := &validator{
		m: m, funcs: m.FuncCount(), tableCount: m.TableCount(), memoryCount: m.MemoryCount(), tagCount: m.TagCount(),
	}
	for i := range m.Imports {
		switch imp := &m.Imports[i]; imp.Kind {
		case KindGlobal:
			v.globalTypes = append(v.globalTypes, imp.Global)
		case KindTable:
			v.tableTypes = append(v.tableTypes, imp.Table.Elem)
		}
	}
	v.importedGlobals = len(v.globalTypes)
	for i := range m.Globals {
		v.globalTypes = append(v.globalTypes, m.Globals[i].Type)
	}
	for i := range m.Tables {
		v.tableTypes = append(v.tableTypes, m.Tables[i].Type.Elem)
	}
	v.consts.funcs = v.funcs
	return v
}

// constant checks a constant expression that may read the first so many globals.
func (v *validator) constant(e ConstExpr, offset, globals int, want ValType) error {
	v.consts.globals = v.globalTypes[:globals]
	return v.consts.check(e, offset, want)
}

func (v *validator) imports() error {
	for i := range v.m.Imports {
		imp := &v.m.Imports[i]
		if imp.Module == "" {
			return unsupported(imp.At, "expected a module name of an import that is not empty, found \"\"")
		}
		if err := v.importType(imp); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) importType(imp *Import) error {
	switch imp.Kind {
	case KindFunc:
		return v.typeIndex(imp.Func, imp.At)
	case KindTable:
		return v.tableType(imp.Table, imp.At)
	case KindMemory:
		return memoryLimits(imp.Memory.Limits, imp.At)
	case KindTag:
		return v.tag(imp.Func, imp.At)
	}
	return nil
}

func (v *validator) typeIndex(index uint32, offset int) error {
	if uint64(index) >= uint64(len(v.m.Types)) {
		return invalid(offset, "expected a type index below %d, found %d", len(v.m.Types), index)
	}
	return nil
}

func (v *validator) functions() error {
	if len(v.m.Funcs) != len(v.m.Codes) {
		return malformed(0, "expected as many function bodies as functions (%d), found %d", len(v.m.Funcs), len(v.m.Codes))
	}
	for i, index := range v.m.Funcs {
		if uint64(index) >= uint64(len(v.m.Types)) {
			return v.typeIndex(index, v.m.numberAt(v.m.sections[SectionFunction], i, 0))
		}
	}
	return nil
}

// numberAt finds the offset of the i-th of some numbers that begin at pos, each after skip bytes;
// 0 for a module that was not decoded.
func (m *Module) numberAt(pos, i, skip int) int {
	if pos == 0 {
		return 0
	}
	for range i {
		if _, pos = u32(m.source, pos+skip); pos < 0 {
			return 0
		}
	}
	return pos + skip
}

func (v *validator) tableType(t TableType, offset int) error {
	switch l := t.Limits; {
	case !t.Elem.IsRef():
		return invalid(offset, "expected a table of references, found one of %v", t.Elem)
	case l.Shared:
		return malformed(offset, "expected a table that is not shared, found a shared one")
	case l.HasMax && l.Max < l.Min:
		return invalid(offset, "expected a maximum size of at least the minimum %d, found %d", l.Min, l.Max)
	case l.Min > maxTableMin:
		return unsupported(offset, "expected a table of at most %d elements, found %d", maxTableMin, l.Min)
	}
	return nil
}

func (v *validator) tables() error {
	for i := range v.m.Tables {
		t := &v.m.Tables[i]
		if err := v.tableType(t.Type, t.At); err != nil {
			return err
		}
		if t.Init != nil {
			if err := v.constant(t.Init, t.initAt, v.importedGlobals, t.Type.Elem); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *validator) memories() error {
	for i, t := range v.m.Memories {
		if err := memoryLimits(t.Limits, v.m.sections[SectionMemory]); err != nil {
			return err
		}
		if i > 0 || v.memoryCount > 1 {
			return unsupported(v.m.sections[SectionMemory], "expected at most one memory, found %d", v.memoryCount)
		}
	}
	if v.memoryCount > 1 {
		return unsupported(0, "expected at most one memory, found %d", v.memoryCount)
	}
	return nil
}

func memoryLimits(l Limits, offset int) error {
	switch {
	case l.Min > maxPages:
		return invalid(offset, "expected a memory of at most %d pages, found %d", maxPages, l.Min)
	case l.HasMax && l.Max > maxPages:
		return invalid(offset, "expected a memory of at most %d pages, found %d", maxPages, l.Max)
	case l.HasMax && l.Max < l.Min:
		return invalid(offset, "expected a maximum size of at least the minimum %d, found %d", l.Min, l.Max)
	case l.Shared && !l.HasMax:
		return invalid(offset, "expected a maximum size of a shared memory, found none")
	}
	return nil
}

func (v *validator) tags() error {
	for i, index := range v.m.Tags {
		if err := v.tag(index, 0); err != nil {
			return v.tag(index, v.m.numberAt(v.m.sections[SectionTag], i, 1))
		}
	}
	return nil
}

func (v *validator) tag(index uint32, offset int) error {
	if err := v.typeIndex(index, offset); err != nil {
		return err
	}
	if results := v.m.Types[index].Results; len(results) > 0 {
		return invalid(offset, "expected a tag type without results, found %s", typeList(results))
	}
	return nil
}

// globals lets initial values read imported globals only: that is the rule of specification 2.0
// and of the engine.
func (v *validator) globals() error {
	for i := range v.m.Globals {
		g := &v.m.Globals[i]
		if err := v.constant(g.Init, g.initAt, v.importedGlobals, g.Type.Type); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) exports() error {
	seen := make(map[string]bool, len(v.m.Exports))
	counts := [...]int{v.funcs, v.tableCount, v.memoryCount, len(v.globalTypes), v.tagCount}
	for i := range v.m.Exports {
		e := &v.m.Exports[i]
		if seen[e.Name] {
			return invalid(e.At, "expected export names that differ, found %q twice", e.Name)
		}
		seen[e.Name] = true
		if int(e.Kind) >= len(counts) || uint64(e.Index) >= uint64(counts[e.Kind]) {
			return invalid(e.At, "expected %q to export one of %d of the kind %v, found index %d", e.Name, counts[min(int(e.Kind), 4)], e.Kind, e.Index)
		}
	}
	return nil
}

func (v *validator) start() error {
	if v.m.Start == nil {
		return nil
	}
	index, offset := *v.m.Start, v.m.sections[SectionStart]
	if uint64(index) >= uint64(v.funcs) {
		return invalid(offset, "expected a start function below %d, found %d", v.funcs, index)
	}
	if t := v.m.FuncTypeOf(index); len(t.Params)+len(t.Results) > 0 {
		return invalid(offset, "expected a start function from [] to [], found %v", t)
	}
	return nil
}

// elems lets segments read all globals, as the engine does: by then all have their values.
func (v *validator) elems() error {
	for i := range v.m.Elems {
		e := &v.m.Elems[i]
		if err := v.elem(e); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) elem(e *Elem) error {
	if e.Type != FuncRef && e.Type != ExternRef {
		return unsupported(e.At, "expected a segment of funcref or externref, found %v", e.Type)
	}
	if e.Mode == Active {
		if uint64(e.Table) >= uint64(len(v.tableTypes)) {
			return invalid(e.At, "expected a table index below %d, found %d", len(v.tableTypes), e.Table)
		}
		if t := v.tableTypes[e.Table]; t != e.Type {
			return invalid(e.At, "expected a segment of %v for table %d, found %v", t, e.Table, e.Type)
		}
		if err := v.constant(e.Offset, e.offsetAt, len(v.globalTypes), I32); err != nil {
			return err
		}
	}
	return v.items(e)
}

func (v *validator) items(e *Elem) error {
	for i, f := range e.Funcs {
		if uint64(f) >= uint64(v.funcs) {
			return invalid(v.m.numberAt(e.itemsAt, i, 0), "expected a function index below %d, found %d", v.funcs, f)
		}
	}
	offset := e.itemsAt
	for _, expr := range e.Exprs {
		if err := v.constant(expr, offset, len(v.globalTypes), e.Type); err != nil {
			return err
		}
		offset += len(expr)
	}
	return nil
}

func (v *validator) data() error {
	for i := range v.m.Data {
		d := &v.m.Data[i]
		if d.Mode == Passive {
			continue
		}
		if uint64(d.Memory) >= uint64(v.memoryCount) {
			return invalid(d.At, "expected a memory index below %d, found %d", v.memoryCount, d.Memory)
		}
		if err := v.constant(d.Offset, d.offsetAt, v.importedGlobals, I32); err != nil {
			return err
		}
	}
	return nil
}

// locals bounds the locals of the whole module.
func (v *validator) locals() error {
	total, room := uint64(0), uint64(maxModuleLocals)
	for i := range v.m.Codes {
		c := &v.m.Codes[i]
		room += uint64(len(c.Body))
		for _, run := range c.Locals {
			total += uint64(run.N)
		}
	}
	if total > room {
		return unsupported(v.m.sections[SectionCode], "expected at most %d locals in all functions, found %d", room, total)
	}
	return nil
}
