package runtime

import "unsafe"

// functionInstance is what a reference to one of a module's own functions points to
// in wazero 1.12's compiler (internal/engine/wazevo.functionInstance), which makes
// several for one function. Its interpreter has one for each.
type functionInstance struct {
	_       uintptr // its code
	context uintptr // of the module's instance
	_       uint32  // its type
	index   uint32
}

// functionAt reads what a reference of a running instance points to. References
// come from the engine: a guest cannot make one up.
func functionAt(ref uint64) functionInstance {
	address := uintptr(ref)
	return **(**functionInstance)(unsafe.Pointer(&address))
}

// learn notes what this instance's references look like. Where the compiler may have
// made others for the same functions it also notes how to tell these; that what it
// reads is what it takes it for is checked on every function that it knows.
func (p *parts) learn(compiled bool) error {
	p.slots = make(map[uint64]uint32, len(p.plan.Refs)+1)
	p.slots[0] = 0
	p.refs = make([]uint64, 1+len(p.plan.Refs))
	refs := p.refs[1:]
	for n := range refs {
		r, err := p.call(p.ref, uint64(n)+1)
		if err != nil {
			return err
		}
		refs[n] = r[0]
		p.slots[r[0]] = uint32(n) + 1
	}
	if !compiled {
		return nil
	}
	own := make(map[functionInstance]uint32, len(refs))
	var first functionInstance
	for n, ref := range refs {
		guest := p.plan.Refs[n]
		if guest < p.plan.Imported {
			continue
		}
		f := functionAt(ref)
		if len(own) == 0 {
			first = functionInstance{context: f.context, index: f.index - guest}
		}
		if f.context != first.context || f.index-guest != first.index {
			return nil // not what it was taken for: only what is in slots is known
		}
		own[f] = uint32(n) + 1 // blank fields do not count
	}
	p.own = own
	return nil
}

// slotOf finds the slot of a reference that the instance holds.
func (p *parts) slotOf(ref uint64) (slot uint32, ok bool) {
	if slot, ok = p.slots[ref]; !ok && p.own != nil {
		slot, ok = p.own[functionAt(ref)]
	}
	return slot, ok
}
