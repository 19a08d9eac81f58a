// Guest go_maps counts words in maps, sorts them and throws them away: Go's
// runtime, allocator and collector as a guest.
package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

type source uint32

func (s *source) next() uint32 {
	*s ^= *s << 13
	*s ^= *s >> 17
	*s ^= *s << 5
	return uint32(*s)
}

func (s *source) word() string {
	parts := [...]string{"ka", "ro", "mi", "te", "lu", "shi", "no", "wa"}
	var b strings.Builder
	for range 1 + s.next()%3 {
		b.WriteString(parts[s.next()%8])
	}
	return b.String()
}

type entry struct {
	word  string
	count int
}

func round(s *source) uint64 {
	counts := map[string]int{}
	for range 10_000 {
		counts[s.word()]++
	}
	var entries []entry
	for word, count := range counts {
		entries = append(entries, entry{word, count})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.count != b.count {
			return b.count - a.count
		}
		return strings.Compare(a.word, b.word)
	})
	sum := uint64(14695981039346656037)
	for _, e := range entries {
		for _, c := range []byte(e.word + strconv.Itoa(e.count)) {
			sum = (sum ^ uint64(c)) * 1099511628211
		}
	}
	return sum
}

func main() {
	rounds := 10
	if len(os.Args) > 1 {
		rounds, _ = strconv.Atoi(os.Args[1])
	}
	s := source(2463534242)
	var sum uint64
	for range rounds {
		sum = sum<<5 ^ sum>>59 ^ round(&s)
	}
	os.Stdout.WriteString(strconv.FormatUint(sum, 16) + "\n")
}
