package meter

import "github.com/godwit-run/godwit/runtime/internal/wasm"

// siteKind is what is done to a body at a site.
type siteKind uint8

const (
	siteCharge  siteKind = iota // charge an edge, before pos
	siteCheck                   // check in place, before pos; arg is the node
	siteDead                    // leave out; flag: what follows an end must be made polymorphic
	siteIndex                   // call or ref.func of function arg: renumber it
	siteTail                    // return_call or return_call_indirect
	siteLoop                    // loop; arg is its index
	siteLoopEnd                 // end of loop target
	siteBr                      // br forward, to a label in loop target
	siteElse                    // before the end of an if without else: add one to charge in
	siteBrIf                    // br_if forward, to a label in loop target: charge when taken
	siteBack                    // br to loop target at depth arg
	siteBackIf                  // br_if to loop target at depth arg
	siteTable                   // br_table with arg loops as targets, whose edges start at edge; see graph.branchTable
	siteCaught                  // start of node arg, where a catch clause may lead: restore the depth
	siteOr                      // before comparison op: or its right operand with zero; see fusion
	siteBulk                    // bulk instruction
	siteWait                    // memory.atomic.wait
)

// site is a place in a body: the bytes from pos to end are replaced, or, where
// they are equal, something is inserted.
type site struct {
	pos, end int
	typ      wasm.BlockType
	edge     int32
	loop     int32 // innermost loop there, or -1
	target   int32 // loop that a branch leads to or into, or -1
	table    int32 // of a br_table: its place in outers
	test     int   // of a br_if: where the instruction before it stands
	arg      uint32
	op       wasm.Op // of a br_if: of the instruction before it
	kind     siteKind
	flag     bool
}
