package kernels

import (
	"context"
	"fmt"
	"math"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// block is how many elements a twin goes through between two looks at its context.
const block = 1 << 16

func planSaxpy(a args) (work, error) {
	n := a.int(0)
	for _, err := range []error{a.counts(0), a.holds(2, n), a.holds(3, n)} {
		if err != nil {
			return work{}, err
		}
	}
	return work{n, 2 * n}, nil
}

func saxpy(ctx context.Context, a args) error {
	n, by := int(a.int(0)), a.float(1)
	x, y := a.floats(2)[:n], a.floats(3)[:n]
	for i := range x {
		if i%block == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		y[i] += by * x[i]
	}
	return nil
}

func planReduceSum(a args) (work, error) {
	n, parts := a.int(0), a.int(2)
	for _, err := range []error{a.counts(0, 2), a.holds(1, n), a.holds(3, parts)} {
		if err != nil {
			return work{}, err
		}
	}
	return work{parts, n + parts}, nil
}

func reduceSum(ctx context.Context, a args) error {
	n, parts := int64(a.int(0)), a.int(2)
	x, out := a.floats(1), a.floats(3)
	for p := range parts {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var sum float64
		for _, v := range x[p*n/parts : (p+1)*n/parts] {
			sum += float64(v)
		}
		out[p] = float32(sum)
	}
	return nil
}

func planHistogram(a args) (work, error) {
	n, bins := a.int(0), a.int(1)
	for _, err := range []error{a.counts(0, 1), a.holds(4, n), a.holds(5, bins)} {
		if err != nil {
			return work{}, err
		}
	}
	low, high := float64(a.float(2)), float64(a.float(3))
	if bins == 0 || math.IsInf(low, 0) || math.IsInf(high, 0) || !(low < high) {
		return work{}, fmt.Errorf("%d bins from %g to %g: %w", bins, low, high, device.ErrArgument)
	}
	return work{n, 4 * n}, nil
}

func histogram(ctx context.Context, a args) error {
	n, bins, low, high := int(a.int(0)), int(a.int(1)), a.float(2), a.float(3)
	counts := a.uints(5)
	for i, v := range a.floats(4)[:n] {
		if i%block == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if v >= low && v < high {
			at := float64((v - low) / (high - low) * float32(bins))
			if !(at < float64(bins)) { // by rounding
				at = float64(bins - 1)
			}
			counts[int(at)]++
		}
	}
	return nil
}
