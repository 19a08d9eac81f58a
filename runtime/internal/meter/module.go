package meter

import (
	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Bounds that keep debts and unchecked runs small; doc.go sums them up.
const (
	maxUnchecked = 50_000 // units on any path between two checks
	maxRun       = 4096   // units of straight code with one debt
	maxDebt      = 8192   // of any place in a function, either way
	maxCallDebt  = 128    // at a call whose callee has checks
	maxPrepay    = 4096   // units that callers pay for a callee
	maxChain     = 256    // depth between two functions that count it
	maxReturn    = 256    // units from a call that takes depth to the end or the next check
)

// catchDepth is what a frame that catches takes of the call depth, beside what
// any frame does: engines unwind step by step through such frames.
const catchDepth = 256

// frameValues is how many locals and operands make one unit of call depth.
const frameValues = 16

// function is what is known of a defined function.
type function struct {
	typ      wasm.FuncType
	calls    []int32 // vertices of the call graph that it calls, each once
	frame    int64   // units of call depth that its frame takes
	loops    bool    // it has a loop,
	straight int     // the last of a straight round ends there
	bulk     bool    // it has a bulk instruction
	toHost   bool    // it calls an imported function
	fixed    bool    // reachable from outside or by reference: nobody prepays
	tails    bool    // it makes a tail call, or is called so: nobody pays after
	catches  bool    // it has a try_table
	waits    bool    // it waits on an atomic
	rounds   []int64 // see counter

	header  bool  // it takes depth for calls that may lead back to it
	settled bool  // what its callers pay has been settled
	chain   int64 // depth of the deepest chain of calls up to the next header

	callee callee // as its callers see it; complete once it has been rewritten
}

// callee is what a caller needs to know of what it calls.
type callee struct {
	host      bool  // may reach a host function, or throw
	checks    bool  // may reach a check
	charges   bool  // may change the fuel global
	resets    bool  // ends with a check
	deep      bool  // may reach a function that takes depth
	prepaid   int64 // units that the caller pays for it before the call,
	postpaid  int64 // and after
	unchecked int64 // most units from its last check, or its start, to its end; see function.settle
}

var (
	hostCallee = callee{host: true, checks: true, charges: true}
	bulkCallee = callee{checks: true, charges: true, resets: true}
)

// module is the analysis of a whole module.
type module struct {
	m         *wasm.Module
	imported  int32 // number of imported functions
	functions []function
	shapes    []shape
	sig       []int // of each type, its canonical type
	sigs      []signature

	growsTable bool // it has a table.grow
	setsTables bool // it has an instruction that changes a table
	drops      bool // it has a data.drop or elem.drop
	refers     bool // it has a ref.func
	gets       bool // it has a table.get or ref.null
	waits      bool // it waits on an atomic
	catches    bool // it has a try_table
	throws     bool // it has exceptions: any call may throw
	tangled    bool // see shape.tangled
	foreign    bool // tables are shared with others: an indirect call may reach the host

	types typeTable

	called  []int32  // functions that the one being summarized calls,
	through []uint32 // and types that it calls through
}

// signature is a canonical function type and who may be called through it.
type signature struct {
	members []int32 // defined functions whose reference exists
	host    bool    // so does that of an imported function
	callee  callee
	chain   int64
}

func newModule(m *wasm.Module) *module {
	mod := &module{m: m, imported: int32(m.ImportedFuncs())}
	mod.types.init(m)
	mod.functions = make([]function, len(m.Funcs))
	for i, t := range m.Funcs {
		mod.functions[i].typ = m.Types[t]
	}
	mod.canonicalTypes()
	mod.throws = len(m.Tags) > 0
	for i := range m.Imports {
		switch m.Imports[i].Kind {
		case wasm.KindTag:
			mod.throws = true
		case wasm.KindTable:
			mod.foreign = true
		}
	}
	return mod
}

// canonicalTypes maps each type to the first that equals it: indirect calls
// compare structure.
func (mod *module) canonicalTypes() {
	first := make(map[string]int, len(mod.m.Types))
	mod.sig = make([]int, len(mod.m.Types))
	var key []byte
	for i, t := range mod.m.Types {
		key = appendTypeKey(key[:0], t.Params, t.Results)
		c, ok := first[string(key)]
		if !ok {
			c = len(mod.sigs)
			first[string(key)] = c
			mod.sigs = append(mod.sigs, signature{})
		}
		mod.sig[i] = c
	}
}

// callee of a direct call.
func (mod *module) callee(index uint32) callee {
	if int32(index) < mod.imported {
		return hostCallee
	}
	return mod.seen(mod.functions[int32(index)-mod.imported].callee)
}

// indirect is the callee of a call through a table.
func (mod *module) indirect(typ uint32) callee {
	c := mod.sigs[mod.sig[typ]].callee
	if mod.foreign {
		c.host, c.checks, c.charges = true, true, true
	}
	return mod.seen(c)
}

func (mod *module) seen(c callee) callee {
	c.host = c.host || mod.throws
	return c
}

func (mod *module) blockType(t wasm.BlockType) wasm.FuncType {
	signature, _ := mod.m.BlockSignature(t)
	return signature
}

func (mod *module) sharedMemory() bool {
	for i := range mod.m.Memories {
		return mod.m.Memories[i].Limits.Shared
	}
	for i := range mod.m.Imports {
		if mod.m.Imports[i].Kind == wasm.KindMemory {
			return mod.m.Imports[i].Memory.Limits.Shared
		}
	}
	return false
}

// references finds the functions that can be called by others than their
// direct callers: exports, the start function, and whatever has a reference.
func (mod *module) references() {
	types := mod.m.FuncTypes()
	ref := func(index uint32) {
		s := &mod.sigs[mod.sig[types[index]]]
		if int32(index) < mod.imported {
			s.host = true
			return
		}
		i := int32(index) - mod.imported
		s.members = append(s.members, i)
		mod.functions[i].fixed = true
	}
	for i := range mod.m.Exports {
		mod.foreign = mod.foreign || mod.m.Exports[i].Kind == wasm.KindTable
	}
	for index, declared := range mod.m.DeclaredRefs() {
		if declared {
			ref(uint32(index))
		}
	}
	if s := mod.m.Start; s != nil && int32(*s) >= mod.imported {
		mod.functions[int32(*s)-mod.imported].fixed = true
	}
}
