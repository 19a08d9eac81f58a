// Package kernels has the ready-made kernels of module godwit_gpu: each in OpenCL C
// (folder cl) for devices with a compiler, and as a twin in Go for everybody else. New is
// a device.Backend of the twins, named cpu-go.
//
//	k, ok := kernels.Find("saxpy")
//	program, err := session.Build(ctx, 0, k.Source(session.Devices()[0]))
//	...
//	err = k.Check(args)               // stays within its buffers
//	event, err := saxpy.Launch(ctx, k.Range(args), args...)
//
// # The kernels
//
// Numbers are int and float, of 32 bits; matrices are row-major. n elements of a
// buffer begin where the argument does.
//
//	saxpy(n, a, x, y)                y = a x + y
//	sgemm(transa, transb, m, n, k, alpha, a, offa, lda, b, offb, ldb, beta, c, offc, ldc)
//	                                 C = alpha op(A) op(B) + beta C, as in BLAS; op transposes if its flag is
//	                                 not 0; off is where a matrix begins, ld how far its rows are apart, in
//	                                 elements. With beta 0 the old C is not read
//	reduce_sum(n, x, parts, out)     out[p] is the sum of the p-th of parts even shares of x. For many
//	                                 elements: parts of some 64 first, then those in one part
//	softmax(rows, cols, x, y)        of each row
//	layernorm(rows, cols, eps, x, gamma, beta, y)
//	                                 each row with mean 0 and variance 1, times gamma plus beta
//	conv2d(ci, h, w, co, kh, kw, stride, pad, x, weights, bias, y)
//	                                 x is ci planes of h by w, weights co by ci by kh by kw, y co planes
//	                                 of (h + 2 pad - kh) / stride + 1 by likewise
//	histogram(n, bins, low, high, x, counts)
//	                                 adds to counts (uint) how many are in each of the even bins from low to
//	                                 high; what is outside, or not a number, is in none
//
// # Invariants
//
//   - Any number of work-items gives the same result: who has none left to do helps with
//     what there is (a stride of the whole range). Range is the shape that suits best.
//   - Arguments that pass Check never lead out of a buffer, nor past 2^62 operations.
//   - The twins compute what the OpenCL C does, but in another order: results differ in
//     the last bits, and a histogram by elements within rounding of a bin's edge.
package kernels
