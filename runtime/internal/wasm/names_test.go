package wasm_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// named is a name section with a bit of everything.
func named() *wasm.Names {
	return &wasm.Names{
		Module: "m", HasModule: true,
		Funcs:  []wasm.Name{{Index: 0, Name: "imported"}, {Index: 1, Name: "first"}, {Index: 2, Name: "second"}},
		Locals: []wasm.FuncNames{{Func: 1, Names: []wasm.Name{{Index: 0, Name: "x"}}}, {Func: 2, Names: []wasm.Name{{Index: 3, Name: "y"}}}},
		Labels: []wasm.FuncNames{{Func: 2, Names: []wasm.Name{{Index: 0, Name: "loop"}}}},
		Others: []wasm.Subsection{{ID: 7, Data: []byte{1, 0, 1, 'g'}}},
	}
}

func TestNames(t *testing.T) {
	want := named()
	got, err := wasm.DecodeNames(want.Encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMalformedNames cuts and spoils a name section: an error or another section, never a panic.
func TestMalformedNames(t *testing.T) {
	data := named().Encode()
	for i := range data {
		if _, err := wasm.DecodeNames(data[:i]); err != nil {
			requirePlace(t, err, i)
		}
		spoilt := bytes.Clone(data)
		spoilt[i] = 0xff
		if _, err := wasm.DecodeNames(spoilt); err != nil {
			requirePlace(t, err, len(data))
		}
	}
	hostile := []byte{1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f}
	if _, err := wasm.DecodeNames(hostile); err == nil {
		t.Error("a count of 2^32-1 names is accepted")
	}
}

// TestMapFuncs exchanges two functions and looks at every place that names them.
func TestMapFuncs(t *testing.T) {
	start := uint32(1)
	m := &wasm.Module{
		Types:   []wasm.FuncType{{}},
		Imports: []wasm.Import{{Module: "env", Name: "f", Kind: wasm.KindFunc}},
		Funcs:   []uint32{0, 0},
		Tables:  []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: 4}}, Init: wasm.ConstRefFunc(2)}},
		Globals: []wasm.Global{{Type: wasm.GlobalType{Type: wasm.FuncRef}, Init: wasm.ConstRefFunc(1)}},
		Exports: []wasm.Export{{Name: "a", Index: 1}, {Name: "t", Kind: wasm.KindTable}},
		Start:   &start,
		Elems: []wasm.Elem{
			{Offset: wasm.ConstI32(0), Type: wasm.FuncRef, Funcs: []uint32{0, 1, 2}},
			{Mode: wasm.Passive, Type: wasm.FuncRef, Exprs: []wasm.ConstExpr{wasm.ConstRefFunc(2), wasm.ConstZero(wasm.FuncRef)}},
		},
		Codes: []wasm.Code{{Body: []byte{0x0b}}, {Body: []byte{0x0b}}},
		Customs: []wasm.Custom{
			{Name: "name", Data: []byte("malformed"), After: wasm.SectionData},
			{Name: "name", Data: named().Encode(), After: wasm.SectionData},
			{Name: "other", Data: []byte{1}, After: wasm.SectionType},
		},
	}
	e := newEngine(t)
	m = decode(t, m.Encode())
	m.MapFuncs(func(i uint32) uint32 { return []uint32{0, 2, 1}[i] })
	roundTrip(t, e, "mapped", m)
	got := []any{m.Tables[0].Init, m.Globals[0].Init, m.Exports[0].Index, m.Exports[1].Index, *m.Start, m.Elems[0].Funcs, m.Elems[1].Exprs}
	want := []any{
		wasm.ConstRefFunc(1), wasm.ConstRefFunc(2), uint32(2), uint32(0), uint32(2), []uint32{0, 2, 1},
		[]wasm.ConstExpr{wasm.ConstRefFunc(1), wasm.ConstZero(wasm.FuncRef)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	names := m.Names()
	if names == nil || len(m.Customs) != 2 {
		t.Fatalf("custom sections: %v", m.Customs)
	}
	wantNames := named()
	wantNames.Funcs = []wasm.Name{{Index: 0, Name: "imported"}, {Index: 1, Name: "second"}, {Index: 2, Name: "first"}}
	wantNames.Locals[0], wantNames.Locals[1] = wantNames.Locals[1], wantNames.Locals[0]
	wantNames.Locals[0].Func, wantNames.Locals[1].Func = 1, 2
	wantNames.Labels[0].Func = 1
	if !reflect.DeepEqual(names, wantNames) {
		t.Errorf("names: %+v", names)
	}
}

// TestConstZero has a zero of every type as an initial value.
func TestConstZero(t *testing.T) {
	m := &wasm.Module{}
	for _, typ := range []wasm.ValType{wasm.I32, wasm.I64, wasm.F32, wasm.F64, wasm.V128, wasm.FuncRef, wasm.ExternRef, wasm.ExnRef} {
		m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: typ}, Init: wasm.ConstZero(typ)})
	}
	if err := wasm.Validate(m); err != nil {
		t.Error(err)
	}
	roundTrip(t, newEngine(t), "zeros", m)
}

// Functions without names are called by the index that they have before others are imported.
func TestNumberFuncs(t *testing.T) {
	for _, c := range []struct {
		given, want []wasm.Name
	}{
		{nil, []wasm.Name{{Index: 2, Name: "$2"}, {Index: 3, Name: "$3"}, {Index: 4, Name: "$4"}}},
		{
			[]wasm.Name{{Index: 0, Name: "imported"}, {Index: 3, Name: "given"}, {Index: 9, Name: "nobody's"}},
			[]wasm.Name{{Index: 0, Name: "imported"}, {Index: 2, Name: "$2"}, {Index: 3, Name: "given"}, {Index: 4, Name: "$4"}, {Index: 9, Name: "nobody's"}},
		},
	} {
		m := &wasm.Module{
			Imports: []wasm.Import{{Kind: wasm.KindFunc}, {Kind: wasm.KindFunc}},
			Funcs:   []uint32{0, 0, 0},
			Customs: []wasm.Custom{{Name: wasm.NameSection, Data: []byte("malformed")}},
		}
		if c.given != nil {
			m.Customs[0].Data = (&wasm.Names{Funcs: c.given}).Encode()
		}
		if m.NumberFuncs(); len(m.Customs) != 1 || !reflect.DeepEqual(m.Names().Funcs, c.want) {
			t.Errorf("%+v: got %+v, want %+v", c.given, m.Names(), c.want)
		}
	}
}
