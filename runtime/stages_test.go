package runtime

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestStages tells what has been done, in which order, and what came of it.
func TestStages(t *testing.T) {
	const n, slots = 100, 4
	broken := errors.New("broken")
	fails := func(at ...int) func(i int) error {
		return func(i int) error {
			if slices.Contains(at, i) {
				return fmt.Errorf("%w at %d", broken, i)
			}
			return nil
		}
	}
	for _, c := range []struct {
		name          string
		first, second func(i int) error
		want          string
		done          int // firsts, at least; seconds
	}{
		{"all", fails(), fails(), "<nil>", n},
		{"first", fails(7), fails(), "broken at 7", 7},
		{"second", fails(), fails(7), "broken at 7", 7},
		{"the smaller", fails(9), fails(7), "broken at 7", 7},
		{"the first of one", fails(7), fails(7), "broken at 7", 7},
	} {
		for name, run := range map[string]func(n, slots int, first, second func(slot, i int) error) error{"one by one": oneByOne, "in stages": inStages} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				var firsts, seconds []int
				held := make([]int, slots) // each slot's number; -race tells if two have it
				err := run(n, slots, func(slot, i int) error {
					if err := c.first(i); err != nil {
						return err
					}
					firsts, held[slot] = append(firsts, i), i
					return nil
				}, func(slot, i int) error {
					if held[slot] != i {
						t.Errorf("slot %d holds %d, not %d", slot, held[slot], i)
					}
					if err := c.second(i); err != nil {
						return err
					}
					seconds = append(seconds, i)
					return nil
				})
				if got := fmt.Sprint(err); got != c.want {
					t.Errorf("error %s, want %s", got, c.want)
				}
				if !slices.Equal(seconds, upTo(c.done)) || !slices.Equal(firsts, upTo(len(firsts))) || len(firsts) < c.done {
					t.Errorf("firsts %v, seconds %v", firsts, seconds)
				}
			})
		}
	}
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// TestStagesPanic has the second stage panic where it was asked for.
func TestStagesPanic(t *testing.T) {
	defer func() {
		if p := recover(); p != "lost" {
			t.Errorf("panic %v", p)
		}
	}()
	nothing := func(int, int) error { return nil }
	inStages(10, 2, nothing, func(_, i int) error {
		if i == 3 {
			panic("lost")
		}
		return nil
	})
	t.Error("no panic")
}
