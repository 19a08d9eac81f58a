// Guest go_life plays Conway's game of life with goroutines and channels: one
// goroutine a band of rows, slices with bounds checks, an interface call a cell.
package main

import (
	"os"
	"strconv"
)

const size, bands = 128, 4

type world [size][size]uint8

type rule interface {
	next(alive uint8, neighbours int) uint8
}

type conway struct{}

func (conway) next(alive uint8, neighbours int) uint8 {
	if neighbours == 3 || neighbours == 2 && alive == 1 {
		return 1
	}
	return 0
}

func neighbours(w *world, y, x int) int {
	n := 0
	for dy := size - 1; dy <= size+1; dy++ {
		for dx := size - 1; dx <= size+1; dx++ {
			if dy != size || dx != size {
				n += int(w[(y+dy)%size][(x+dx)%size])
			}
		}
	}
	return n
}

func evolve(from, to *world, r rule) {
	done := make(chan int)
	for b := range bands {
		go func() {
			for y := b * size / bands; y < (b+1)*size/bands; y++ {
				for x := range size {
					to[y][x] = r.next(from[y][x], neighbours(from, y, x))
				}
			}
			done <- b
		}()
	}
	for range bands {
		<-done
	}
}

func main() {
	generations := 40
	if len(os.Args) > 1 {
		generations, _ = strconv.Atoi(os.Args[1])
	}
	a, b := new(world), new(world)
	state := uint32(2463534242)
	for y := range a {
		for x := range a[y] {
			state ^= state << 13
			state ^= state >> 17
			state ^= state << 5
			a[y][x] = uint8(state & 1)
		}
	}
	for range generations {
		evolve(a, b, conway{})
		a, b = b, a
	}
	sum := uint64(14695981039346656037)
	for y := range a {
		for _, cell := range a[y] {
			sum = (sum ^ uint64(cell)) * 1099511628211
		}
	}
	os.Stdout.WriteString(strconv.FormatUint(sum, 16) + "\n")
}
