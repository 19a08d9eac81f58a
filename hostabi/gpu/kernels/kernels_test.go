package kernels

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// bench is a session to run kernels in, and data that is the same each time.
type bench struct {
	t       testing.TB
	session device.Session
	random  *rand.Rand
}

func newBench(t testing.TB, b device.Backend) *bench {
	t.Helper()
	s, err := b.Open(t.Context(), device.Limits{Devices: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return &bench{t, s, rand.New(rand.NewPCG(1, 2))}
}

// floats are n random numbers from -1 to 1.
func (b *bench) floats(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 2*b.random.Float32() - 1
	}
	return v
}

func bytesOf[T float32 | uint32](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// run runs a kernel: float32 and int are values, slices buffers, which have what the kernel
// left when it returns.
func (b *bench) run(name string, params ...any) {
	b.t.Helper()
	k, ok := Find(name)
	if !ok {
		b.t.Fatalf("no kernel %s", name)
	}
	values, back := b.values(params)
	source, err := k.Source(b.session.Devices()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	program, err := b.session.Build(b.t.Context(), 0, source)
	if failed, ok := errors.AsType[*device.BuildError](err); ok {
		b.t.Fatalf("%s: %s", name, failed.Log)
	} else if err != nil {
		b.t.Fatal(err)
	}
	built, err := program.Kernel(name)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := k.Check(values); err != nil {
		b.t.Fatal(err)
	}
	event, err := built.Launch(b.t.Context(), k.Range(values), values...)
	if err == nil {
		err = device.Wait(b.t.Context(), event)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	back()
}

func (b *bench) values(params []any) (values []device.Value, back func()) {
	var reads []func() error
	for _, p := range params {
		var bytes []byte
		switch p := p.(type) {
		case int:
			values = append(values, device.Scalar(int32(p)))
			continue
		case float32:
			values = append(values, device.Scalar(p))
			continue
		case []float32:
			bytes = bytesOf(p)
		case []uint32:
			bytes = bytesOf(p)
		}
		buf, err := b.session.NewBuffer(b.t.Context(), 0, uint64(len(bytes)))
		if err == nil {
			err = buf.Write(b.t.Context(), 0, bytes)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		values = append(values, device.Whole(buf))
		reads = append(reads, func() error { return errors.Join(buf.Read(context.Background(), 0, bytes), buf.Free()) })
	}
	return values, func() {
		for _, read := range reads {
			if err := read(); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// near compares with what was worked out another way.
func near(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5+1e-4*math.Abs(float64(want[i]))) {
			t.Errorf("%s: element %d is %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}

func TestTwins(t *testing.T) { testKernels(t, New()) }

// testKernels runs every kernel on a backend and compares with plain loops in double precision.
func testKernels(t *testing.T, backend device.Backend) {
	b := newBench(t, backend)
	for name, test := range map[string]func(*testing.T, *bench){
		"saxpy": testSaxpy, "sgemm": testSgemm, "reduce_sum": testReduceSum, "softmax": testSoftmax,
		"layernorm": testLayernorm, "conv2d": testConv2d, "histogram": testHistogram,
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			test(t, b)
		})
	}
}

func testSaxpy(t *testing.T, b *bench) {
	for _, n := range []int{1, 63, 100_000} {
		x, y := b.floats(n+3), b.floats(n+3)
		want := append([]float32(nil), y...)
		for i := range n {
			want[i] = float32(2.5*float64(x[i]) + float64(y[i]))
		}
		b.run("saxpy", n, float32(2.5), x, y)
		near(t, fmt.Sprint(n), y, want)
	}
}

func testSgemm(t *testing.T, b *bench) {
	for _, c := range []struct{ transa, transb, m, n, k, offa, lda, offb, ldb, offc, ldc int }{
		{0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1},
		{0, 0, 64, 48, 33, 0, 33, 0, 48, 0, 48},
		{0, 0, 7, 19, 5, 3, 9, 2, 20, 1, 23},
		{1, 0, 9, 35, 12, 4, 11, 0, 35, 0, 35},
		{0, 1, 18, 17, 16, 0, 16, 5, 21, 7, 19},
		{1, 1, 20, 33, 6, 0, 20, 0, 6, 0, 33},
		{0, 0, 4, 16, 0, 0, 1, 0, 16, 0, 16},
	} {
		a, bb, old := b.floats(1200+c.offa), b.floats(1700+c.offb), b.floats(4000+c.offc)
		if c.m*c.k > 1200 {
			a = b.floats(c.m * c.k)
		}
		for _, beta := range []float32{0, 0.5} {
			got, want := append([]float32(nil), old...), append([]float32(nil), old...)
			if beta == 0 {
				got[c.offc] = float32(math.NaN()) // is not read
			}
			for i := range c.m {
				for j := range c.n {
					var sum float64
					for p := range c.k {
						at, bt := i*c.lda+p, p*c.ldb+j
						if c.transa != 0 {
							at = p*c.lda + i
						}
						if c.transb != 0 {
							bt = j*c.ldb + p
						}
						sum += float64(a[c.offa+at]) * float64(bb[c.offb+bt])
					}
					to := c.offc + i*c.ldc + j
					want[to] = float32(1.5*sum + float64(beta)*float64(old[to]))
				}
			}
			b.run("sgemm", c.transa, c.transb, c.m, c.n, c.k, float32(1.5), a, c.offa, c.lda, bb, c.offb, c.ldb, beta, got, c.offc, c.ldc)
			near(t, fmt.Sprintf("%+v, beta %g", c, beta), got, want)
		}
	}
}

func testReduceSum(t *testing.T, b *bench) {
	for _, c := range []struct{ n, parts int }{{1, 1}, {100_000, 64}, {64, 1}, {5, 7}, {1000, 3}, {0, 2}} {
		x, out, want := b.floats(c.n+1), b.floats(c.parts), make([]float32, c.parts)
		for p := range want {
			var sum float64
			for _, v := range x[p*c.n/c.parts : (p+1)*c.n/c.parts] {
				sum += float64(v)
			}
			want[p] = float32(sum)
		}
		b.run("reduce_sum", c.n, x, c.parts, out)
		near(t, fmt.Sprintf("%+v", c), out, want)
	}
}

func testSoftmax(t *testing.T, b *bench) {
	for _, c := range []struct{ rows, cols int }{{1, 1}, {3, 100}, {100, 7}, {2, 64}} {
		x := b.floats(c.rows * c.cols)
		for i := range x {
			x[i] *= 50
		}
		want := make([]float32, len(x))
		for r := range c.rows {
			row, top, sum := x[r*c.cols:][:c.cols], math.Inf(-1), 0.0
			for _, v := range row {
				top = max(top, float64(v))
			}
			for _, v := range row {
				sum += math.Exp(float64(v) - top)
			}
			for i, v := range row {
				want[r*c.cols+i] = float32(math.Exp(float64(v)-top) / sum)
			}
		}
		y := make([]float32, len(x))
		b.run("softmax", c.rows, c.cols, x, y)
		near(t, fmt.Sprintf("%+v", c), y, want)
	}
}

func testLayernorm(t *testing.T, b *bench) {
	for _, c := range []struct{ rows, cols int }{{1, 1}, {3, 100}, {50, 7}, {2, 64}} {
		x, gamma, beta := b.floats(c.rows*c.cols), b.floats(c.cols), b.floats(c.cols)
		want := make([]float32, len(x))
		for r := range c.rows {
			row, mean, variance := x[r*c.cols:][:c.cols], 0.0, 0.0
			for _, v := range row {
				mean += float64(v) / float64(c.cols)
			}
			for _, v := range row {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(c.cols)
			}
			for i, v := range row {
				want[r*c.cols+i] = float32((float64(v)-mean)/math.Sqrt(variance+1e-5)*float64(gamma[i]) + float64(beta[i]))
			}
		}
		y := make([]float32, len(x))
		b.run("layernorm", c.rows, c.cols, float32(1e-5), x, gamma, beta, y)
		near(t, fmt.Sprintf("%+v", c), y, want)
	}
}

func testConv2d(t *testing.T, b *bench) {
	for _, c := range []struct{ ci, h, w, co, kh, kw, stride, pad int }{
		{1, 5, 5, 1, 3, 3, 1, 0}, {3, 17, 13, 8, 3, 3, 1, 1}, {2, 9, 16, 3, 5, 2, 2, 3}, {1, 1, 1, 2, 1, 1, 1, 0}, {2, 4, 4, 1, 3, 3, 1, 4},
	} {
		oh, ow := (c.h+2*c.pad-c.kh)/c.stride+1, (c.w+2*c.pad-c.kw)/c.stride+1
		x, f, bias := b.floats(c.ci*c.h*c.w), b.floats(c.co*c.ci*c.kh*c.kw), b.floats(c.co)
		want := make([]float32, c.co*oh*ow)
		at := func(plane, r, s int) float64 {
			if r < 0 || s < 0 || r >= c.h || s >= c.w {
				return 0
			}
			return float64(x[(plane*c.h+r)*c.w+s])
		}
		for i := range want {
			o, r, s := i/(oh*ow), i/ow%oh, i%ow
			sum := float64(bias[o])
			for j := range c.ci * c.kh * c.kw {
				plane, p, q := j/(c.kh*c.kw), j/c.kw%c.kh, j%c.kw
				sum += at(plane, r*c.stride-c.pad+p, s*c.stride-c.pad+q) * float64(f[o*c.ci*c.kh*c.kw+j])
			}
			want[i] = float32(sum)
		}
		y := make([]float32, len(want))
		b.run("conv2d", c.ci, c.h, c.w, c.co, c.kh, c.kw, c.stride, c.pad, x, f, bias, y)
		near(t, fmt.Sprintf("%+v", c), y, want)
	}
}

func testHistogram(t *testing.T, b *bench) {
	x := []float32{-1, 0, 0.1, 0.24, 0.26, 0.5, 0.51, 0.999, 1, 2, float32(math.NaN()), float32(math.Inf(1))}
	counts := []uint32{10, 0, 0, 0}
	b.run("histogram", len(x), 4, float32(0), float32(1), x, counts)
	if want := []uint32{13, 1, 2, 1}; fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", counts, want)
	}
	many := b.floats(100_000)
	counts = make([]uint32, 10)
	b.run("histogram", len(many), 10, float32(-1), float32(1), many, counts)
	var total uint32
	for _, n := range counts {
		if total += n; n < 9000 || n > 11000 {
			t.Errorf("%v", counts)
		}
	}
	if total != 100_000 {
		t.Errorf("%d in all of %v", total, counts)
	}
}

// TestCheck has arguments that would lead out of buffers.
func TestCheck(t *testing.T) {
	b := newBench(t, New())
	f := func(n int) []float32 { return make([]float32, n) }
	const top = math.MaxInt32
	for _, c := range []struct {
		name string
		want error
		args []any
	}{
		{"saxpy", device.ErrRange, []any{5, float32(1), f(5), f(4)}},
		{"saxpy", device.ErrArgument, []any{-1, float32(1), f(5), f(4)}},
		{"saxpy", device.ErrArgument, []any{1, 1.0, f(5), f(4)}},
		{"sgemm", device.ErrRange, []any{0, 0, 2, 2, 2, float32(1), f(4), 1, 2, f(4), 0, 2, float32(0), f(4), 0, 2}},
		{"sgemm", device.ErrRange, []any{0, 0, 2, 2, 2, float32(1), f(4), 0, 2, f(4), 0, 3, float32(0), f(4), 0, 2}},
		{"sgemm", device.ErrRange, []any{0, 0, top, top, top, float32(1), f(4), top, top, f(4), top, top, float32(0), f(4), top, top}},
		{"sgemm", device.ErrArgument, []any{0, 0, 2, 2, 2, float32(1), f(4), 0, 1, f(4), 0, 2, float32(0), f(4), 0, 2}},
		{"sgemm", device.ErrArgument, []any{0, 0, 2, 2, 2, float32(1), f(4), -1, 2, f(4), 0, 2, float32(0), f(4), 0, 2}},
		{"reduce_sum", device.ErrRange, []any{5, f(4), 1, f(1)}},
		{"reduce_sum", device.ErrRange, []any{4, f(4), 2, f(1)}},
		{"softmax", device.ErrRange, []any{top, top, f(4), f(4)}},
		{"layernorm", device.ErrRange, []any{2, 2, float32(0), f(4), f(1), f(2), f(4)}},
		{"conv2d", device.ErrRange, []any{1, 5, 5, 1, 3, 3, 1, 0, f(25), f(9), f(1), f(8)}},
		{"conv2d", device.ErrArgument, []any{1, 5, 5, 1, 3, 3, 0, 0, f(25), f(9), f(1), f(9)}},
		{"conv2d", device.ErrArgument, []any{1, 5, 5, 1, 6, 3, 1, 0, f(25), f(18), f(1), f(9)}},
		{"conv2d", device.ErrArgument, []any{top, top, top, top, top, top, 1, top, f(25), f(18), f(1), f(9)}},
		{"conv2d", device.ErrArgument, []any{top, 1 << 28, 1 << 28, top, 1 << 28, 1 << 28, 1, 0, f(25), f(18), f(1), f(9)}},
		{"histogram", device.ErrRange, []any{4, 5, float32(0), float32(1), f(4), f(4)}},
		{"histogram", device.ErrArgument, []any{4, 4, float32(1), float32(1), f(4), f(4)}},
		{"histogram", device.ErrArgument, []any{4, 4, float32(0), float32(math.Inf(1)), f(4), f(4)}},
		{"histogram", device.ErrArgument, []any{4, 4, float32(math.NaN()), float32(1), f(4), f(4)}},
	} {
		k, _ := Find(c.name)
		var values []device.Value
		for _, p := range c.args {
			if d, ok := p.(float64); ok {
				values = append(values, device.Scalar(d))
				continue
			}
			one, _ := b.values([]any{p})
			values = append(values, one...)
		}
		if err := k.Check(values); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestLongLaunch: what takes long ends with the session, or when its time is up.
func TestLongLaunch(t *testing.T) {
	long := func(s device.Session) device.Event {
		buf, err := s.NewBuffer(t.Context(), 0, 4)
		if err != nil {
			t.Fatal(err)
		}
		// One element, the sum of 2^26 products; a thousand times.
		program, err := s.Build(t.Context(), 0, device.Source{Form: device.Named, Text: []byte("sgemm")})
		if err != nil {
			t.Fatal(err)
		}
		k, err := program.Kernel("sgemm")
		if err != nil {
			t.Fatal(err)
		}
		big, err := s.NewBuffer(t.Context(), 0, 4<<26)
		if err != nil {
			t.Fatal(err)
		}
		i, f := func(n int32) device.Value { return device.Scalar(n) }, device.Scalar(float32(1))
		var last device.Event
		for range 1000 {
			e, err := k.Launch(t.Context(), device.Range{Dims: 1, Global: [3]uint64{1}}, i(0), i(0), i(1), i(1), i(1<<26), f,
				device.Whole(big), i(0), i(1<<26), device.Whole(big), i(0), i(1), f, device.Whole(buf), i(0), i(1))
			if errors.Is(err, device.ErrLost) {
				break // its time is up already
			}
			if err != nil {
				t.Fatal(err)
			}
			last = e
		}
		return last
	}
	backend := New()
	defer backend.Close()
	s, err := backend.Open(t.Context(), device.Limits{Devices: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	e := long(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if <-e.Done(); !errors.Is(e.Err(), device.ErrClosed) {
		t.Errorf("closed: %v", e.Err())
	}
	if s, err = backend.Open(t.Context(), device.Limits{Devices: []int{0}, QueueTime: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	e = long(s)
	var lost *device.LostError
	if <-e.Done(); !errors.As(e.Err(), &lost) || !lost.Blamed {
		t.Errorf("over its time: %v", e.Err())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
