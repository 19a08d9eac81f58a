package wasm

// ExternKind is the kind of an import or export, by its byte in the binary format.
type ExternKind byte

// The kinds of imports and exports.
const (
	KindFunc   ExternKind = 0
	KindTable  ExternKind = 1
	KindMemory ExternKind = 2
	KindGlobal ExternKind = 3
	KindTag    ExternKind = 4
)

// String is the kind's name.
func (k ExternKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown kind"
}

var kindNames = [...]string{"function", "table", "memory", "global", "tag"}

// Import is one import.
type Import struct {
	Module, Name string
	Kind         ExternKind
	Func         uint32     // type index, of a function or a tag
	Table        TableType  // of a table
	Memory       MemoryType // of a memory
	Global       GlobalType // of a global
	At           int        // offset of the import in the input, for messages
}

// Export is one export.
type Export struct {
	Name  string
	Kind  ExternKind
	Index uint32 // in the index space of its kind, imports first
	At    int    // offset of the export in the input, for messages
}

// Table is a defined table.
type Table struct {
	Type TableType
	Init ConstExpr // initial value of the elements; nil when absent: null
	At   int       // offset in the input, for messages

	initAt int // the same of Init
}

// Global is a defined global.
type Global struct {
	Type GlobalType
	Init ConstExpr
	At   int // offset in the input, for messages

	initAt int // the same of Init
}

// SegmentMode says when a segment is copied.
type SegmentMode byte

// The modes of segments; data segments are never declarative.
const (
	Active      SegmentMode = iota // at instantiation
	Passive                        // by memory.init or table.init
	Declarative                    // never: it only declares functions for ref.func
)

// Elem is an element segment. Its items are function indices or, if Exprs is not empty, constant
// expressions.
type Elem struct {
	Mode   SegmentMode
	Table  uint32    // of an active segment
	Offset ConstExpr // index of the first element, of an active segment
	Type   ValType
	Funcs  []uint32
	Exprs  []ConstExpr
	At     int // offset in the input, for messages

	offsetAt, itemsAt int // the same of Offset and of the first item
}

// Len is the number of items.
func (e *Elem) Len() int { return max(len(e.Funcs), len(e.Exprs)) }

// Data is a data segment.
type Data struct {
	Mode   SegmentMode // Active or Passive
	Memory uint32      // of an active segment
	Offset ConstExpr   // address of the first byte, of an active segment
	Bytes  []byte      // aliases the input
	At     int         // offset in the input, for messages

	offsetAt int // the same of Offset
}

// LocalRun is a run of N locals of one type, as function bodies declare them.
type LocalRun struct {
	N    uint32
	Type ValType
}

// Code is the body of a defined function.
type Code struct {
	Locals []LocalRun // without the parameters
	Body   []byte     // the expression with its final end; aliases the input
	Offset int        // of Body in the input, for messages
}

// Custom is a custom section.
type Custom struct {
	Name  string
	Data  []byte // aliases the input; nil once names stands for it
	After byte   // id of the section it follows, 0 at the start

	names *Names // of a name section that has been changed; it is encoded with the module
}

// Section ids of the binary format.
const (
	SectionCustom    = 0
	SectionType      = 1
	SectionImport    = 2
	SectionFunction  = 3
	SectionTable     = 4
	SectionMemory    = 5
	SectionGlobal    = 6
	SectionExport    = 7
	SectionStart     = 8
	SectionElement   = 9
	SectionCode      = 10
	SectionData      = 11
	SectionDataCount = 12
	SectionTag       = 13

	sectionIDs = 14
)

// sectionOrder is the order in which sections must appear.
var sectionOrder = [...]byte{
	SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionTag, SectionGlobal,
	SectionExport, SectionStart, SectionElement, SectionDataCount, SectionCode, SectionData,
}

// Module is a core module. Index spaces begin with the imports of their kind, in order, and go on
// with what the module defines. Byte slices of a decoded module alias the input.
type Module struct {
	Types     []FuncType
	Imports   []Import
	Funcs     []uint32 // type index of each defined function
	Tables    []Table
	Memories  []MemoryType
	Tags      []uint32 // type index of each defined tag
	Globals   []Global
	Exports   []Export
	Start     *uint32 // function index
	Elems     []Elem
	DataCount *uint32 // as the input has it; Encode writes the count of Data if it is not nil
	Data      []Data
	Codes     []Code // one for each of Funcs
	Customs   []Custom

	source   []byte          // the input, to find offsets for messages
	sections [sectionIDs]int // offset of each section's first entry in source
}

// imported counts the imports of one kind.
func (m *Module) imported(kind ExternKind) int {
	n := 0
	for i := range m.Imports {
		if m.Imports[i].Kind == kind {
			n++
		}
	}
	return n
}

