package wasm

// DeclaredRefs tells of every function whether something outside of the bodies refers to it: an
// export, an element segment or a constant expression. Only these may be named by ref.func in
// bodies, and only these can be reached by reference (the set C.refs of specification 2.0, section
// 3.4.10).
func (m *Module) DeclaredRefs() []bool {
	funcs := m.FuncCount()
	refs := make([]bool, funcs)
	mark := func(f uint32) {
		if uint64(f) < uint64(funcs) {
			refs[f] = true
		}
	}
	for i := range m.Exports {
		if m.Exports[i].Kind == KindFunc {
			mark(m.Exports[i].Index)
		}
	}
	for i := range m.Elems {
		for _, f := range m.Elems[i].Funcs {
			mark(f)
		}
	}
	m.constExprs(func(e *ConstExpr) { e.refs(mark) })
	return refs
}

// FuncTypes lists the type index of every function, imported ones first: for
// those who ask often, since TypeIndexOf walks the imports.
func (m *Module) FuncTypes() []uint32 {
	types := make([]uint32, 0, len(m.Funcs)+len(m.Imports))
	for i := range m.Imports {
		if m.Imports[i].Kind == KindFunc {
			types = append(types, m.Imports[i].Func)
		}
	}
	return append(types, m.Funcs...)
}
