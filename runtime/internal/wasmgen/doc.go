// Package wasmgen makes random WebAssembly programs: valid modules, with calls
// to make of what they export. The fuel meter and the engines are compared with
// each other on them.
//
// Everything a program is follows from a string of bytes, which Generate reads
// as a list of choices. So a seed, a fuzzer or a property test that shrinks can
// supply them alike. When the bytes run out every further choice is 0, which is
// always the simplest one: a shorter string, or one with more zeros, makes a
// simpler program.
//
//	p := wasmgen.Generate(b)
//	// compile p.Binary, provide wasmgen.HostFuncs, make p.Calls
//
// # Glossary
//
//   - patience: a global that loops and functions take from, and that makes
//     them return when it is used up.
//   - tick: the instructions that do so, at the start of a function or a loop.
//   - wild program: one that has no ticks, and so may loop or recurse for ever.
//   - counter: a local that a loop counts down; who goes back to a loop without
//     ticks takes from it.
//   - rounds: a loop that goes round a known number of times, as the meter looks for
//     them, with blocks around it and code behind it that cannot be reached.
//   - row: many calls, one after another, with little between them.
//
// # What programs are like
//
// The body of a function is made a statement at a time, with the type of every
// operand known. Statements take operands that lie on the stack, or have
// expressions make them. Programs have all that the codec reads, in random
// company: blocks with parameters and results, branches that carry values out of
// blocks and back to loops, code that cannot be reached, all calls, exceptions,
// segments, tables, vectors, atomics. A test requires that each instruction
// comes up.
//
// Each program leaves out some features altogether (see maker.features), since
// those such as exceptions change how everything else is metered.
//
// # Invariants
//
//   - Every program is valid, and does the same on every engine. In particular
//     a NaN that arithmetic makes is replaced by one with fixed bits, and waits
//     for other threads end within a microsecond.
//   - A program that is not wild ends, though it may take long: the product of
//     its loops. Most make from hundreds to hundreds of thousands of steps.
//   - Whatever could trap mostly does not: addresses and indices are masked,
//     divisors are made odd, and so on, but each of these is left out now and
//     then.
//
// # What they lack
//
// Where wazero 1.12 itself does different things on its compiler and its
// interpreter there is nothing to compare, so programs leave out: exceptions that
// carry vectors (the interpreter loses its place on the stack), an ordered
// comparison of zero with the result of an and (the compiler branches the wrong
// way; see body.orZero), and atomic accesses with two things wrong at once. That
// its compiler forgets changes of locals when an exception is caught is for users
// of this package to know: programs catch exceptions all the same.
//
// The ideas are those of wasm-smith (Bytecode Alliance), which however makes
// modules to be compiled rather than programs worth running.
package wasmgen
