package meter

import (
	"testing"

	"pgregory.net/rapid"
)

// step is an event made explicit: what comes next, for the dumb way to find
// liveness.
type step struct {
	event event
	next  []int
}

// randomEvents draws the life of a function's locals: nested constructs, reads,
// writes and branches.
func randomEvents(t *rapid.T, locals uint32) (events []event, loops int) {
	var body func(depth int)
	depth := 0
	body = func(budget int) {
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			x := event(rapid.Uint32Range(0, locals-1).Draw(t, "local"))
			switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
			case kind <= 1:
				events = append(events, evGet|x)
			case kind <= 3:
				events = append(events, evSet|x)
			case kind == 4 && depth > 0:
				events = append(events, evBranch|event(rapid.IntRange(0, depth-1).Draw(t, "label")))
			case budget > 0:
				depth++
				end := evEnd
				switch rapid.IntRange(0, 2).Draw(t, "construct") {
				case 0:
					events = append(events, evBlock)
					body(budget - 1)
				case 1:
					events = append(events, evLoop|event(loops))
					loops++
					end |= event(loops)
					body(budget - 1)
				case 2:
					events = append(events, evIf)
					body(budget - 1)
					if rapid.Bool().Draw(t, "else") {
						events = append(events, evElse)
						body(budget - 1)
					}
				}
				events = append(events, end)
				depth--
			}
		}
	}
	body(3)
	return events, loops
}

// successors makes the flow between events explicit, by looking for matching
// ends again and again.
func explicit(events []event) []step {
	steps := make([]step, len(events))
	match := func(i int) (elseAt, end int) {
		elseAt = -1
		for depth, j := 0, i+1; ; j++ {
			switch events[j] & evKind {
			case evBlock, evLoop, evIf:
				depth++
			case evElse:
				if depth == 0 {
					elseAt = j
				}
			case evEnd:
				if depth == 0 {
					return elseAt, j
				}
				depth--
			}
		}
	}
	var open []int
	for i, e := range events {
		steps[i] = step{e, []int{i + 1}}
		switch e & evKind {
		case evBlock, evLoop:
			open = append(open, i)
		case evIf:
			open = append(open, i)
			elseAt, end := match(i)
			if elseAt < 0 {
				elseAt = end
			}
			steps[i].next = append(steps[i].next, elseAt+1)
			if elseAt == end {
				steps[i].next[1] = end
			}
		case evElse: // reached from the then branch only
			_, end := match(open[len(open)-1])
			steps[i].next = []int{end}
		case evEnd:
			open = open[:len(open)-1]
		case evBranch:
			target := open[len(open)-1-int(e&evArg)]
			to := target
			if events[target]&evKind != evLoop {
				_, to = match(target)
			}
			steps[i].next = append(steps[i].next, to)
		}
	}
	return steps
}

// TestLiveness compares the walk over structured events with a search for a read
// before any write, along every way.
func TestLiveness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const locals = 4
		events, loops := randomEvents(t, locals)
		g := &graph{fn: &function{loops: true}, events: events}
		for range loops {
			g.loops = append(g.loops, loop{parent: -1})
		}
		for open, i := 0, 0; i < len(events); i++ {
			switch e := events[i]; {
			case e&evKind == evLoop:
				open++
				g.nest = max(g.nest, open)
			case e&evKind == evEnd && e&evArg > 0:
				open--
			}
		}
		if !g.liveness(locals) {
			t.Skip("given up")
		}
		steps := explicit(events)
		for i, e := range events {
			if len(g.loops) == 0 || e&evKind != evLoop {
				continue
			}
			for x := range uint32(locals) {
				want := readFirst(steps, i, x, make([]bool, len(steps)+1))
				if got := g.loops[e&evArg].live.has(x); got != want {
					t.Fatalf("local %d at loop %d: live %v, want %v\n%v", x, e&evArg, got, want, events)
				}
			}
		}
	})
}

func readFirst(steps []step, at int, x uint32, seen []bool) bool {
	if at >= len(steps) || seen[at] {
		return false
	}
	seen[at] = true
	switch e := steps[at].event; {
	case e == evGet|event(x):
		return true
	case e == evSet|event(x):
		return false
	}
	for _, n := range steps[at].next {
		if readFirst(steps, n, x, seen) {
			return true
		}
	}
	return false
}
