package wire

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Capability is a GPU's compute capability in comparable form: the family, and
// its generation by number, so that sm_100 is above sm_90 and sm_9 below sm_80,
// which as text they are not.
type Capability struct {
	Family string
	// Major and Minor: 8 and 6 of sm_86, 12 and 1 of sm_121. AMD's gfx90a is
	// major 9, minor 0, stepping 10: its last two digits are hexadecimal.
	Major, Minor, Stepping int
	// Suffix is what NVIDIA's architecture-specific targets have: the a of sm_90a.
	Suffix string
}

// maxCapability is the longest capability in bytes.
const maxCapability = 32

// ParseCapability reads NVIDIA's sm_NN and compute_NN, AMD's gfxNNN, and any
// other FAMILY_MAJOR or FAMILY_MAJOR.MINOR such as metal_3 or opencl_3.0. Errors
// wrap [ErrInvalid].
func ParseCapability(s string) (Capability, error) {
	if c, ok := parseCapability(s); ok {
		return c, nil
	}
	return Capability{}, fmt.Errorf("compute capability %.40q: want one such as sm_70, gfx90a or opencl_3.0: %w", s, ErrInvalid)
}

// parseCapability is ParseCapability without words: placement asks it often.
func parseCapability(s string) (c Capability, ok bool) {
	if len(s) > maxCapability {
		return Capability{}, false
	}
	low := strings.ToLower(s)
	if gfx, ok := strings.CutPrefix(low, "gfx"); ok {
		return parseGFX(gfx)
	}
	family, number, ok := strings.Cut(low, "_")
	if !ok || family == "" || strings.ContainsFunc(family, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return Capability{}, false
	}
	if family == "sm" || family == "compute" {
		return parseSM(number)
	}
	major, minor, dotted := strings.Cut(number, ".")
	if !dotted {
		minor = "0"
	}
	return numbers(Capability{Family: family}, major, minor, "0", 10)
}

// parseSM reads the digits of an sm_: the last one is the minor number. One
// digit alone is a major number that somebody wrote short: sm_9 is below sm_80,
// as the number 9 is below 80.
func parseSM(number string) (Capability, bool) {
	digits := strings.TrimRight(number, "af")
	c := Capability{Family: "sm", Suffix: number[len(digits):]}
	if len(digits) < 1 || len(digits) > 4 || len(c.Suffix) > 1 {
		return Capability{}, false
	}
	cut := len(digits) - 1
	return numbers(c, "0"+digits[:cut], digits[cut:], "0", 10)
}

func parseGFX(number string) (Capability, bool) {
	if len(number) < 3 || len(number) > 4 {
		return Capability{}, false
	}
	cut := len(number) - 2
	return numbers(Capability{Family: "gfx"}, number[:cut], number[cut:cut+1], number[cut+1:], 16)
}

// numbers fills in the parts; base is that of the stepping and minor number.
func numbers(c Capability, major, minor, stepping string, base int) (Capability, bool) {
	a, err1 := strconv.ParseUint(major, 10, 16)
	b, err2 := strconv.ParseUint(minor, base, 16)
	s, err3 := strconv.ParseUint(stepping, base, 16)
	if err1 != nil || err2 != nil || err3 != nil {
		return Capability{}, false
	}
	c.Major, c.Minor, c.Stepping = int(a), int(b), int(s)
	return c, true
}

// AtLeast tells whether a device of capability c runs what needs least.
// Families never replace each other, and neither do AMD's major numbers, whose
// code is not compatible. What needs a suffix (sm_90a) runs on that generation
// alone (CUDA C programming guide, "Family-specific features").
func (c Capability) AtLeast(least Capability) bool {
	if c.Family != least.Family || c.Family == "gfx" && c.Major != least.Major {
		return false
	}
	order := cmp.Or(cmp.Compare(c.Major, least.Major), cmp.Compare(c.Minor, least.Minor), cmp.Compare(c.Stepping, least.Stepping))
	if least.Suffix != "" {
		return order == 0
	}
	return order >= 0
}
