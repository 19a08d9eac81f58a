package suspend

import "fmt"

// Bounds on what the save path may make of one function: a compiler behind it takes time by
// the square of some of these, and hostile modules would make it take minutes (see
// internal/meter, shape). What programs have lies far below.
const (
	maxPoints   = 1 << pointBits // and nested blocks
	maxBranches = 1 << 15
	maxWork     = 1_000_000_000 // branches² × locals, unless there are
	workPerByte = 150_000       // enough bytes for it

	maxWords     = 1 << 14 // in all frames of a function, unless there are
	wordsPerByte = 4       // enough bytes for them
)

// refusal is why a function cannot be suspended.
type refusal struct {
	function uint32
	why      string
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("function %d %s", r.function, r.why) }

func tooLarge(function uint32) error {
	return &refusal{function, "has too many calls, branches and locals to be stopped at each call"}
}

// bounded tells whether a function with so many locals and bytes of code may get the save
// path.
func (s *scan) bounded(locals, bytes int) bool {
	points := len(s.points)
	branches := float64(s.branches + 2*(points-s.unchecked))
	work := branches * branches * float64(8+locals)
	return points < maxPoints && points+s.nesting < maxPoints && branches <= maxBranches &&
		(work <= maxWork || work <= workPerByte*float64(bytes))
}

// maxPlain is the most points that a function may have without its locals being set anew
// now and then.
const (
	maxPlain = 64
	interval = 16
)
