package suspend

import (
	"cmp"
	"slices"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// Compilers walk from each block of a function up to those that dominate it. In a long row of
// checks each block dominates all behind it, so that this takes time by the square of their number.
// A ladder keeps the ways short: it is a br_table at the start of the row that might lead to a
// rung after each few checks, so that none of these is dominated by the one before. It never
// does, since the flag that it looks at is 0 where code runs:
//
//	block $rung_2
//	  block $rung_1
//	    block $on
//	      global.get $flag
//	      br_table $on $rung_1 $rung_2 $on
//	    end
//	    …                   ;; some checks
//	  end
//	  …                     ;; some more
//	end
//	…
//
// Ladders stand where there are no operands. Clones have none: each is a function of its own,
// and made once.
const (
	rungChecks = 32 // from rung to rung
	minRungs   = 3  // of a ladder
)

// ladder is where a ladder begins, with the number of its rungs, or where a rung is, with 0.
type ladder struct{ pos, rungs int }

// row is an open construct in which the places for rungs are looked for.
type row struct {
	op     wasm.Op
	checks int // since the last place
	places []int
}

// longestRow is how many checks a row has at most.
func (s *scan) longestRow() (most int) {
	checks := make([]int, len(s.constructs)+1) // of the function, and of each construct
	for p := range s.points {
		if !s.inBatch(p) {
			checks[s.points[p].inner+1]++
		}
	}
	for c, k := range slices.Backward(s.constructs) {
		most = max(most, checks[c+1])
		if k.op == wasm.OpIf {
			checks[k.parent+1]++
		} else {
			checks[k.parent+1] += checks[c+1]
		}
	}
	return max(most, checks[0])
}

// findLadders finds where ladders are.
func (e *emitter) findLadders() error {
	const least = (minRungs + 1) * rungChecks
	if e.catches || len(e.points)-e.unchecked < least || e.longestRow() < least {
		return nil
	}
	if err := e.walkRows(); err != nil {
		return err
	}
	slices.SortFunc(e.ladders, func(a, b ladder) int { return cmp.Compare(a.pos, b.pos) })
	e.checker.Begin(int(e.function - e.mod.imported))
	return nil
}

// walkRows finds the ladders of each row, the inner rows first.
func (e *emitter) walkRows() error {
	rows := []row{{}}
	var in wasm.Instr
	for pos, next := 0, 0; ; pos = in.End {
		top := &rows[len(rows)-1]
		if top.checks >= rungChecks && e.rungFits(next) {
			top.places, top.checks = append(top.places, pos), 0
		}
		more, err := e.checker.Next(&in)
		if err != nil || !more {
			return err
		}
		switch in.Op {
		case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
			rows = append(rows, row{op: in.Op})
		case wasm.OpElse:
			e.ladder(top)
			*top = row{op: wasm.OpIf}
		case wasm.OpEnd:
			rows = e.endRow(rows)
		}
		if next < len(e.points) && e.points[next].pos == in.Pos {
			if !e.inBatch(next) {
				top.checks++
			}
			next++
		}
	}
}

// inBatch tells whether the batch goes on behind a point.
func (s *scan) inBatch(point int) bool { return s.points[point].gated && !s.points[point].ends }

// rungFits tells whether a rung may be before the next instruction, which is behind so many points.
func (e *emitter) rungFits(points int) bool {
	return e.checker.Reachable() && len(e.checker.Stack()) == e.checker.Frame(0).Height &&
		(points == 0 || !e.inBatch(points-1))
}

// endRow ends the innermost row. What comes after an if is dominated by what comes before it,
// and after a block by what is in it.
func (e *emitter) endRow(rows []row) []row {
	last := len(rows) - 1
	top := &rows[last]
	e.ladder(top)
	if last > 0 && top.op == wasm.OpIf {
		rows[last-1].checks++
	} else if last > 0 {
		rows[last-1].checks += top.checks
	}
	return rows[:max(last, 1)]
}

// ladder notes the ladder of a row, if it has one.
func (e *emitter) ladder(r *row) {
	if len(r.places) <= minRungs {
		return
	}
	e.ladders = append(e.ladders, ladder{r.places[0], len(r.places) - 1})
	for _, pos := range r.places[1:] {
		e.ladders = append(e.ladders, ladder{pos, 0})
	}
}

// climb writes what belongs to ladders at pos, which can be reached.
func (e *emitter) climb(pos int) {
	if e.rung == len(e.ladders) || e.ladders[e.rung].pos != pos {
		return
	}
	rungs := e.ladders[e.rung].rungs
	e.rung++
	e.flush(pos)
	level := len(e.rungs) - 1
	if rungs == 0 {
		e.end()
		e.rungs[level]--
		e.within--
		e.renew()
		return
	}
	for range rungs + 1 {
		e.block(wasm.OpBlock, wasm.BlockEmpty)
	}
	e.globalGet(e.flag())
	e.opU32(wasm.OpBrTable, uint32(rungs+1))
	for label := range rungs + 1 {
		e.b = wasm.AppendU32(e.b, uint32(label))
	}
	e.b = wasm.AppendU32(e.b, 0)
	e.end()
	e.rungs[level] += rungs
	e.within += rungs
}

// renew notes that all locals may be others behind a rung: most that have been written since the
// ladder began are.
func (e *emitter) renew() {
	e.count++
	for x, at := range e.wrote {
		if at > 0 {
			e.wrote[x] = e.count
		}
	}
}

// climbed writes an instruction that names labels within ladders, and reports whether it was one.
func (e *emitter) climbed(in *wasm.Instr) bool {
	if !e.shifted(in) {
		return false
	}
	switch in.Op {
	case wasm.OpBr, wasm.OpBrIf:
		e.opU32(in.Op, e.label(in.A))
	case wasm.OpBrTable:
		e.opU32(in.Op, uint32(len(in.Targets)-1))
		for _, t := range in.Targets {
			e.b = wasm.AppendU32(e.b, e.label(t))
		}
	}
	return true
}

// shifted tells whether an instruction names labels and stands within ladders.
func (e *emitter) shifted(in *wasm.Instr) bool {
	return e.within > 0 && (in.Op == wasm.OpBr || in.Op == wasm.OpBrIf || in.Op == wasm.OpBrTable)
}

// label is what a label of the guest's is with the ladders that are open.
func (e *emitter) label(l uint32) uint32 {
	inner := e.rungs[max(0, len(e.rungs)-1-int(l)):]
	for _, n := range inner {
		l += uint32(n)
	}
	return l
}
