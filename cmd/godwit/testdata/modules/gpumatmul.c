/* Multiplies two matrices of N by N, here by a plain loop and there by sgemm. Each export
 * returns the sum of the result's elements. */
#include <godwit_gpu.h>

enum { N = 512 };
static float a[N][N], b[N][N], c[N][N];
static uint64_t sgemm, buffers[3];

static double sum(void) {
	double s = 0;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) s += c[i][j];
	return s;
}

__attribute__((export_name("prepare"))) uint32_t prepare(void) {
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) a[i][j] = (i + j) % 7, b[i][j] = (i * 3 + j) % 5;
	gpu_errno e = gpu_ready_named(0, "sgemm", &sgemm);
	for (int i = 0; i < 3; i++) e |= gpu_buffer(0, sizeof c, &buffers[i]);
	const int32_t ints[][2] = {{0, 0}, {1, 0}, {2, N}, {3, N}, {4, N}, {7, 0}, {8, N}, {10, 0}, {11, N}, {14, 0}, {15, N}};
	for (unsigned i = 0; i < sizeof ints / sizeof *ints; i++) e |= gpu_set_int(sgemm, ints[i][0], ints[i][1]);
	e |= gpu_set_float(sgemm, 5, 1) | gpu_set_float(sgemm, 12, 0);
	return e | gpu_set_whole(sgemm, 6, buffers[0]) | gpu_set_whole(sgemm, 9, buffers[1]) | gpu_set_whole(sgemm, 13, buffers[2]);
}

__attribute__((export_name("here"))) double here(void) {
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) c[i][j] = 0;
		for (int k = 0; k < N; k++)
			for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
	}
	return sum();
}

__attribute__((export_name("there"))) double there(void) {
	gpu_errno e = gpu_write(buffers[0], 0, a, sizeof a) | gpu_write(buffers[1], 0, b, sizeof b);
	e |= gpu_launch_ready(sgemm, 0) | gpu_read(buffers[2], 0, c, sizeof c);
	return e ? -1 : sum();
}
