// Package state makes the parts of an instance reachable that an engine's
// interface leaves out, so that they can be captured and put back: it adds
// exports to a module, after it has been metered, and takes its data segments
// out. It is pure.
//
// # Glossary
//
//   - part: a mutable global, a table that code changes, or the set of segments
//     that code has dropped
//   - slot: a function's place in the table of references, from 1 on; 0 is null
//   - guest function index: the index in the module as its author wrote it, which
//     is what a checkpoint holds, since it does not depend on the rewriters
//
// # What is added
//
//	numeric global    its export
//	v128 global       functions that return and take its two halves
//	funcref global    functions that return its reference and set it from a slot
//	table             functions for its size, growth, reading and setting an entry;
//	                  an exported flag that is set when code changes any table
//	dropped segments  exported i64 globals, one bit a segment, set where data.drop
//	                  and elem.drop stand; for each a function that drops what it says
//	references        a table of all functions that the guest can refer to, and
//	                  a function that returns the reference in a slot
//
// Code refers to functions through the table of references, which also keeps wazero's
// compiler from making a reference at every ref.func that is executed.
//
// A module whose code refers to no function, changes no table, drops no segment and has no mutable global
// of another than a numeric type, as most are, gets only exports of its globals:
// neither its code nor its fuel changes. All names are free ones.
//
// A module that would need thousands of functions for it is left alone (Plan.Hidden).
//
// References of other types than funcref can only be null where nobody gives the
// guest one; the functions for them tell whether they are, and one that is not
// cannot be captured.
//
// # Data segments
//
// Active data segments are emptied: what they hold is copied by the host
// ([Initial.Copy]) when an instance begins, and not at all when one is restored. To
// code, an empty passive segment and one that was dropped after instantiation are
// the same thing (WebAssembly 2.0, section 4.4.7, memory.init), so segment indices
// keep their meaning. Active element segments stay: tables that no code changes
// come from them at a restore as well, and the others are overwritten.
//
// # Invariants
//
//   - What the guest sees, and its fuel, are as they were.
//   - Setting every part to what was read from another instance of the module
//     makes the two the same to all code.
package state
