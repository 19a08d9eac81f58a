package units

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Size
	}{
		{"0", 0}, {"1", 1}, {"65536", 65536},
		{"64Ki", 64 << 10}, {"512Mi", 512 << 20}, {"1Gi", 1 << 30}, {"2Ti", 2 << 40}, {"3Pi", 3 << 50},
		{"64KiB", 64 << 10}, {"10B", 10}, {"1k", 1000}, {"1K", 1000}, {"5MB", 5e6}, {"1G", 1e9},
		{"18446744073709551615", math.MaxUint64}, {"16383Pi", 16383 << 50},
	} {
		if got, err := ParseSize(c.in); err != nil || got != c.want {
			t.Errorf("%q: got %d, %v; want %d", c.in, got, err, c.want)
		}
	}
}

func TestParseSizeErrors(t *testing.T) {
	for _, in := range []string{
		"", "Mi", "B", "-1", "+1", "1.5Gi", "1e3", "0x10", " 1", "1 Mi", "1mi", "1iB", "1MiMi", "1BB", "1_000",
		"18446744073709551616", "16384Pi", "18446744073709551615k",
	} {
		if got, err := ParseSize(in); !errors.Is(err, ErrSize) {
			t.Errorf("%q: got %d, %v", in, got, err)
		}
	}
}

func TestStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Uint64().Draw(t, "n") << rapid.IntRange(0, 63).Draw(t, "shift"))
		var got Size
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%d prints %s, reads back %d, %v", want, want, got, err)
		}
	})
}

func TestForPeople(t *testing.T) {
	for _, c := range []struct {
		n     uint64
		size  string
		count string
	}{
		{0, "0 B", "0"},
		{999, "999 B", "999"},
		{1000, "1000 B", "1,000"},
		{1024, "1.0 KiB", "1,024"},
		{65536, "64.0 KiB", "65,536"},
		{1<<20 - 1, "1.0 MiB", "1,048,575"},
		{1234567, "1.2 MiB", "1,234,567"},
		{math.MaxUint64, "16384.0 PiB", "18,446,744,073,709,551,615"},
	} {
		if s, n := Size(c.n).Approx(), Count(c.n); s != c.size || n != c.count {
			t.Errorf("%d: got %q, %q; want %q, %q", c.n, s, n, c.size, c.count)
		}
	}
}
