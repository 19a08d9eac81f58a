package wasm

// Encode writes the module in the binary format. Integers that are written anew take their
// shortest form; function bodies, constant expressions and custom sections are copied as they
// are. Empty sections are left out.
func (m *Module) Encode() []byte { return m.AppendTo(make([]byte, 0, m.sizeHint())) }

// sizeHint is about the size of the encoded module.
func (m *Module) sizeHint() int {
	n := 1024 + 16*(len(m.Types)+len(m.Imports)+len(m.Exports)+len(m.Globals)+len(m.Codes)+len(m.Data))
	for i := range m.Codes {
		n += len(m.Codes[i].Body)
	}
	for i := range m.Data {
		n += len(m.Data[i].Bytes)
	}
	for i := range m.Customs {
		c := &m.Customs[i]
		if n += len(c.Name) + len(c.Data) + 16; c.names != nil {
			n += c.names.sizeHint()
		}
	}
	return n
}

// AppendTo appends the encoded module to b.
func (m *Module) AppendTo(b []byte) []byte {
	b = append(b, "\x00asm\x01\x00\x00\x00"...)
	b = m.appendCustoms(b, 0)
	for _, id := range sectionOrder {
		b = m.appendSection(b, id)
		b = m.appendCustoms(b, id)
	}
	return b
}

func (m *Module) appendCustoms(b []byte, after byte) []byte {
	for i := range m.Customs {
		if c := &m.Customs[i]; c.After == after {
			start := len(b)
			b = append(AppendName(append(b, SectionCustom), c.Name), c.Data...)
			if c.names != nil {
				b = c.names.appendTo(b)
			}
			b = insertSize(b, start+1)
		}
	}
	return b
}

func (m *Module) appendSection(b []byte, id byte) []byte {
	switch id {
	case SectionType:
		return appendList(b, id, m.Types, appendFuncType)
	case SectionImport:
		return appendList(b, id, m.Imports, appendImport)
	case SectionFunction:
		return appendList(b, id, m.Funcs, func(b []byte, f *uint32) []byte { return AppendU32(b, *f) })
	case SectionTable:
		return appendList(b, id, m.Tables, appendTable)
	case SectionMemory:
		return appendList(b, id, m.Memories, func(b []byte, t *MemoryType) []byte { return appendLimits(b, t.Limits) })
	case SectionTag:
		return appendList(b, id, m.Tags, func(b []byte, t *uint32) []byte { return AppendU32(append(b, 0), *t) })
	case SectionGlobal:
		return appendList(b, id, m.Globals, appendGlobal)
	case SectionExport:
		return appendList(b, id, m.Exports, appendExport)
	case SectionElement:
		return appendList(b, id, m.Elems, appendElem)
	case SectionCode:
		return appendList(b, id, m.Codes, appendCode)
	case SectionData:
		return appendList(b, id, m.Data, appendData)
	}
	return m.appendNumber(b, id)
}

// appendNumber writes the sections that hold but one number.
func (m *Module) appendNumber(b []byte, id byte) []byte {
	var v uint32
	switch {
	case id == SectionStart && m.Start != nil:
		v = *m.Start
	case id == SectionDataCount && m.DataCount != nil:
		v = uint32(len(m.Data))
	default:
		return b
	}
	b = append(b, id)
	start := len(b)
	return insertSize(AppendU32(b, v), start)
}

func appendList[T any](b []byte, id byte, entries []T, entry func([]byte, *T) []byte) []byte {
	if len(entries) == 0 {
		return b
	}
	b = append(b, id)
	start := len(b)
	b = AppendU32(b, uint32(len(entries)))
	for i := range entries {
		b = entry(b, &entries[i])
	}
	return insertSize(b, start)
}

// insertSize puts the size of what follows start before it.
func insertSize(b []byte, start int) []byte {
	var size [10]byte
	n := len(AppendU32(size[:0], uint32(len(b)-start)))
	b = append(b, size[:n]...)
	copy(b[start+n:], b[start:len(b)-n])
	copy(b[start:], size[:n])
	return b
}

func appendFuncType(b []byte, f *FuncType) []byte {
	return appendValTypes(appendValTypes(append(b, 0x60), f.Params), f.Results)
}

