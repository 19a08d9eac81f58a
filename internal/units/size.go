package units

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Size is a number of bytes. It is a flag value (pflag.Value) and a text value
// (encoding.TextUnmarshaler), read by [ParseSize].
type Size uint64

// ErrSize is what every error of ParseSize wraps.
var ErrSize = errors.New("not a size such as 65536, 64Ki, 512Mi or 1Gi")

// factors are the units, as they may follow a number. K is accepted for k.
var factors = map[string]uint64{
	"":   1,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
	"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
}

// ParseSize reads a whole number with an optional binary or decimal unit, and
// an optional B after it: 65536, 64Ki, 64KiB, 1G.
func ParseSize(s string) (Size, error) {
	digits := strings.TrimRight(s, "kKMGTPiB")
	factor, known := factors[strings.TrimSuffix(s[len(digits):], "B")]
	n, err := strconv.ParseUint(digits, 10, 64)
	hi, lo := bits.Mul64(n, factor)
	if !known || err != nil || hi != 0 {
		return 0, fmt.Errorf("%q is %w", s, ErrSize)
	}
	return Size(lo), nil
}

// String is the exact size in the largest binary unit that divides it, as
// ParseSize reads it: "512Mi", "1000".
func (s Size) String() string {
	for i, unit := range []string{"Pi", "Ti", "Gi", "Mi", "Ki"} {
		if f := Size(1) << (10 * (5 - i)); s >= f && s%f == 0 {
			return strconv.FormatUint(uint64(s/f), 10) + unit
		}
	}
	return strconv.FormatUint(uint64(s), 10)
}

// Approx is the size to one decimal, for people: "2.1 MiB", "512 B".
func (s Size) Approx() string {
	if s < 1<<10 {
		return fmt.Sprintf("%d B", uint64(s))
	}
	v, i := float64(s), -1
	// 1023.95 would round to 1024.0 of the same unit.
	for v >= 1023.95 && i < 4 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[max(i, 0)])
}

// Set implements pflag.Value.
func (s *Size) Set(text string) (err error) {
	*s, err = ParseSize(text)
	return err
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error { return s.Set(string(text)) }

// Count writes n with commas between groups of three digits.
func Count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