// nthImport finds the import of that index in the index space of its kind.
func (m *Module) nthImport(kind ExternKind, index uint32) *Import {
	for i := range m.Imports {
		if m.Imports[i].Kind != kind {
			continue
		}
		if index == 0 {
			return &m.Imports[i]
		}
		index--
	}
	return nil
}

// ImportedFuncs is the number of imported functions, and so the index of the first defined one.
func (m *Module) ImportedFuncs() int { return m.imported(KindFunc) }

// ImportedTables is the number of imported tables.
func (m *Module) ImportedTables() int { return m.imported(KindTable) }

// ImportedMemories is the number of imported memories.
func (m *Module) ImportedMemories() int { return m.imported(KindMemory) }

// ImportedGlobals is the number of imported globals.
func (m *Module) ImportedGlobals() int { return m.imported(KindGlobal) }

// ImportedTags is the number of imported tags.
func (m *Module) ImportedTags() int { return m.imported(KindTag) }

// FuncCount is the number of functions, imported and defined.
func (m *Module) FuncCount() int { return m.ImportedFuncs() + len(m.Funcs) }

// TableCount is the number of tables, imported and defined.
func (m *Module) TableCount() int { return m.ImportedTables() + len(m.Tables) }

// MemoryCount is the number of memories, imported and defined.
func (m *Module) MemoryCount() int { return m.ImportedMemories() + len(m.Memories) }

// GlobalCount is the number of globals, imported and defined.
func (m *Module) GlobalCount() int { return m.ImportedGlobals() + len(m.Globals) }

// TagCount is the number of tags, imported and defined.
func (m *Module) TagCount() int { return m.ImportedTags() + len(m.Tags) }

// at gives a defined thing or, for an index below that of the first one, what imported makes of
// the import.
func at[T any](m *Module, kind ExternKind, index uint32, defined func(i int) T, count int, imported func(*Import) T) (v T, ok bool) {
	if imp := m.nthImport(kind, index); imp != nil {
		return imported(imp), true
	}
	if i := int64(index) - int64(m.imported(kind)); i < int64(count) {
		return defined(int(i)), true
	}
	return v, false
}

// TypeIndexOf gives the type index of a function, imported or defined, or false if there is no
// such function. It walks the imports: callers that ask often keep the answers.
func (m *Module) TypeIndexOf(function uint32) (uint32, bool) {
	return at(m, KindFunc, function, func(i int) uint32 { return m.Funcs[i] }, len(m.Funcs),
		func(imp *Import) uint32 { return imp.Func })
}

// FuncTypeOf gives the type of a function, imported or defined; the zero type if there is no such
// function or type.
func (m *Module) FuncTypeOf(function uint32) FuncType {
	index, ok := m.TypeIndexOf(function)
	if !ok || int64(index) >= int64(len(m.Types)) {
		return FuncType{}
	}
	return m.Types[index]
}

// GlobalTypeOf gives the type of a global, imported or defined, or false if there is none.
func (m *Module) GlobalTypeOf(global uint32) (GlobalType, bool) {
	return at(m, KindGlobal, global, func(i int) GlobalType { return m.Globals[i].Type }, len(m.Globals),
		func(imp *Import) GlobalType { return imp.Global })
}

// TableTypeOf gives the type of a table, imported or defined, or false if there is none.
func (m *Module) TableTypeOf(table uint32) (TableType, bool) {
	return at(m, KindTable, table, func(i int) TableType { return m.Tables[i].Type }, len(m.Tables),
		func(imp *Import) TableType { return imp.Table })
}

// MemoryTypeOf gives the type of a memory, imported or defined, or false if there is none.
func (m *Module) MemoryTypeOf(memory uint32) (MemoryType, bool) {
	return at(m, KindMemory, memory, func(i int) MemoryType { return m.Memories[i] }, len(m.Memories),
		func(imp *Import) MemoryType { return imp.Memory })
}

// TagTypeOf gives the type index of a tag, imported or defined, or false if there is none.
func (m *Module) TagTypeOf(tag uint32) (uint32, bool) {
	return at(m, KindTag, tag, func(i int) uint32 { return m.Tags[i] }, len(m.Tags),
		func(imp *Import) uint32 { return imp.Func })
}

// BlockSignature resolves a block type, or returns false if it names no type. The lists must not
// be modified.
func (m *Module) BlockSignature(b BlockType) (FuncType, bool) {
	if index, ok := b.Index(); ok {
		if int64(index) >= int64(len(m.Types)) {
			return FuncType{}, false
		}
		return m.Types[index], true
	}
	if t, ok := b.Single(); ok {
		return FuncType{Results: t.list()}, true
	}
	return FuncType{}, true
}
