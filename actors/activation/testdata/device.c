/* An actor that keeps numbers on a device, and adds to them there. */
#include <godwit.h>
#include <godwit_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096 };

static uint64_t x, y, parts, saxpy, sum;
static float ones[N];
static char text[256], out[256];

static void begin(void) {
	for (int i = 0; i < N; i++) ones[i] = 1;
	gpu_errno e = gpu_buffer(0, sizeof ones, &x);
	if (!e) e = gpu_buffer(0, sizeof ones, &y);
	if (!e) e = gpu_buffer(0, sizeof(float), &parts);
	if (!e) e = gpu_write(x, 0, ones, sizeof ones);
	if (!e) e = gpu_ready_named(0, "saxpy", &saxpy);
	if (!e) e = gpu_ready_named(0, "reduce_sum", &sum);
	if (e) abort();
}

static void add(float a) {
	gpu_errno e = gpu_set_int(saxpy, 0, N);
	if (!e) e = gpu_set_float(saxpy, 1, a);
	if (!e) e = gpu_set_whole(saxpy, 2, x);
	if (!e) e = gpu_set_whole(saxpy, 3, y);
	if (!e) e = gpu_launch_ready(saxpy, 0);
	snprintf(out, sizeof out, "errno %u", e);
}

/* The mean of what is on the device. */
static void mean(void) {
	float total = 0;
	gpu_errno e = gpu_set_int(sum, 0, N);
	if (!e) e = gpu_set_whole(sum, 1, y);
	if (!e) e = gpu_set_int(sum, 2, 1);
	if (!e) e = gpu_set_whole(sum, 3, parts);
	if (!e) e = gpu_launch_ready(sum, 0);
	if (!e) e = gpu_read(parts, 0, &total, sizeof total);
	if (e) snprintf(out, sizeof out, "errno %u", e);
	else snprintf(out, sizeof out, "%g", total / N);
}

static void ask(const char *whom) {
	uint64_t number;
	uint32_t n = 0;
	godwit_errno e = godwit_ask(whom, strlen(whom), "hello", 5, 1000000000, 0, &number);
	if (!e) e = godwit_await(number, &n);
	snprintf(out, sizeof out, "errno %u", e);
}

/* What could not be moved is refused when it is made. */
static void build(const char *what) {
	uint64_t program;
	char source[200];
	snprintf(source, sizeof source, "kernel void k(global %s *p) { p[0] = 1; }", what);
	snprintf(out, sizeof out, "errno %u", gpu_build_source(0, source, "", &program));
}

static void handle(void) {
	uint32_t n;
	if (godwit_payload(text, sizeof text - 1, 0, &n)) abort();
	text[n] = 0;
	if (!x) begin();
	if (!strcmp(text, "add fail")) add(1), abort();
	else if (!strncmp(text, "add ", 4)) add(strtof(text + 4, 0));
	else if (!strcmp(text, "mean")) mean();
	else if (!strncmp(text, "ask ", 4)) ask(text + 4);
	else if (!strncmp(text, "mean ask ", 9)) mean(), ask(text + 9);
	else if (!strncmp(text, "build ", 6)) build(text + 6);
	else if (!strcmp(text, "mean fail")) mean(), abort();
	else strcpy(out, "what?");
	godwit_reply(GODWIT_CURRENT, out, strlen(out));
}

#ifdef PROCESS
int main(void) {
	godwit_info info;
	while (!godwit_receive(-1, &info)) handle();
}
#else
GODWIT_EXPORT(godwit_handle) void godwit_handle(void) { handle(); }
#endif
