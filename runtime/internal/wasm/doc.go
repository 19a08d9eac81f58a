// Package wasm is the codec of the WebAssembly binary format: it reads modules, validates them,
// shows their instructions with types, and writes them again. Everything that rewrites modules
// stands on it.
//
// # What it takes
//
// Core modules with WebAssembly 2.0 (vectors, bulk memory, reference types, multiple values, sign
// extension, saturating conversions), tail calls, extended constant expressions, threads' atomics
// and shared memories, and exception handling in its final form (tags, throw, throw_ref,
// try_table, exnref). That is all that wazero 1.12 runs but for typed function references. These,
// garbage collected types, multiple and 64-bit memories, relaxed vectors and the legacy exception
// instructions give an error that says so and wraps ErrUnsupported; components give ErrComponent.
//
// # Words
//
//	module     the decoded binary; index spaces begin with the imports of their kind
//	body       the instructions of one function, as bytes, with the final end
//	immediate  what follows the opcode within an instruction
//	operand    a value on the stack; the checker knows its type
//	frame      an open block, loop, if or try_table, or the function itself
//	label      what a branch names: the frame that many levels out, 0 the innermost
//	run        a number of locals of one type, as bodies declare them
//
// # Use
//
// Decode reads the structure, Validate checks it and all bodies, Encode writes it:
//
//	m, err := wasm.Decode(b)
//	if err != nil {
//		return err // *wasm.Error: "offset 0x1f: expected …, found …"
//	}
//	if err := wasm.Validate(m); err != nil {
//		return err
//	}
//	m.CleanCustoms()
//	b = m.Encode()
//
// A rewriter saves a pass: ValidateStructure, then a Checker over each body, which decodes,
// validates and shows the operand types in one go, while the rewriter appends the new body with
// AppendOp, AppendU32 and so on. A Reader alone decodes without types, at about four times the
// speed. MapFuncs renumbers the functions outside of bodies when imports are added.
//
// # Invariants
//
//   - Nothing that comes from outside panics, recurses or allocates more than a constant factor of
//     its own size: counts are checked against the bytes that remain before they are believed.
//   - A decoded module aliases its input and never writes to it. Slices of the input have no
//     spare capacity, so that appending to one copies.
//   - What Validate accepts, after CleanCustoms, wazero compiles. The reverse does not hold:
//     limits are tighter, mutable globals in constant expressions are refused as the specification
//     has it, and so are encodings of opcodes that wazero reads differently from the specification.
//   - Decode(Encode(m)) equals m but for offsets, and for names, which stay decoded in m once they
//     have been changed; Encode gives the same bytes again. Bodies and constant expressions are
//     copied as they are; all other integers get their shortest form.
//   - Initial values of globals and tables and addresses of data segments may read imported
//     globals; element segments may read any global. Both as in wazero with extended constants.
//
// # Limits
//
// Beyond those of the specification: 1000 parameters and 1000 results a type, 50,000 locals a
// function (as in browsers) and 4 Mi more than the bytes of code in a module, 1 Mi operands on
// the stack, 2^27 elements in a new table, import module names that are not empty. They keep a
// small module from making checker and engine hold gigabytes.
//
// # Why tables
//
// All instructions are lines of ops.txt, from which ops_gen.go is generated: opcode, immediates,
// operands, result. Reader and Checker look there, so that an ordinary instruction costs one table
// look-up and no allocation, call through an interface or closure. Only control, variables, calls,
// tables and references have code of their own. Validation reads about 80 MB of code a second on
// the reference machine, 50 times the speed at which wazero compiles.
//
// The source for everything is the WebAssembly specification 2.0 (chapters 3 and 5, the
// appendices on validation and custom sections) with the proposals named above. The tests compare
// every module of the specification's own tests with the verdicts of the specification and of
// wazero, and explain each difference.
package wasm
