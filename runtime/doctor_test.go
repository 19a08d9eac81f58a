package runtime

import (
	"math"
	"strings"
	"testing"
)

// One way of finding written pages works everywhere, comparison at least, and
// what does not work says why.
func TestProveTracking(t *testing.T) {
	works := 0
	for _, way := range ProveTracking() {
		if way.Name == "" {
			t.Errorf("no name: %+v", way)
		}
		if way.Err == nil {
			works++
		} else if !strings.Contains(way.Err.Error(), way.Name) {
			t.Errorf("%s: %v does not say what it is about", way.Name, way.Err)
		}
	}
	if works == 0 {
		t.Error("nothing works")
	}
}

func TestProveReservation(t *testing.T) {
	if err := ProveReservation(1 << 20); err != nil {
		t.Error(err)
	}
	if math.MaxInt == math.MaxInt64 {
		if err := ProveReservation(1 << 60); err == nil {
			t.Error("an exbibyte of address space")
		}
	}
}
