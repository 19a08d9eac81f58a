//go:build wasip1

// Multiplies two matrices on a GPU with the ready-made kernel sgemm, and by itself, and
// compares the results and the times.
//
//	gpu-matmul [N]      N by N, 512 when left out
package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/godwit-run/godwit/hostabi/guest/gpu"
)

func main() {
	n := 512
	if len(os.Args) > 1 {
		v, err := strconv.Atoi(os.Args[1])
		if err != nil || v < 1 || v > 4096 {
			fmt.Fprintln(os.Stderr, "usage: gpu-matmul [N]   (up to 4096)")
			os.Exit(2)
		}
		n = v
	}
	if err := compare(n); err != nil {
		fmt.Fprintln(os.Stderr, "gpu-matmul:", err)
		os.Exit(1)
	}
}

func compare(n int) error {
	a, b := matrix(n, 1), matrix(n, 2)
	begun := time.Now()
	fast, kernel, err := onDevice(n, a, b)
	if err != nil {
		return err
	}
	device := time.Since(begun)
	begun = time.Now()
	slow := here(n, a, b)
	own := time.Since(begun)

	var worst float64
	for i := range slow {
		worst = max(worst, math.Abs(float64(fast[i]-slow[i])))
	}
	if worst > 1e-3 {
		return fmt.Errorf("results differ by %g", worst)
	}
	fmt.Printf("%d x %d on %s: right\n", n, n, gpu.Device(0).Name())
	fmt.Fprintf(os.Stderr, "there %v, the kernel %v of it; here %v: %.1f times as long\n",
		device.Round(time.Microsecond), kernel.Round(time.Microsecond), own.Round(time.Microsecond), float64(own)/float64(device))
	return nil
}

// matrix is one of small numbers that look random.
func matrix(n int, seed uint32) []float32 {
	m := make([]float32, n*n)
	for i := range m {
		seed = seed*1664525 + 1013904223
		m[i] = float32(seed>>16)/65536 - 0.5
	}
	return m
}

// onDevice is the product, and how long the kernel took.
func onDevice(n int, a, b []float32) ([]float32, time.Duration, error) {
	d := gpu.Device(0)
	sgemm, err := d.Ready("sgemm")
	if err != nil {
		return nil, 0, err
	}
	var buffers [3]gpu.Buffer
	for i, m := range [][]float32{a, b, make([]float32, n*n)} {
		if buffers[i], err = d.Floats(m); err != nil {
			return nil, 0, err
		}
	}
	size, zero := int32(n), int32(0)
	err = sgemm.Args(zero, zero, size, size, size, float32(1), buffers[0], zero, size, buffers[1], zero, size, float32(0), buffers[2], zero, size)
	if err != nil {
		return nil, 0, err
	}
	event, err := sgemm.Launch()
	if err != nil {
		return nil, 0, err
	}
	if err := event.Wait(); err != nil {
		return nil, 0, err
	}
	t, err := event.Times()
	if err != nil {
		return nil, 0, err
	}
	c := make([]float32, n*n)
	return c, time.Duration(t.Ended - t.Started), buffers[2].ReadFloats(0, c)
}

// here is the product by plain loops, in the order that is kindest to caches.
func here(n int, a, b []float32) []float32 {
	c := make([]float32, n*n)
	for i := range n {
		row := c[i*n:][:n]
		for p := range n {
			by := a[i*n+p]
			for j, v := range b[p*n:][:n] {
				row[j] += by * v
			}
		}
	}
	return c
}
