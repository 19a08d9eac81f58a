package runtime

import (
	"errors"
	"fmt"
	"slices"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// ErrSaved is wrapped when what is to be restored is not a state of the module.
var ErrSaved = errors.New("saved state does not fit the module")

// write sets all parts. grow asks whether a table may have so many elements more.
func (p *parts) write(s *checkpoint.State, grow func(elements int64) bool) error {
	if len(s.Globals) != len(p.globals) || len(s.Tables) != len(p.tables) {
		return fmt.Errorf("%w: %d mutable globals and %d tables instead of %d and %d", ErrSaved,
			len(s.Globals), len(s.Tables), len(p.globals), len(p.tables))
	}
	for n := range p.globals {
		if err := p.writeGlobal(&p.globals[n], s.Globals[n]); err != nil {
			return fmt.Errorf("mutable global %d: %w", n, err)
		}
	}
	for n := range p.tables {
		if err := p.writeTable(&p.tables[n], &s.Tables[n], grow); err != nil {
			return fmt.Errorf("table %d: %w", n, err)
		}
	}
	return p.writeDropped(s)
}

func (p *parts) writeGlobal(g *globalPart, v checkpoint.Global) error {
	if v.Type != savedType(g.typ) {
		return fmt.Errorf("%w: type %#x instead of %#x", ErrSaved, v.Type, g.typ)
	}
	if narrow := g.typ == I32 || g.typ == F32; v.Hi != 0 && g.typ != V128 || v.Lo>>32 != 0 && narrow {
		return fmt.Errorf("%w: more bits than the type has", ErrSaved) // engines would differ on what they mean
	}
	switch {
	case g.value != nil:
		g.value.Set(v.Lo)
		return nil
	case g.typ == V128:
		_, err := p.call(g.set, v.Lo, v.Hi)
		return err
	case g.typ == wasm.FuncRef:
		slot, err := p.slot(v.Lo)
		if err == nil {
			_, err = p.call(g.set, slot)
		}
		return err
	case v.Lo != 0:
		return fmt.Errorf("%w: %w", ErrSaved, errForeign)
	}
	return nil // null, as it is in a new instance
}

func (p *parts) writeTable(t *tablePart, saved *checkpoint.Table, grow func(int64) bool) error {
	if saved.Type != savedType(t.typ) {
		return fmt.Errorf("%w: type %#x instead of %#x", ErrSaved, saved.Type, t.typ)
	}
	if err := p.resize(t, len(saved.Entries), grow); err != nil {
		return err
	}
	for n, entry := range saved.Entries {
		if err := p.writeEntry(t, n, entry); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	return nil
}

// resize makes a table as long as it was. Tables never shrink.
func (p *parts) resize(t *tablePart, want int, grow func(int64) bool) error {
	r, err := p.call(t.size)
	if err != nil {
		return err
	}
	have := int(uint32(r[0]))
	switch {
	case want == have:
		return nil
	case want < have:
		return fmt.Errorf("%w: %d entries, fewer than the %d of a new instance", ErrSaved, want, have)
	case !grow(int64(want - have)):
		return fmt.Errorf("%d table entries: %w", want, errMemoryLimit)
	}
	if r, err = p.call(t.grow, uint64(want-have)); err == nil && int32(r[0]) < 0 {
		err = fmt.Errorf("%w: %d entries are more than the table may have", ErrSaved, want)
	}
	return err
}

func (p *parts) writeEntry(t *tablePart, n int, entry uint32) error {
	if t.typ != wasm.FuncRef {
		if entry != checkpoint.Null {
			return fmt.Errorf("%w: %w", ErrSaved, errForeign)
		}
		return nil
	}
	slot, err := p.slot(uint64(entry+1) & (1<<32 - 1)) // checkpoint.Null becomes 0
	if err == nil {
		_, err = p.call(t.set, uint64(n), slot)
	}
	return err
}

// writeDropped drops the segments that were dropped.
func (p *parts) writeDropped(s *checkpoint.State) error {
	d := p.plan.Drops
	if d == nil {
		if len(s.DroppedData)+len(s.DroppedElements) > 0 {
			return fmt.Errorf("%w: it drops no segments", ErrSaved)
		}
		return nil
	}
	masks := make([]uint64, len(p.masks))
	found := 0
	for bit, segment := range d.Segments {
		list := s.DroppedData
		if segment.Elements {
			list = s.DroppedElements
		}
		if _, dropped := slices.BinarySearch(list, segment.Index); dropped {
			masks[bit/64] |= 1 << (bit % 64)
			found++
		}
	}
	if found != len(s.DroppedData)+len(s.DroppedElements) {
		return fmt.Errorf("%w: dropped segments that its code does not drop", ErrSaved)
	}
	for n, m := range masks {
		if m == 0 {
			continue
		}
		p.masks[n].bits.Set(m)
		if _, err := p.call(p.masks[n].drop); err != nil {
			return err
		}
	}
	return nil
}
