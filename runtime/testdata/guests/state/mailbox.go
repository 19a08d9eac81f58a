// A reactor in Go: goroutines and channels that wait between calls, a map, a heap
// that is collected.
package main

import (
	"fmt"
	"os"
	goruntime "runtime"
	"sort"
)

var (
	inbox = make(chan int64)
	sums  = make(chan int64)
	log   = map[int64][]byte{}
)

func init() {
	go func() {
		total := int64(0)
		for n := range inbox {
			log[n] = make([]byte, 1000+n%5000)
			total += n
			sums <- total
		}
	}()
	fmt.Println("ready")
}

//go:wasmexport send
func send(n int64) int64 {
	inbox <- n
	return <-sums
}

//go:wasmexport collect
func collect() int64 {
	goruntime.GC()
	var keys []int64
	for k := range log {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	size := int64(0)
	for i, k := range keys {
		size += int64(len(log[k])) * int64(i+1)
	}
	return size
}

//go:wasmexport write
func write(n int64) int64 {
	f, err := os.OpenFile("/out/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return -1
	}
	defer f.Close()
	m, _ := fmt.Fprintln(f, "note", n, len(log))
	return int64(m)
}

func main() {}
