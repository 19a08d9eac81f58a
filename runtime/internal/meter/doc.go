// Package meter rewrites WebAssembly modules so that they count the work they
// do, in units of fuel, and stop or pause when told to. It is pure: a module
// goes in, a module comes out.
//
// # Fuel, version 1
//
// What a run costs is the sum of what it executes:
//
//	block loop end else nop             0
//	any other instruction               1
//	memory.copy fill init, beside that  1 for each 64 bytes or part of them
//	table.copy fill init, beside that   1 for each 8 elements or part of them
//	memory.grow, beside that            1024 for each page of 64 KiB added
//	table.grow, beside that             1 for each 8 elements added, or part of them
//	host functions                      what they say; 1 for each 64 bytes they move
//	instantiation                       1 for each 64 whole bytes that active segments copy
//
// An element counts 8 bytes on every machine. An instruction that traps has been
// executed, and has moved what it was asked to move, except for a grow that
// fails, which adds nothing. A change to this table is a new Version.
//
// # Glossary
//
//   - charge: what a place in the rewritten code takes from the fuel global.
//   - debt: at a place in the code, what has been executed but not charged. It is
//     a constant of the place, and negative where charges run ahead.
//   - check: a place that looks whether the fuel is below zero and calls the host
//     if so. The host grants more, or ends the guest.
//   - counted loop: one that goes round a known number of times.
//   - header: a function that takes call depth; every cycle of calls has one.
//   - prepaid, postpaid: what callers of a function pay for it, before the call and
//     after; fewer than none is what it pays for them.
//
// # Where charges go
//
// Charging each instruction where it stands is exact and slow (see
// RewriteReference, which does just that and is what Rewrite is tested against).
// Along a path only the sum matters. So a function is cut into nodes, straight
// runs of code, and each node is given a debt; an edge then charges
//
//	debt(from) + cost(from) − debt(to)
//
// which makes every path's charges add up to its cost, however debts are chosen.
// They are chosen so that the dearest edges charge nothing: the edges of a maximum
// spanning forest, by loop depth and by what a charge there takes (Knuth's way
// of placing profile counters; see flow.solve), and among edges that are as dear those
// that are most (see flow.count). Debts are not free everywhere:
//
//   - at entries from outside, exits to there, throws and calls that may reach the
//     host or take call depth the debt is 0, so that there the count is exact;
//   - at calls to other functions that have checks it is between 0 and
//     maxCallDebt, so that the host never believes more to have been executed
//     than was: a run within its limit is never stopped;
//   - at calls to functions without checks it may be anything;
//   - the targets of one br_table have the same debt, since no charge fits
//     between, except loops, whose back edges get a landing each;
//   - a function that is only called directly may start with a debt and end with
//     one (but for tail calls), which its callers make up for in what they charge
//     before the call and after. Functions of constant cost thus contain no charge at all.
//
// For example, where callers make up for nothing
//
//	(func (param i32) (result i32)      charges by node    as rewritten
//	  local.get 0                       4, debt 0
//	  i32.const 10
//	  i32.lt_s
//	  if (result i32)
//	    i32.const 1                     1, debt 4
//	  else
//	    local.get 0                     3, debt 4          charge 2
//	    i32.const 1
//	    i32.sub
//	  end                               0, debt 5          charge 5
//	)
//
// One path executes 5 instructions and is charged 5; the other 7, in two parts.
//
// # Checks
//
// Every cycle passes a check: loops on each back edge, together with the charge,
// unless it only jumps to a place ahead (see dispatch) or goes round a known number of
// times that cost maxCounted (8192) units or less: such rounds are charged where the loop
// is entered, and nothing in them is (see counter);
// recursion where a header takes depth; tail calls that may form a cycle before
// the call; loops that a catch clause leads to at their header. Besides, no path
// executes more than maxUnchecked units, or maxReturn after a call that takes
// depth, without one. Bulk instructions are checked before they move anything,
// and long ones again after every MiB.
//
// The hot side of a check is one compare and branch. On the cold side the locals that
// are live and modified pass through the call and come back from it: if values were
// live across the call, the compiler would keep them in memory on the hot side
// too. A loop with one back edge has its cold side there; several back edges share
// one, which lies around the loop; very many are not checked, and the header is
// (see loopForm). Short innermost loops have their rounds doubled first, so that they pass
// a check every other round (see unroller). The fuel is in the global at all times, since a trap may come at any
// instruction. Keeping it in a local of loops as well makes only the shortest faster:
// a processor waits for the last charge's store while it does the rest of the round.
//
// # Call depth
//
// A function's frame takes one unit of depth for each 16 values of parameters,
// locals and operands (a vector is two), or part of them, and one that catches
// exceptions takes catchDepth (256) more. A header takes its own
// frame and the longest chain of frames up to the next header, on the way to a
// call that may lead to a header, and gives it back after; a way through it that
// calls nothing of the kind takes nothing. So the depth at which recursion ends is the same on
// every engine and machine, and it is found where the engine's own stack is still
// far from its end.
//
// # Bounds
//
// At normal ends and in host functions the fuel is exact. At a trap, and where a
// guest is stopped for want of fuel, it is exact up to the debts of the functions
// that are active: maxDebt (8192) in the innermost, maxCounted more if it is in a
// counted loop, maxUnchecked (50,000) over functions without checks, and maxCallDebt
// (128) for each further one, of which none can recur. What a guest executes beyond its limit is bounded by the same and
// by maxUnchecked units up to the next check, below 2^17 in all, unless a deep recursion
// returns just then: each of its frames may execute maxReturn (256) units more, which are
// charged and not looked at. In practice both
// are mostly some units: in 8,700 random programs, with counted loops among them, the count
// at a trap was off by at most 7,597, and the most executed beyond a limit was 40,978. The
// count is deterministic: where a guest is stopped depends on nothing but the
// module, its inputs and the limit.
//
// # Hostile modules
//
// What a module makes the rewriter do is linear in its size, but for sorting, and
// liveness is given up where it would not be. What compilers behind it can't take
// is found by counting (see shape): Plan.Tangled advises to interpret, and what would
// be too much for that as well is ErrTooComplex. Two mistakes of wazero 1.12 are
// worked around: comparisons of zero with a conjunction (see fusion), and exceptions,
// for which Plan.Catches advises to interpret.
//
// # Time
//
// Rewriting takes 70 to 100 ns an instruction on the reference machine, a third of it to decode and
// to validate. Each body is read when it is validated, which also tells what it calls and whether
// any loop may be doubled or counted (scout; if so, it is read for that up to the last of them), and
// again for its graph, twice in headers: once for what their callers must know (emitter.probe). Most
// instructions are but counted there (walk.room). All lists are kept from one function to the next, so
// that hardly anything is allocated but the new bodies; they are as long as the largest function needs.
//
// # What the host sees
//
// Plan.Names tells the exports that are added: the fuel global (units left of
// what has been granted; the host sets it before anything runs), the depth
// global, and the start function, which is no longer run by itself. The imports
// added come from HostModule: HostCheck gets the debt of the place, so that
// granted − fuel + debt is what has been executed in the innermost function;
// HostTableGrow, HostWait only where the module needs them. Imports move the
// indices of the guest's own functions; names move along. Sections that speak of
// code offsets are dropped.
//
// A module with shared memory has it to itself, so memory.atomic.wait becomes a
// comparison and a sleep in the host.
package meter
