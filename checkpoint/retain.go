package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// Policy says which checkpoints of one name to keep. The newest is always kept;
// so is what at least one rule keeps.
type Policy struct {
	// Last keeps that many of the newest. 0 means only the newest.
	Last int
	// Within keeps all that are no older than that, counted from now.
	Within time.Duration
	// Every keeps, for each rule, the newest of each period.
	Every []Period
	// MaxBytes gives up the oldest of what the rules keep, as long as together
	// they take more bytes: but never the newest, nor pinned ones. 0 means no
	// limit.
	MaxBytes uint64
}

// Period keeps the newest checkpoint of each of the last Count periods that
// have any. Periods begin at multiples of Length since 1970, UTC.
type Period struct {
	Length time.Duration
	// Count of periods; negative for all.
	Count int
}

// DefaultPolicy keeps the last three, and the newest of each of the last ten
// minutes, 24 hours and seven days that have any: some 40 of the 6 million that
// an instance checkpointed ten times a second has in a week.
func DefaultPolicy() Policy {
	return Policy{Last: 3, Every: []Period{{time.Minute, 10}, {time.Hour, 24}, {24 * time.Hour, 7}}}
}

// Validate reports what is out of range.
func (p Policy) Validate() error {
	if p.Last < 0 || p.Within < 0 {
		return errors.New("retention policy with negative numbers")
	}
	for _, e := range p.Every {
		if e.Length <= 0 {
			return fmt.Errorf("retention period of %v", e.Length)
		}
	}
	return nil
}

// Ref is a checkpoint as a list shows it.
type Ref struct {
	ID   cid.Cid
	Name string
	Order
	Time time.Time
	// Pinned ones are kept whatever the policy.
	Pinned bool
}

// Decided is a checkpoint and why it is kept or removed.
type Decided struct {
	Ref
	Reasons []string
}

// Decision is what a policy makes of a list, each newest first.
type Decision struct{ Keep, Remove []Decided }

// Retain applies the policy to the checkpoints of one name. bytes tells what
// a set of checkpoints takes together; nil counts as nothing.
func (p Policy) Retain(now time.Time, refs []Ref, bytes func([]Ref) uint64) Decision {
	refs = slices.SortedStableFunc(slices.Values(refs), func(a, b Ref) int { return b.Compare(a.Order) })
	seen := make([]map[int64]bool, len(p.Every))
	for i := range seen {
		seen[i] = map[int64]bool{}
	}
	var d Decision
	for i, ref := range refs {
		if why := p.reasons(now, ref, i, seen); len(why) > 0 {
			d.Keep = append(d.Keep, Decided{ref, why})
		} else {
			d.Remove = append(d.Remove, Decided{ref, []string{"no rule keeps it"}})
		}
	}
	if p.MaxBytes > 0 && bytes != nil {
		p.fit(&d, bytes)
	}
	return d
}

// reasons says why ref, the i-th newest, is kept. seen has, for each rule, the
// periods that newer ones lie in.
func (p Policy) reasons(now time.Time, ref Ref, i int, seen []map[int64]bool) []string {
	var why []string
	if i == 0 {
		why = append(why, "newest")
	}
	if ref.Pinned {
		why = append(why, "pinned")
	}
	if i < p.Last {
		why = append(why, fmt.Sprintf("one of the last %d", p.Last))
	}
	if p.Within > 0 && now.Sub(ref.Time) <= p.Within {
		why = append(why, "within "+brief(p.Within))
	}
	for rule, e := range p.Every {
		period, full := e.of(ref.Time), e.Count >= 0 && len(seen[rule]) >= e.Count
		if !seen[rule][period] && !full {
			why = append(why, "newest of its "+brief(e.Length))
		}
		seen[rule][period] = true
	}
	return why
}

// brief is a duration without its zero minutes and seconds: 24h.
func brief(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (e Period) of(t time.Time) int64 { return t.UnixNano() / int64(e.Length) }

// fit removes as many of the oldest as it takes for the rest to fit.
func (p Policy) fit(d *Decision, bytes func([]Ref) uint64) {
	n := sort.Search(len(d.Keep)-1, func(n int) bool {
		keep, _ := withoutOldest(d.Keep, n)
		return bytes(refsOf(keep)) <= p.MaxBytes
	})
	keep, gone := withoutOldest(d.Keep, n)
	for i := range gone {
		gone[i].Reasons = []string{fmt.Sprintf("more than %d bytes together", p.MaxBytes)}
	}
	d.Keep, d.Remove = keep, append(gone, d.Remove...)
	slices.SortStableFunc(d.Remove, func(a, b Decided) int { return b.Compare(a.Order) })
}

// withoutOldest takes away those of the n oldest that are not pinned.
func withoutOldest(all []Decided, n int) (keep, gone []Decided) {
	for i, d := range all {
		if i < len(all)-n || d.Pinned {
			keep = append(keep, d)
		} else {
			gone = append(gone, d)
		}
	}
	return keep, gone
}

func refsOf(ds []Decided) []Ref {
	refs := make([]Ref, len(ds))
	for i, d := range ds {
		refs[i] = d.Ref
	}
	return refs
}
