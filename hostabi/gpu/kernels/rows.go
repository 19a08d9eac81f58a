package kernels

import (
	"context"
	"math"
)

// planRows is the plan of a kernel that does something to each row of x into y.
func planRows(a args, x, y int, operations int64, others ...int) (work, error) {
	rows, cols := a.int(0), a.int(1)
	if err := a.counts(0, 1); err != nil {
		return work{}, err
	}
	for _, i := range []int{x, y} {
		if err := a.holds(i, rows*cols); err != nil {
			return work{}, err
		}
	}
	for _, i := range others {
		if err := a.holds(i, cols); err != nil {
			return work{}, err
		}
	}
	total, err := product(rows, cols, operations)
	return work{rows, total}, err
}

func planSoftmax(a args) (work, error)   { return planRows(a, 2, 3, 8) }
func planLayernorm(a args) (work, error) { return planRows(a, 3, 6, 8, 4, 5) }

// eachRow calls f with each row of x and that of y.
func eachRow(ctx context.Context, a args, x, y int, f func(from, to []float32)) error {
	rows, cols := a.int(0), a.int(1)
	in, out := a.floats(x), a.floats(y)
	if cols == 0 {
		return nil
	}
	for r := range rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f(in[r*cols:][:cols], out[r*cols:][:cols])
	}
	return nil
}

func softmax(ctx context.Context, a args) error {
	return eachRow(ctx, a, 2, 3, func(from, to []float32) {
		top, sum := float32(math.Inf(-1)), 0.0
		for _, v := range from {
			if v > top {
				top = v
			}
		}
		for i, v := range from {
			e := math.Exp(float64(v - top))
			to[i] = float32(e)
			sum += e
		}
		for i := range to {
			to[i] /= float32(sum)
		}
	})
}

func layernorm(ctx context.Context, a args) error {
	eps, gamma, beta := float64(a.float(2)), a.floats(4), a.floats(5)
	return eachRow(ctx, a, 3, 6, func(from, to []float32) {
		var sum, squares float64
		for _, v := range from {
			sum += float64(v)
		}
		mean := sum / float64(len(from))
		for _, v := range from {
			squares += (float64(v) - mean) * (float64(v) - mean)
		}
		scale := 1 / math.Sqrt(squares/float64(len(from))+eps)
		for i, v := range from {
			to[i] = float32((float64(v)-mean)*scale)*gamma[i] + beta[i]
		}
	})
}
