/* Does what a guest should not: see the names in main. */
#include <godwit_gpu.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
	"kernel void endless(global volatile int *x) { while (x[0] != 42) x[1]++; }\n"
	"kernel void wild(global int *x) { ((global volatile int *)(size_t)get_global_id(0))[0] = x[0]; }\n";

static void check(const char *what, gpu_errno e) {
	if (!e) return;
	fprintf(stderr, "%s: errno %u\n", what, e);
	exit(1);
}

/* A source that compilers need years for, and no memory. */
static const char *hang(void) {
	static char text[4096];
	size_t n = sprintf(text, "#define A0\n");
	for (int i = 1; i < 16; i++) {
		n += sprintf(text + n, "#define A%d", i);
		for (int j = 0; j < 10; j++) n += sprintf(text + n, " A%d", i - 1);
		n += sprintf(text + n, "\n");
	}
	sprintf(text + n, "A15\nkernel void f() {}\n");
	return text;
}

static uint64_t kernel(const char *name, uint64_t buffer) {
	uint64_t program, k;
	check("build", gpu_build_source(0, source, "", &program));
	check("kernel", gpu_kernel_named(program, name, &k));
	check("argument", gpu_set_whole(k, 0, buffer));
	return k;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t buffer, k;
	check("buffer", gpu_buffer(0, 1 << 20, &buffer));
	if (!strcmp(what, "endless") || !strcmp(what, "wild")) {
		check("launch", gpu_launch_1d(kernel(what, buffer), 1, 0));
		puts("launched");
		fflush(stdout);
		check("wait", gpu_wait(0));
	} else if (!strcmp(what, "leave")) {
		check("launch", gpu_launch_1d(kernel("endless", buffer), 1, 0));
	} else if (!strcmp(what, "bad")) {
		char log[4096];
		uint32_t n;
		gpu_errno e = gpu_build_source(0, "kernel void f(global int *x) { x[0] = nonsense; }", "", &k);
		check("log", gpu_build_log(log, sizeof log, &n));
		fwrite(log, 1, n < sizeof log ? n : sizeof log, stderr);
		check("build", e);
	} else if (!strcmp(what, "hang")) {
		check("build", gpu_build_source(0, hang(), "", &k));
	} else if (!strcmp(what, "hoard")) {
		for (;;) check("buffer", gpu_buffer(0, 1 << 20, &buffer));
	}
	return 0;
}
