// Package suspend rewrites metered modules so that a guest can be stopped in the middle of a
// computation, its call stack be written down, and the computation go on in another
// instance: of another process, engine or architecture. It is pure: a module goes in, a
// module comes out.
//
// # Glossary
//
//   - point: a place in a function where its frame can be: a call that may unwind, or a
//     pause.
//   - pause: a place where the meter calls its host, which may decide to stop the guest: a
//     safepoint.
//   - unwinding: all active functions save their frames and return, innermost first, with
//     results that nobody looks at. While it lasts the flag, a global, is not 0.
//   - frame: a point and the values that are live there: locals, and operands that lie
//     below the call's arguments.
//   - batch: several calls in a row, with one check behind the last of them.
//   - gate: a function that calls another one unless the stack unwinds.
//   - ladder: a br_table before a long row of checks that might lead to rungs within it, and never
//     does.
//   - base: the part of frames that many points of a function save alike.
//   - clone: a copy of a function that goes on at one point.
//   - blocking import: a host function that may stop the guest instead of waiting. Calls of
//     it go through a shim, whose frame is the arguments: to go on is to call it again.
//
// # The module that runs
//
// It has the save path and nothing else, so it is about as fast as without: behind each call
// that may unwind it looks at the flag, and leaves the function's normal code if that is
// set. A function
//
//	(func $f (param $n i32) (result i32)
//	  local.get $n
//	  i32.const 1
//	  call $g                 ;; may unwind
//	  i32.add)
//
// becomes
//
//	(func $f (param $n i32) (result i32) (local $t i32) (local $a i32) (local $at i32)
//	  block $out
//	    block $save
//	      block (result i32)  ;; takes the place of the function's label
//	        local.get $n
//	        i32.const 1
//	        local.set $a      ;; the operand below the argument gets a copy
//	        local.tee $t      ;; in $t: to the compiler that is only another name
//	        local.get $a
//	        call $g
//	        i32.const 0       ;; the point's number in the function
//	        local.set $at
//	        global.get $flag
//	        br_if $save
//	        i32.add
//	      end
//	      return
//	    end
//	    i64.const 4096        ;; the point; where several points share this code,
//	    local.get $t          ;; $at is added. $n is not live there
//	    call $piece_1_0       ;; hands it to the host, eight words at a call
//	  end
//	  i32.const 0)
//
// Cold code that only one branch leads to, or branches that bring the same values, is not
// joined to the hot code by the compiler. So points share what saves their frames where
// that holds the same locals, of which all but two have last been written at the same
// places: values that differ would have to be moved. Besides, what most points of a large function
// save alike, such as its parameters, is the last part of each frame, and saved in one place for
// all (see base.go). Behind a call that unreachable
// follows there is no branch: a function saves the frame, which is empty, and traps unless the
// stack unwinds. Operands below a construct that holds points are copied before it is
// entered, since nothing within can reach them. At a pause the meter passes locals through its call of the
// host, so that they are not live across it; the pause's function returns what it was
// given also while the stack unwinds, and the flag is looked at after the locals are set.
//
// Large functions have long rows of calls with nothing between them that could be seen from
// outside or fail: code that loads globals, builds tables or starts things. There the blocks of the
// checks are all that a compiler has to do, so calls in a row share one (see batch.go):
//
//	local.get $n
//	i32.const 0x20001         ;; the point, and what has been charged for since the batch began
//	call $gate_g              ;; calls g unless the flag is set; sets the flag to that number if it
//	local.set $x              ;; is set afterwards
//	…                         ;; likewise, up to 32 calls
//	i32.const 9               ;; what the whole batch has been charged for
//	local.set $at
//	global.get $flag
//	br_if $save               ;; where what was charged for nothing is given back
//
// Should the stack unwind at one of the calls, those behind it are not made, and what else is done
// up to the check changes nothing but locals. Locals that are written get their old value kept in
// another one if a point before needs it: the frame of each point is the batch's, and a clone
// loads from it what its point had.
// Outside of loops accesses of memory and globals between the calls go through gates, too; in
// loops they end the row, since there a gate would be too slow.
//
// Where checks cannot be batched, compilers take time by the square of their number, as each block
// dominates all behind it. Ladders, which are branches that are never taken, end that: see ladder.go.
//
// Which calls may unwind follows from the call graph: those that may lead to a pause or to a
// blocking import. What is live follows from the usual data-flow equations.
//
// # Clones
//
// To go on, a small module is made with a clone for each point on the saved stack. It
// imports memory, tables, globals and all other functions from a fresh instance of the module
// that runs, so whatever is called anew runs at full speed there. A clone has no
// parameters. It loads its frame from the host, and is led to its point by guards: what comes
// before the next construct around the point, or the point itself, is passed over as
// long as it is resuming. At a call it calls the clone of the next frame from a table, in place of
// the call. Of the function above, at its only point:
//
//	(func $f' (result i32) (local $n i32) (local $resuming i32) (local $next i32) …
//	  call $load              ;; eight words: the place of the next clone, $t, six unused
//	  …
//	  block $out
//	    block $save
//	      block (result i32)
//	        block (result i32 i32)
//	          block
//	            local.get $resuming
//	            i32.eqz
//	            br_if 0
//	            local.get $t
//	            i32.const 0
//	            local.set $resuming
//	            local.get $next
//	            call_indirect (result i32)
//	            br 1
//	          end
//	          …               ;; as above, up to the call and with it
//	        end
//	        …                 ;; as above, from there on
//
// So a clone can be suspended like the function, and its frames are the function's. A clone
// module depends on the module and the set of points alone, and can be kept: a guest in
// its hot loop stops at the same few points.
//
// # References
//
// A frame holds words. A reference to a function is kept as the number that captures of tables and globals
// know it by (package state), for which the host is asked. A reference to an exception is kept as what was
// thrown, and becomes one by throwing that again (see exception.go). Other references are null, since nobody
// gives the guest one.
//
// # Fuel
//
// Charges stand on edges of the control flow (see internal/meter), and to unwind and to go
// on passes none twice and leaves none out. A frame goes on at the place where it was, with
// the debt that the place has. So the sum is that of an undisturbed run, whatever the
// slices were.
//
// # What it costs
//
// Against plain wazero 1.12 on amd64, metering included (1.10 to 1.23 of the machine code is
// that alone):
//
//	                                  figure          target
//	run time of 31 programs, geomean  1.02 to 1.04    1.06
//	  the worst, least of the rounds  1.16 to 1.18    1.20
//	  the worst median                1.16 to 1.27
//	machine code                      1.28 to 1.46    1.5
//	  of 1000 calls and nothing else  1.4             3
//	WebAssembly code                  1.58 to 1.68
//	loading                           1.65 to 1.79    1.5
//	  in instructions                 1.67 to 1.75
//	  of 1000 calls and nothing else  1.9 to 3.2      3
//	  of 3000                         2.0 to 3.3      3
//	  of 10000                        2.0 to 3.3      3
//	  of 3000, each in an if          0.6 to 0.8      3
//	  of 3000, in 1500 cases          2.6 to 3.5      3
//	unwind and rewind 100 frames      25 to 44 µs     50 µs
//	capture of a program that runs    0.13 to 0.17 ms 1 ms
//
// measured on a busy machine by
//
//	go test -run '^$' -bench 'Suspend|UnwindRewind|CaptureRunning' ./runtime
//
// The first of these compares run times with plain wazero, too. Times of loading vary by a
// quarter on a busy machine; the instructions that a load executes, counted with
//
//	valgrind --tool=cachegrind --cache-sim=no
//
// under GODEBUG=asyncpreemptoff=1, GOGC=off and GOMAXPROCS=1, less those of the same program with
// one load less, do not. Of plain wazero's (123 to 214 million for primes, wordcount, sha256sum
// and mandelbrot) the compiler takes 1.22 for the metered module, and 0.30 more with the save
// path: 0.12 for pauses, 0.14 for calls, the rest for the functions that are added (of json, which is
// Go's, 1.17 and 0.18); our own reading and writing is another 0.18, of which 0.08 is the meter's.
//
// Loading is above its target, since there is more of everything, and all of it counts: in the
// compiler about 9,000 instructions for each basic block, 2,000 for each machine
// instruction, and 500 for each value that is live into a block, where what is live at a loop's
// header counts once more in each block that the header dominates. How points share what saves their
// frames, what shapes pieces have, and one global more or less are within 1 % of each other; so is it to
// have a pause's function save what is passed through it, and to pass that in globals takes 1 % more.
// A second processor does not help: what could be done there, the second half of each function's
// rewriting, takes as long as handing it over.
//
// The ranges for many calls are over what stands between them: nothing, arguments, results that
// the next call takes, locals, a loop around all, stores. Without batches and ladders they were 10
// to 13 for 1000 calls and 26 for 3000. Calls of one function without arguments are hardest, as
// plain wazero takes a microsecond for each, and the meter alone doubles that. What ladders can do is
// to be seen where each call is in an if: plain wazero walks along chains of blocks, too. Where
// checks can be neither batched nor left out, as between divisions or stores in a loop, loading
// takes 5 to 7 times what it takes plain wazero, whatever their number.
//
// A gate takes 1.4 to 2.9 ns for each call, one for a store another 2: as much as it takes to
// call a function that does next to nothing. That is why small functions have none.
//
// # What cannot be suspended
//
// Functions that would become too large to compile in reasonable time (see bound.go), and those that keep
// an exnref across a point in modules whose exceptions hold references or more than seven values, or are of
// more than 256 tags.
// Such a module is left as it was, and Plan.Refused names the function: it runs, and can be captured
// between calls.
//
// # Invariants
//
//   - What the guest sees, and its fuel, are as they were.
//   - A clone module is valid, for every point that can be reached.
//   - Frames come from elsewhere and are not trusted: clones are typed like the
//     guest, so wrong frames can confuse no one but the guest.
package suspend