func appendValTypes(b []byte, types []ValType) []byte {
	b = AppendU32(b, uint32(len(types)))
	for _, t := range types {
		b = append(b, byte(t))
	}
	return b
}

func appendLimits(b []byte, l Limits) []byte {
	var flags byte
	if l.HasMax {
		flags |= 1
	}
	if l.Shared {
		flags |= 2
	}
	b = AppendU64(append(b, flags), l.Min)
	if l.HasMax {
		b = AppendU64(b, l.Max)
	}
	return b
}

func appendTableType(b []byte, t TableType) []byte {
	return appendLimits(append(b, byte(t.Elem)), t.Limits)
}

func appendGlobalType(b []byte, t GlobalType) []byte {
	var mutable byte
	if t.Mutable {
		mutable = 1
	}
	return append(b, byte(t.Type), mutable)
}

func appendImport(b []byte, imp *Import) []byte {
	b = append(AppendName(AppendName(b, imp.Module), imp.Name), byte(imp.Kind))
	switch imp.Kind {
	case KindTable:
		return appendTableType(b, imp.Table)
	case KindMemory:
		return appendLimits(b, imp.Memory.Limits)
	case KindGlobal:
		return appendGlobalType(b, imp.Global)
	case KindTag:
		b = append(b, 0)
	}
	return AppendU32(b, imp.Func)
}

func appendTable(b []byte, t *Table) []byte {
	if t.Init != nil {
		b = append(b, 0x40, 0)
	}
	return append(appendTableType(b, t.Type), t.Init...)
}

func appendGlobal(b []byte, g *Global) []byte {
	return append(appendGlobalType(b, g.Type), g.Init...)
}

func appendExport(b []byte, e *Export) []byte {
	return AppendU32(append(AppendName(b, e.Name), byte(e.Kind)), e.Index)
}

func appendElem(b []byte, e *Elem) []byte {
	// A list without items has no form of its own: it takes the one that can name its type.
	exprs := len(e.Exprs) > 0 || len(e.Funcs) == 0 && e.Type != FuncRef
	flags := elemFlags(e, exprs)
	b = AppendU32(b, flags)
	if flags&elemNotActive == 0 {
		if flags&elemExplicit != 0 {
			b = AppendU32(b, e.Table)
		}
		b = append(b, e.Offset...)
	}
	switch {
	case flags&(elemNotActive|elemExplicit) == 0:
	case exprs:
		b = append(b, byte(e.Type))
	default:
		b = append(b, 0)
	}
	b = AppendU32(b, uint32(e.Len()))
	for _, f := range e.Funcs {
		b = AppendU32(b, f)
	}
	for _, expr := range e.Exprs {
		b = append(b, expr...)
	}
	return b
}

func elemFlags(e *Elem, exprs bool) uint32 {
	var flags uint32
	if exprs {
		flags |= elemExprs
	}
	switch e.Mode {
	case Passive:
		flags |= elemNotActive
	case Declarative:
		flags |= elemNotActive | elemExplicit
	default:
		if e.Table != 0 || e.Type != FuncRef {
			flags |= elemExplicit
		}
	}
	return flags
}

// appendCode knows the size before it writes: bodies are most of a module, and are moved once.
func appendCode(b []byte, c *Code) []byte {
	size := lenU32(uint32(len(c.Locals))) + len(c.Body)
	for _, run := range c.Locals {
		size += lenU32(run.N) + 1
	}
	b = AppendU32(AppendU32(b, uint32(size)), uint32(len(c.Locals)))
	for _, run := range c.Locals {
		b = append(AppendU32(b, run.N), byte(run.Type))
	}
	return append(b, c.Body...)
}

func appendData(b []byte, d *Data) []byte {
	switch {
	case d.Mode == Passive:
		b = append(b, 1)
	case d.Memory != 0:
		b = AppendU32(append(b, 2), d.Memory)
		b = append(b, d.Offset...)
	default:
		b = append(append(b, 0), d.Offset...)
	}
	return append(AppendU32(b, uint32(len(d.Bytes))), d.Bytes...)
}
