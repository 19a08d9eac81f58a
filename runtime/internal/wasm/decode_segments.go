package wasm

// The flags of element segments (specification 2.0, section 5.5.12).
const (
	elemNotActive = 1 // passive, or declarative with elemExplicit
	elemExplicit  = 2 // an active segment names its table; another one is declarative
	elemExprs     = 4 // items are expressions
)

func (d *decoder) elem() Elem {
	e := Elem{At: d.pos, Type: FuncRef}
	flags := d.u32("an element segment")
	switch {
	case flags > 7:
		d.stop(malformed(e.At, "expected an element segment of kind 0 to 7, found %d", flags))
	case flags&elemNotActive == 0:
		if flags&elemExplicit != 0 {
			e.Table = d.u32("a table index")
		}
		e.offsetAt = d.pos
		e.Offset = d.constExpr()
	case flags&elemExplicit != 0:
		e.Mode = Declarative
	default:
		e.Mode = Passive
	}
	if flags&(elemNotActive|elemExplicit) != 0 {
		e.Type = d.elemType(flags&elemExprs != 0)
	}
	d.items(&e, flags&elemExprs != 0)
	return e
}

// elemType reads the type of a segment's items: a reference type, or the only element kind.
func (d *decoder) elemType(exprs bool) ValType {
	if exprs {
		return d.refType()
	}
	at := d.pos
	if kind := d.byte("an element kind"); kind != 0 {
		d.stop(malformed(at, "expected the element kind 0, found %d", kind))
	}
	return FuncRef
}

func (d *decoder) items(e *Elem, exprs bool) {
	if exprs {
		n := d.count(1, "element expressions")
		e.itemsAt = d.pos
		for range n {
			expr := d.constExpr()
			if d.err != nil {
				return
			}
			e.Exprs = append(e.Exprs, expr)
		}
		return
	}
	n := d.count(1, "function indices")
	e.itemsAt = d.pos
	if n == 0 {
		return
	}
	e.Funcs = make([]uint32, n)
	for i := range e.Funcs {
		e.Funcs[i] = d.u32("a function index")
	}
}

func (d *decoder) data() Data {
	s := Data{At: d.pos}
	switch flags := d.u32("a data segment"); flags {
	case 0:
		s.offsetAt = d.pos
		s.Offset = d.constExpr()
	case 1:
		s.Mode = Passive
	case 2:
		s.Memory = d.u32("a memory index")
		s.offsetAt = d.pos
		s.Offset = d.constExpr()
	default:
		d.stop(malformed(s.At, "expected a data segment of kind 0 to 2, found %d", flags))
	}
	s.Bytes = d.bytes(d.u32("the size of a data segment"), "a data segment")
	return s
}

// code reads a function body up to its instructions.
func (d *decoder) code() Code {
	at := d.pos
	size := d.u32("the size of a function body")
	if uint64(size) > uint64(d.end-d.pos) {
		d.stop(malformed(at, "expected a function body of %d bytes, found %d before the end of the section", size, d.end-d.pos))
		return Code{}
	}
	section := d.end
	d.end = d.pos + int(size)
	defer func() { d.end = section }()
	locals := d.locals()
	offset := d.pos
	return Code{Locals: locals, Body: d.bytes(uint32(d.end-d.pos), "a function body"), Offset: offset}
}

func (d *decoder) locals() []LocalRun {
	n := d.count(2, "runs of locals")
	if n == 0 {
		return nil
	}
	first, total := len(d.runs), uint64(0)
	for range n {
		at := d.pos
		run := LocalRun{N: d.u32("a number of locals"), Type: d.valType()}
		if total += uint64(run.N); total > 1<<32-1 {
			d.stop(malformed(at, "expected less than 2^32 locals, found %d", total))
		}
		if d.err != nil {
			return nil
		}
		d.runs = append(d.runs, run)
	}
	return d.runs[first:len(d.runs):len(d.runs)]
}
