package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/state"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// parts are an instance's handles to its state outside of linear memory.
type parts struct {
	plan    *state.Plan
	globals []globalPart
	tables  []tablePart
	touched api.MutableGlobal  // nil if no table can change
	last    []checkpoint.Table // the tables as they were when touched was last 0
	masks   []maskPart
	ref     api.Function
	refs    []uint64                    // references, as the engine has them, by slot
	slots   map[uint64]uint32           // from a reference, as the engine has it, to its slot
	own     map[functionInstance]uint32 // by context and index, for what slots has not; may be nil
	stack   [2]uint64                   // arguments and results
}

type globalPart struct {
	typ      wasm.ValType
	value    api.MutableGlobal
	get, set api.Function
}

type maskPart struct {
	bits api.MutableGlobal
	drop api.Function
}

type tablePart struct {
	typ                  wasm.ValType
	size, grow, get, set api.Function
}

// reach finds the handles once.
func (i *Instance) reach() (*parts, error) {
	if i.parts != nil {
		return i.parts, nil
	}
	plan := &i.module.plan.State
	if plan.Hidden != "" {
		return nil, errors.New(plan.Hidden)
	}
	p := &parts{plan: plan, globals: make([]globalPart, len(plan.Globals)), tables: make([]tablePart, len(plan.Tables))}
	for n, g := range plan.Globals {
		p.globals[n] = globalPart{typ: g.Type, value: i.globalNamed(g.Name), get: i.functionNamed(g.Get), set: i.functionNamed(g.Set)}
	}
	for n, t := range plan.Tables {
		p.tables[n] = tablePart{
			t.Type, i.functionNamed(t.Size), i.functionNamed(t.Grow), i.functionNamed(t.Get), i.functionNamed(t.Set),
		}
	}
	p.touched = i.globalNamed(plan.Touched)
	if d := plan.Drops; d != nil {
		for _, m := range d.Masks {
			p.masks = append(p.masks, maskPart{i.globalNamed(m.Bits), i.functionNamed(m.Drop)})
		}
	}
	if plan.Ref != "" {
		p.ref = i.functionNamed(plan.Ref)
		if err := p.learn(!i.module.interpreted); err != nil {
			return nil, err
		}
	}
	i.parts = p
	return p, nil
}

func (i *Instance) functionNamed(name string) api.Function {
	if name == "" {
		return nil
	}
	return i.guest.ExportedFunction(name)
}

func (i *Instance) globalNamed(name string) api.MutableGlobal {
	if name == "" {
		return nil
	}
	g, _ := i.guest.ExportedGlobal(name).(api.MutableGlobal)
	return g
}

// call calls one of the functions that were added to the module; none of them
// calls the host. The results are valid until the next call.
func (p *parts) call(f api.Function, args ...uint64) ([]uint64, error) {
	copy(p.stack[:], args)
	if err := f.CallWithStack(context.Background(), p.stack[:]); err != nil {
		return nil, fmt.Errorf("reach the state of an instance: %w", err)
	}
	return p.stack[:], nil
}

// errForeign is why an instance that holds something of its embedder's cannot be
// captured.
var errForeign = errors.New("a reference that is not to one of the module's own functions")

// index is the guest function index behind a reference of this instance, plus 1.
func (p *parts) index(ref uint64) (uint64, error) {
	slot, ok := p.slotOf(ref)
	switch {
	case !ok:
		return 0, errForeign
	case slot == 0:
		return 0, nil
	}
	return uint64(p.plan.Refs[slot-1]) + 1, nil
}

// slot finds the slot of a guest function index plus 1.
func (p *parts) slot(index uint64) (uint64, error) {
	if index == 0 {
		return 0, nil
	}
	at, ok := slices.BinarySearch(p.plan.Refs, uint32(index-1))
	if !ok || index > 1<<32 {
		return 0, fmt.Errorf("%w: no reference to function %d", ErrSaved, index-1)
	}
	return uint64(at) + 1, nil
}

// read gets all parts.
func (p *parts) read() (s checkpoint.State, err error) {
	for n := range p.globals {
		g, err := p.readGlobal(&p.globals[n])
		if err != nil {
			return s, fmt.Errorf("mutable global %d: %w", n, err)
		}
		s.Globals = append(s.Globals, g)
	}
	if s.Tables, err = p.readTables(); err != nil {
		return s, err
	}
	s.DroppedData, s.DroppedElements = p.dropped()
	return s, nil
}

func (p *parts) readGlobal(g *globalPart) (checkpoint.Global, error) {
	v := checkpoint.Global{Type: savedType(g.typ)}
	if g.value != nil {
		v.Lo = g.value.Get()
		if g.typ == I32 || g.typ == F32 {
			v.Lo = uint64(uint32(v.Lo))
		}
		return v, nil
	}
	r, err := p.call(g.get)
	switch {
	case err != nil:
		return v, err
	case g.typ == V128:
		v.Lo, v.Hi = r[0], r[1]
	case g.typ == wasm.FuncRef:
		v.Lo, err = p.index(r[0])
	case uint32(r[0]) == 0:
		err = errForeign
	}
	return v, err
}

// savedType is a type as checkpoints name it: references that can only be null
// are of one kind there.
func savedType(t wasm.ValType) checkpoint.ValueType {
	if t.IsRef() && t != wasm.FuncRef {
		return checkpoint.ExternRef
	}
	return checkpoint.ValueType(t)
}

// readTables reads them if code may have changed one since they were last read. The
// entries are shared with captures before, and not to be changed.
func (p *parts) readTables() ([]checkpoint.Table, error) {
	if p.touched == nil || p.last != nil && p.touched.Get() == 0 {
		return slices.Clone(p.last), nil
	}
	p.last = nil
	var tables []checkpoint.Table
	for n := range p.tables {
		t, err := p.readTable(&p.tables[n])
		if err != nil {
			return nil, fmt.Errorf("table %d: %w", n, err)
		}
		tables = append(tables, t)
	}
	p.last = tables
	p.touched.Set(0)
	return slices.Clone(tables), nil
}

func (p *parts) readTable(t *tablePart) (checkpoint.Table, error) {
	saved := checkpoint.Table{Type: savedType(t.typ)}
	r, err := p.call(t.size)
	if err != nil {
		return saved, err
	}
	saved.Entries = make([]uint32, uint32(r[0]))
	for n := range saved.Entries {
		if saved.Entries[n], err = p.readEntry(t, uint64(n)); err != nil {
			return saved, fmt.Errorf("entry %d: %w", n, err)
		}
	}
	return saved, nil
}

func (p *parts) readEntry(t *tablePart, n uint64) (uint32, error) {
	r, err := p.call(t.get, n)
	if err != nil {
		return 0, err
	}
	if t.typ != wasm.FuncRef {
		if uint32(r[0]) == 0 {
			return 0, errForeign
		}
		return checkpoint.Null, nil
	}
	index, err := p.index(r[0])
	return uint32(index) - 1, err // null, which is 0, becomes checkpoint.Null
}

func (p *parts) dropped() (data, elements []uint32) {
	if p.plan.Drops == nil {
		return nil, nil
	}
	for bit, s := range p.plan.Drops.Segments {
		if p.masks[bit/64].bits.Get()>>(bit%64)&1 == 0 {
			continue
		}
		if s.Elements {
			elements = append(elements, s.Index)
		} else {
			data = append(data, s.Index)
		}
	}
	slices.Sort(data)
	slices.Sort(elements)
	return data, elements
}
