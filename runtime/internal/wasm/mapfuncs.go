package wasm

// MapFuncs renumbers the functions everywhere outside of function bodies: in exports, the start
// function, element segments, constant expressions and the name section. It is for rewriters that
// add imports, which move the index of every defined function; they renumber the bodies as they
// rewrite them. A malformed name section is dropped. Nothing of the input is written to.
func (m *Module) MapFuncs(f func(uint32) uint32) {
	for i := range m.Exports {
		if e := &m.Exports[i]; e.Kind == KindFunc {
			e.Index = f(e.Index)
		}
	}
	if m.Start != nil {
		start := f(*m.Start)
		m.Start = &start
	}
	for i := range m.Elems {
		funcs := m.Elems[i].Funcs
		for j := range funcs {
			funcs[j] = f(funcs[j])
		}
	}
	m.constExprs(func(e *ConstExpr) { e.mapFuncs(f) })
	m.mapNames(func(n *Names) { n.mapFuncs(f) })
}

// constExprs visits the constant expressions that may refer to functions: not those of offsets,
// whose type is i32, and of which a program in Go has tens of thousands.
func (m *Module) constExprs(visit func(*ConstExpr)) {
	for i := range m.Tables {
		visit(&m.Tables[i].Init)
	}
	for i := range m.Globals {
		visit(&m.Globals[i].Init)
	}
	for i := range m.Elems {
		for j := range m.Elems[i].Exprs {
			visit(&m.Elems[i].Exprs[j])
		}
	}
}

// refs visits the functions that the expression refers to.
func (e *ConstExpr) refs(visit func(uint32)) {
	r := NewReader(*e, 0)
	var in Instr
	for r.Next(&in) {
		if in.Op == OpRefFunc {
			visit(in.A)
		}
	}
}

// mapFuncs replaces the expression by one with other function indices, if it has any.
func (e *ConstExpr) mapFuncs(f func(uint32) uint32) {
	var mapped ConstExpr
	r := NewReader(*e, 0)
	var in Instr
	done := 0
	for r.Next(&in) {
		if in.Op == OpRefFunc {
			mapped = append(mapped, (*e)[done:in.Pos]...)
			mapped = AppendU32(append(mapped, byte(OpRefFunc)), f(in.A))
			done = in.End
		}
	}
	if done > 0 {
		*e = append(mapped, (*e)[done:]...)
	}
}
