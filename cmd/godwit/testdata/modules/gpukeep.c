/* Keeps a vector on a device from call to call. */
#include <godwit_gpu.h>

enum { N = 1000 };
static uint64_t ones, sums, saxpy;

__attribute__((export_name("add"))) float add(float by) {
	static float v[N];
	if (!saxpy) {
		for (int i = 0; i < N; i++) v[i] = 1;
		if (gpu_ready_named(0, "saxpy", &saxpy) || gpu_buffer(0, sizeof v, &ones) || gpu_buffer(0, sizeof v, &sums) ||
		    gpu_write(ones, 0, v, sizeof v) || gpu_set_int(saxpy, 0, N) || gpu_set_whole(saxpy, 2, ones) ||
		    gpu_set_whole(saxpy, 3, sums))
			__builtin_trap();
	}
	if (gpu_set_float(saxpy, 1, by) || gpu_launch_ready(saxpy, 0) || gpu_read(sums, 0, v, sizeof v)) __builtin_trap();
	return v[N - 1];
}
