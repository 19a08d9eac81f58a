package runtime

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// keeper holds references while it waits for a message, which it adds to what they lead to: to a
// function in "function", to what has been thrown in "exception".
func keeper() []byte {
	i64 := []wasm.ValType{wasm.I64}
	thrown := []wasm.ValType{wasm.I32, wasm.F64, wasm.F32, wasm.I64}
	m := &wasm.Module{
		Types: []wasm.FuncType{
			{Params: []wasm.ValType{wasm.I32}, Results: i64}, {Results: i64}, {Params: thrown},
			{Results: append(slices.Clone(thrown), wasm.ExnRef)}, {Results: thrown},
		},
		Imports: []wasm.Import{{Module: "inbox", Name: "receive", Kind: wasm.KindFunc, Func: 0}},
		Funcs:   []uint32{1, 1, 1},
		Tags:    []uint32{2},
		Tables:  []wasm.Table{{Type: wasm.TableType{Elem: wasm.FuncRef, Limits: wasm.Limits{Min: 2}}}},
		Elems:   []wasm.Elem{{Mode: wasm.Declarative, Type: wasm.FuncRef, Funcs: []uint32{3}}},
		Exports: []wasm.Export{{Name: "function", Kind: wasm.KindFunc, Index: 1}, {Name: "exception", Kind: wasm.KindFunc, Index: 2}},
	}
	function := wasm.Code{Locals: []wasm.LocalRun{{N: 1, Type: wasm.FuncRef}, {N: 1, Type: wasm.I64}}, Body: []byte{
		0xd2, 0x03, 0x21, 0x00, // in local 0
		0x41, 0x00, 0xd2, 0x03, // and an operand below the call
		0x41, 0x01, 0x10, 0x00, 0x21, 0x01, // receive(1), kept in local 1
		0x26, 0x00, 0x41, 0x01, 0x20, 0x00, 0x26, 0x00, // both into the table
		0x41, 0x00, 0x11, 0x01, 0x00, 0x41, 0x01, 0x11, 0x01, 0x00, 0x7c, // and called
		0x20, 0x01, 0x7c, 0x0b,
	}}
	exception := wasm.Code{Locals: []wasm.LocalRun{{N: 1, Type: wasm.ExnRef}, {N: 1, Type: wasm.I64}, {N: 1, Type: wasm.I64}}, Body: slices.Concat(
		[]byte{0x02, 0x03, 0x1f, 0x40, 0x01, 0x01, 0x00, 0x00, 0x41, 0x79},             // catch_ref: throw -7,
		[]byte{0x44, 0, 0, 0, 0, 0, 0, 0x04, 0x40, 0x43, 0, 0, 0x80, 0x3f, 0x42, 0x03}, // 2.5, 1 and 3
		[]byte{0x08, 0x00, 0x0b, 0x00, 0x0b},
		[]byte{0x21, 0x00, 0x1a, 0x1a, 0x1a, 0x1a, 0x41, 0x01, 0x10, 0x00, 0x21, 0x01},             // keep the reference, and receive(1)
		[]byte{0x02, 0x04, 0x1f, 0x40, 0x01, 0x00, 0x00, 0x00, 0x20, 0x00, 0x0a, 0x0b},             // throw it anew, and catch
		[]byte{0x00, 0x0b, 0x21, 0x02, 0xbb, 0xa0, 0x44, 0, 0, 0, 0, 0, 0, 0x24, 0x40, 0xa2, 0xb0}, // ten times 2.5 + 1
		[]byte{0x20, 0x01, 0x7c, 0x21, 0x01, 0xac, 0x20, 0x01, 0x7c},
		[]byte{0x20, 0x02, 0x7c, 0x0b}, // and the 3
	)}
	m.Codes = []wasm.Code{function, exception, {Body: []byte{0x42, 0xe8, 0x07, 0x0b}}}
	return m.Encode()
}

// TestReferences takes references across a suspension into other instances, and back.
func TestReferences(t *testing.T) {
	ctx := t.Context()
	var modules []*Module
	for _, kind := range append(kinds(), kinds()...) {
		modules = append(modules, load(t, newEngine(t, Config{Kind: kind, HostModules: []hostabi.Module{inboxHost()}, Suspend: true}), keeper()))
	}
	for export, want := range map[string]uint64{"function": 1000 + 1000 + 40 + 1, "exception": 40 + 1 - 7 + 35 + 3} {
		t.Run(export, func(t *testing.T) {
			i, err := modules[0].Instantiate(ctx, Task{State: map[string]any{"inbox": &inbox{}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Call(ctx, export); !errors.Is(err, ErrSuspended) {
				t.Fatal(err)
			}
			box := &inbox{}
			for _, m := range modules {
				c, err := i.Capture()
				if err != nil {
					t.Fatal(err)
				}
				if err := i.Close(); err != nil {
					t.Fatal(err)
				}
				box = &inbox{}
				saved := Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Memory: bytes.NewReader(nil)}
				if i, err = m.Restore(ctx, Task{State: map[string]any{"inbox": box}}, saved); err != nil {
					t.Fatal(err)
				}
				if _, err := i.Resume(ctx); !errors.Is(err, ErrSuspended) { // for nothing
					t.Fatal(err)
				}
			}
			defer i.Close()
			box.Messages = []uint64{40}
			if results, err := i.Resume(ctx); err != nil || results[0] != want {
				t.Errorf("%v, %v instead of %d", results, err, want)
			}
		})
	}
}

// TestMadeUpReferences has frames that refer to what nothing in the module refers to.
func TestMadeUpReferences(t *testing.T) {
	ctx := t.Context()
	m := load(t, newEngine(t, Config{HostModules: []hostabi.Module{inboxHost()}, Suspend: true}), keeper())
	for _, test := range []struct {
		export   string
		is, word uint64 // the number that is there, and the one in its place
		want     string
	}{
		{"function", 3, 4, "refers to a function that has no reference"},
		{"function", 3, 1 << 32, "refers to a function that has no reference"},
		{"exception", 1, 2, "unreachable"},
		{"exception", 1, 1 << 63, "unreachable"},
		{"exception", 1, 0, "null reference"},
	} {
		i, err := m.Instantiate(ctx, Task{State: map[string]any{"inbox": &inbox{}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Call(ctx, test.export); !errors.Is(err, ErrSuspended) {
			t.Fatal(err)
		}
		c, err := i.Capture()
		if err != nil {
			t.Fatal(err)
		}
		k, err := decodeContinuation(c.State.Sections[sectionCall], m.clones.hash)
		if err != nil {
			t.Fatal(err)
		}
		words := k.frames[len(k.frames)-1].words
		words[slices.Index(words, test.is)] = test.word
		c.State.Sections[sectionCall] = k.encode(m.clones.hash)
		box := &inbox{}
		again, err := m.Restore(ctx, Task{State: map[string]any{"inbox": box}},
			Saved{Module: m.CID(), Fuel: c.Fuel, State: &c.State, Memory: bytes.NewReader(nil)})
		if box.Messages = []uint64{1}; err == nil {
			_, err = again.Resume(ctx)
			again.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %d: %v", test.export, test.word, err)
		}
		i.Close()
	}
}
