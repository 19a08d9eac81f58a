/* Calls everything that the SDK has, with the kernels that standard input brings (gpuabi.cl). The programs in
 * other languages write the same. */
#include <godwit_gpu.h>
#include <stdio.h>
#include <stdlib.h>

static void check(const char *what, gpu_errno e) {
	if (!e) return;
	printf("%s: errno %u\n", what, e);
	exit(1);
}

static uint64_t kernel(uint64_t program, const char *name) {
	uint64_t k;
	check("kernel", gpu_kernel_named(program, name, &k));
	return k;
}

static void device(void) {
	uint32_t devices, texts = 0;
	gpu_device_facts facts;
	check("devices", gpu_devices(&devices));
	check("device", gpu_device(0, &facts));
	for (uint32_t what = GPU_TEXT_NAME; what <= GPU_TEXT_ID; what++) {
		char text[256];
		check("text", gpu_text(0, what, text, sizeof text));
		texts += text[0] != 0;
	}
	printf("mode %u, devices %d, %u texts, compiles %d\n", gpu_mode(), devices > 0, texts, (facts.flags & GPU_HAS_COMPILER) != 0);
}

static void buffers(void) {
	uint64_t a, b, size, used, most;
	check("buffer", gpu_buffer(0, 80, &a));
	check("buffer", gpu_buffer(0, 48, &b));
	check("size", gpu_size(a, &size));
	check("memory", gpu_memory(&used, &most));
	char text[6] = {0};
	check("write", gpu_write(a, 70, "godwit", 6));
	check("copy", gpu_copy(a, 71, b, 3, 5));
	check("read", gpu_read(b, 3, text, 5));
	printf("size %llu, used %llu of more %d, %s\n", size, used, most > used, text);
	printf("beyond: %u\n", gpu_read(b, 44, text, 5));
	check("free", gpu_free(a));
	check("free", gpu_free(b));
}

static void parameters(uint64_t k) {
	uint32_t n, length;
	check("parameters", gpu_parameters(k, &n));
	for (uint32_t i = 0; i < n; i++) {
		gpu_parameter_facts p;
		char type[64];
		check("parameter", gpu_parameter(k, i, &p, type, sizeof type, &length));
		printf("%.*s: space %u, type %u, size %u\n", (int)length, type, p.space, p.type, p.size);
	}
}

static void numbers(uint64_t program) {
	uint64_t k = kernel(program, "numbers"), o;
	int64_t got[10];
	check("buffer", gpu_buffer(0, sizeof got, &o));
	check("whole", gpu_set_whole(k, 0, o));
	check("char", gpu_set_char(k, 1, -1));
	check("uchar", gpu_set_uchar(k, 2, 255));
	check("short", gpu_set_short(k, 3, -2));
	check("ushort", gpu_set_ushort(k, 4, 65535));
	check("int", gpu_set_int(k, 5, -3));
	check("uint", gpu_set_uint(k, 6, 4294967295u));
	check("long", gpu_set_long(k, 7, -4));
	check("ulong", gpu_set_ulong(k, 8, 1ull << 62));
	check("float", gpu_set_float(k, 9, 0.5f));
	check("double", gpu_set_double(k, 10, 0.25));
	printf("half for an int: %u\n", gpu_set_half(k, 5, 0));
	check("launch", gpu_launch_3d(k, 1, 1, 1, 0));
	check("read", gpu_read(o, 0, got, sizeof got));
	for (int i = 0; i < 10; i++) printf("%lld%c", got[i], i < 9 ? ' ' : '\n');
}

static void shapes(uint64_t program) {
	struct { char tag; double weight; } pair = {5, 0.25};
	float v[4] = {0, 0, 0, 1}, table[64] = {[32] = 0.5f}, got[8];
	int32_t w[4] = {0, 0, 2};
	uint8_t u[16] = {[15] = 3};
	uint64_t k = kernel(program, "shapes"), o, t, e;
	check("buffer", gpu_buffer(0, sizeof got, &o));
	check("buffer", gpu_buffer(0, sizeof table, &t));
	check("write", gpu_write(t, 0, table, sizeof table));
	parameters(k);
	check("whole", gpu_set_whole(k, 0, o));
	check("part", gpu_set_buffer(k, 1, t, 128, 4));
	check("vector", gpu_set_vector(k, 2, GPU_FLOAT, 4, v, sizeof v));
	check("vector", gpu_set_vector(k, 3, GPU_INT, 3, w, sizeof w));
	check("vector", gpu_set_vector(k, 4, GPU_UCHAR, 16, u, sizeof u));
	check("struct", gpu_set_struct(k, 5, &pair, sizeof pair));
	check("local", gpu_set_local(k, 6, 16));
	check("null", gpu_set_null(k, 7));
	const gpu_range range = {.dimensions = 1, .offset = {100}, .global = {8}, .local = {4}};
	check("launch", gpu_launch(k, &range, &e));
	check("wait", gpu_wait(e));
	uint32_t ended;
	gpu_times_facts times;
	check("done", gpu_done(e, &ended));
	check("times", gpu_times(e, &times));
	check("read", gpu_read(o, 0, got, sizeof got));
	printf("%g %g, ended %d, in order %d\n", got[0], got[7], ended == 1, times.started <= times.ended);
}

int main(void) {
	static char source[4096];
	source[fread(source, 1, sizeof source - 1, stdin)] = 0;
	uint64_t program, none;
	device();
	buffers();
	check("build", gpu_build_source(0, source, "-Werror", &program));
	numbers(program);
	shapes(program);
	uint32_t length = 0;
	gpu_errno e = gpu_build_source(0, "nonsense", "", &none);
	check("log", gpu_build_log(source, sizeof source, &length));
	printf("nonsense: %u, log %d\n", e, length > 0);
	e = gpu_build_spirv(0, "nonsense", 8, "", &none);
	printf("SPIR-V: %d\n", e == GPU_ENOEXEC || e == GPU_ENOTSUP);
	printf("no kernel: %u\n", gpu_kernel_named(program, "none", &none));
	check("ready", gpu_ready_named(0, "saxpy", &none));
	printf("no arguments: %u\n", gpu_launch_ready(none, 0));
	check("wait", gpu_wait_all());
	return 0;
}
