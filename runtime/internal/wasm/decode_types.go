package wasm

func (d *decoder) funcType() FuncType {
	at := d.pos
	switch form := d.byte("a function type"); form {
	case 0x60:
	case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
		d.stop(unsupported(at, "garbage collected types (type form %#02x) are not supported", form))
	default:
		d.stop(malformed(at, "expected the form 0x60 of a function type, found %#02x", form))
	}
	params := d.valTypes(MaxParams, "parameters")
	return FuncType{Params: params, Results: d.valTypes(MaxResults, "results")}
}

func (d *decoder) valTypes(most int, what string) []ValType {
	at := d.pos
	n := d.count(1, what)
	if n > most {
		d.stop(unsupported(at, "expected at most %d %s, found %d", most, what, n))
	}
	if n == 0 || d.err != nil {
		return nil
	}
	types := make([]ValType, n)
	for i := range types {
		types[i] = d.valType()
	}
	return types
}

func (d *decoder) valType() ValType {
	at := d.pos
	b := d.byte("a value type")
	if d.err == nil && !ValType(b).valid() {
		d.stop(typeError(at, b, "a value type"))
	}
	return ValType(b)
}

func (d *decoder) refType() ValType {
	at := d.pos
	t := d.valType()
	if d.err == nil && !t.IsRef() {
		d.stop(malformed(at, "expected a reference type, found %v", t))
	}
	return t
}

// limits reads the bounds of a table or memory.
func (d *decoder) limits() Limits {
	at := d.pos
	flags := d.byte("limits")
	switch {
	case flags >= 4 && flags < 8:
		d.stop(unsupported(at, "64-bit memories and tables are not supported"))
	case flags >= 8:
		d.stop(malformed(at, "expected limits of kind 0 to 3, found %d", flags))
	}
	l := Limits{Min: uint64(d.u32("a minimum size")), HasMax: flags&1 != 0, Shared: flags&2 != 0}
	if l.HasMax {
		l.Max = uint64(d.u32("a maximum size"))
	}
	return l
}

func (d *decoder) tableType() TableType {
	return TableType{Elem: d.refType(), Limits: d.limits()}
}

func (d *decoder) memoryType() MemoryType { return MemoryType{d.limits()} }

func (d *decoder) globalType() GlobalType {
	t := d.valType()
	at := d.pos
	mutable := d.byte("a mutability")
	if mutable > 1 {
		d.stop(malformed(at, "expected a mutability of 0 or 1, found %d", mutable))
	}
	return GlobalType{Type: t, Mutable: mutable == 1}
}

// tagType reads a tag's attribute and type index.
func (d *decoder) tagType() uint32 {
	at := d.pos
	if attribute := d.byte("a tag attribute"); attribute != 0 {
		d.stop(malformed(at, "expected the tag attribute 0, found %d", attribute))
	}
	return d.u32("a type index")
}

func (d *decoder) importEntry() Import {
	imp := Import{At: d.pos}
	imp.Module, imp.Name = d.name("a module name"), d.name("an import name")
	at := d.pos
	imp.Kind = ExternKind(d.byte("an import kind"))
	switch imp.Kind {
	case KindFunc:
		imp.Func = d.u32("a type index")
	case KindTable:
		imp.Table = d.tableType()
	case KindMemory:
		imp.Memory = d.memoryType()
	case KindGlobal:
		imp.Global = d.globalType()
	case KindTag:
		imp.Func = d.tagType()
	default:
		d.stop(malformed(at, "expected an import kind from 0 to 4, found %d", imp.Kind))
	}
	return imp
}

func (d *decoder) export() Export {
	e := Export{At: d.pos}
	e.Name = d.name("an export name")
	at := d.pos
	if e.Kind = ExternKind(d.byte("an export kind")); e.Kind > KindTag {
		d.stop(malformed(at, "expected an export kind from 0 to 4, found %d", e.Kind))
	}
	e.Index = d.u32("an index")
	return e
}

// table reads a table definition. One with an initial value starts with 0x40 0x00.
func (d *decoder) table() Table {
	t := Table{At: d.pos}
	withInit := d.pos < d.end && d.b[d.pos] == 0x40
	if withInit {
		d.pos++
		if at := d.pos; d.byte("a zero byte") != 0 {
			d.stop(malformed(at, "expected a zero byte in a table with an initial value"))
		}
	}
	t.Type = d.tableType()
	if t.initAt = d.pos; withInit {
		t.Init = d.constExpr()
	}
	return t
}

func (d *decoder) global() Global {
	g := Global{At: d.pos}
	g.Type = d.globalType()
	g.initAt = d.pos
	g.Init = d.constExpr()
	return g
}

func (d *decoder) constExpr() ConstExpr {
	if d.err != nil {
		return nil
	}
	e, err := scanConst(d.b[d.pos:d.end], d.pos)
	if err != nil {
		d.stop(err)
	}
	d.pos += len(e)
	return e
}
