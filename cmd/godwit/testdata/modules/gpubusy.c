/* Keeps a device at work for as many seconds as its argument says. */
#include <godwit_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char source[] =
	"kernel void work(global float *y, int n) {\n"
	"	float v = y[get_global_id(0)];\n"
	"	for (int i = 0; i < n; i++) v = v * 0.5f + 1.0f;\n"
	"	y[get_global_id(0)] = v;\n"
	"}\n";

static void check(const char *what, gpu_errno e) {
	if (!e) return;
	fprintf(stderr, "%s: errno %u\n", what, e);
	exit(1);
}

int main(int argc, char **argv) {
	enum { N = 1024 };
	static float y[N];
	uint64_t buffer, program, kernel;
	char name[128];
	check("name", gpu_device_text(0, GPU_TEXT_NAME, name, sizeof name, 0));
	check("buffer", gpu_buffer(0, sizeof y, &buffer));
	check("build", gpu_build_source(0, source, "", &program));
	check("kernel", gpu_kernel_named(program, "work", &kernel));
	check("buffer argument", gpu_set_whole(kernel, 0, buffer));
	check("number argument", gpu_set_int(kernel, 1, 1000));
	printf("works on %.*s\n", (int)sizeof name, name);
	fflush(stdout);
	for (time_t end = time(0) + (argc > 1 ? atoi(argv[1]) : 0); time(0) < end;) {
		check("launch", gpu_launch_1d(kernel, N, 0));
		check("wait", gpu_wait(0));
	}
	check("launch", gpu_launch_1d(kernel, N, 0));
	check("read", gpu_read(buffer, 0, y, sizeof y));
	printf("%g\n", y[N - 1]);
	return 0;
}
