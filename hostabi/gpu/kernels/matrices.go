package kernels

import (
	"context"
	"fmt"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// matrix is one of sgemm's, as it lies in its buffer.
type matrix struct {
	at           int // its argument; offset and leading dimension come after it
	rows, cols   int64
	offset, lead int64
}

func (a args) matrix(at int, rows, cols int64, transposed bool) matrix {
	if transposed {
		rows, cols = cols, rows
	}
	return matrix{at, rows, cols, a.int(at + 1), a.int(at + 2)}
}

// check tells whether the buffer holds it.
func (m matrix) check(a args) error {
	if m.rows == 0 || m.cols == 0 {
		return nil
	}
	if m.lead < m.cols {
		return fmt.Errorf("rows of %d, %d apart: %w", m.cols, m.lead, device.ErrArgument)
	}
	return a.holds(m.at, m.offset+(m.rows-1)*m.lead+m.cols)
}

// element is where that of row i and column j of op(M) is.
func (m matrix) strides(transposed bool) (row, col int64) {
	if transposed {
		return 1, m.lead
	}
	return m.lead, 1
}

func (a args) matrices() (x, y, z matrix) {
	m, n, k := a.int(2), a.int(3), a.int(4)
	return a.matrix(6, m, k, a.int(0) != 0), a.matrix(9, k, n, a.int(1) != 0), a.matrix(13, m, n, false)
}

func planSgemm(a args) (work, error) {
	if err := a.counts(2, 3, 4, 7, 8, 10, 11, 14, 15); err != nil {
		return work{}, err
	}
	x, y, z := a.matrices()
	if z.rows == 0 || z.cols == 0 {
		return work{}, nil
	}
	for _, m := range []matrix{x, y, z} {
		if err := m.check(a); err != nil {
			return work{}, err
		}
	}
	operations, err := product(z.rows, z.cols, a.int(4), 2)
	const down, across = 4, 16 // elements of a tile
	return work{(z.rows + down - 1) / down * ((z.cols + across - 1) / across), operations + z.rows*z.cols}, err
}

func sgemm(ctx context.Context, a args) error {
	x, y, z := a.matrices()
	if z.rows == 0 || z.cols == 0 {
		return nil
	}
	k, alpha, beta := a.int(4), a.float(5), a.float(12)
	xi, xp := x.strides(a.int(0) != 0)
	yp, yj := y.strides(a.int(1) != 0)
	from, by, to := a.floats(6), a.floats(9), a.floats(13)
	sums := make([]float32, min(z.cols, int64(len(to))))
	for i := range z.rows {
		clear(sums)
		for p := range k {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v := from[x.offset+i*xi+p*xp]
			if row := y.offset + p*yp; yj == 1 {
				for j, w := range by[row:][:len(sums)] {
					sums[j] += v * w
				}
			} else {
				for j := range sums {
					sums[j] += v * by[row+int64(j)*yj]
				}
			}
		}
		store(to[z.offset+i*z.lead:][:len(sums)], sums, alpha, beta)
	}
	return nil
}

// store is c = alpha sums + beta c.
func store(c, sums []float32, alpha, beta float32) {
	for j, sum := range sums {
		if beta == 0 {
			c[j] = alpha * sum
		} else {
			c[j] = alpha*sum + beta*c[j]
		}
	}
}

// convolution is a launch of conv2d.
type convolution struct {
	ci, h, w, co, kh, kw, stride, pad int64
	oh, ow                            int64
}

func (a args) convolution() convolution {
	c := convolution{ci: a.int(0), h: a.int(1), w: a.int(2), co: a.int(3), kh: a.int(4), kw: a.int(5), stride: a.int(6), pad: a.int(7)}
	if c.stride > 0 {
		c.oh, c.ow = (c.h+2*c.pad-c.kh)/c.stride+1, (c.w+2*c.pad-c.kw)/c.stride+1
	}
	return c
}

// side is the longest that a plane or its padding may be: so int, in the kernel, lasts.
const side = 1 << 28

func planConv2d(a args) (work, error) {
	c := a.convolution()
	if err := a.counts(0, 1, 2, 3, 4, 5, 6, 7); err != nil {
		return work{}, err
	}
	if max(c.h, c.w, c.kh, c.kw, c.pad, c.stride) > side || min(c.stride, c.kh, c.kw) < 1 ||
		c.kh > c.h+2*c.pad || c.kw > c.w+2*c.pad {
		return work{}, fmt.Errorf("a window of %d by %d, stride %d, over %d by %d: %w", c.kh, c.kw, c.stride, c.h, c.w, device.ErrArgument)
	}
	operations, err := product(c.co, c.oh, c.ow, max(c.ci, 1), c.kh, c.kw, 2)
	if err != nil {
		return work{}, err
	}
	for _, b := range []struct {
		i       int
		factors []int64
	}{{8, []int64{c.ci, c.h, c.w}}, {9, []int64{c.co, c.ci, c.kh, c.kw}}, {10, []int64{c.co}}, {11, []int64{c.co, c.oh, c.ow}}} {
		need, err := product(b.factors...)
		if err == nil {
			err = a.holds(b.i, need)
		}
		if err != nil {
			return work{}, err
		}
	}
	return work{c.co * c.oh * c.ow, operations}, nil
}

func conv2d(ctx context.Context, a args) error {
	c := a.convolution()
	x, weights, bias, y := a.floats(8), a.floats(9), a.floats(10), a.floats(11)
	for o := range c.co {
		for r := range c.oh {
			for s := range c.ow {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				y[(o*c.oh+r)*c.ow+s] = bias[o] + c.window(x, weights[o*c.ci*c.kh*c.kw:], r*c.stride-c.pad, s*c.stride-c.pad)
			}
		}
	}
	return nil
}

// window is the sum over the window whose corner is at top, left.
func (c convolution) window(x, f []float32, top, left int64) (sum float32) {
	for plane := range c.ci {
		for r := max(0, -top); r < min(c.kh, c.h-top); r++ {
			row := (plane*c.h + top + r) * c.w
			for s := max(0, -left); s < min(c.kw, c.w-left); s++ {
				sum += x[row+left+s] * f[(plane*c.kh+r)*c.kw+s]
			}
		}
	}
	return sum
}
