/* A guest that does what it is told, as a reactor or, with PROCESS, as a process. All
 * that it sees goes into a sum, so that whoever sees something else has another state. */
#include <godwit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t sum = 14695981039346656037u;
static int64_t count;
static char text[1 << 16];
static char out[1 << 16];

static void see(const void *bytes, size_t n) {
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++) sum = (sum ^ p[i]) * 1099511628211u;
}

static void answer(void) {
	godwit_errno e = godwit_reply(GODWIT_CURRENT, out, strlen(out));
	see(&e, sizeof e);
}

static char *word(char **rest) {
	char *w = *rest, *end = strchr(w, ' ');
	*rest = end ? end + 1 : w + strlen(w);
	if (end) *end = 0;
	return w;
}

static godwit_errno ask(char *to, char *what) {
	uint64_t number;
	uint32_t n = 0;
	godwit_errno e = godwit_ask(to, strlen(to), what, strlen(what), 1000000000, 0, &number);
	if (!e) e = godwit_await(number, &n);
	see(&e, sizeof e);
	if (godwit_answer(out, sizeof out - 1, 0, &n)) n = 0;
	out[n] = 0;
	see(out, n);
	if (e && !n) snprintf(out, sizeof out, "errno %u", e);
	return e;
}

static void touch(size_t pages) {
	static char *heap;
	static size_t have;
	if (have < pages) {
		heap = realloc(heap, pages << 12);
		if (!heap) abort();
		memset(heap + (have << 12), 0, (pages - have) << 12);
		have = pages;
	}
	for (size_t i = 0; i < pages; i++) heap[i << 12]++;
}

static void act(char *rest) {
	char *verb = word(&rest);
	godwit_errno e = 0;
	snprintf(out, sizeof out, "%" PRId64, count);
	if (!strcmp(verb, "inc")) {
		snprintf(out, sizeof out, "%" PRId64, ++count);
	} else if (!strcmp(verb, "trap")) {
		count += 1000;
		godwit_send("other", 5, "never", 5);
		__builtin_trap();
	} else if (!strcmp(verb, "spin")) {
		for (;;) __asm__ volatile("");
	} else if (!strcmp(verb, "grow")) {
		count += 1000;
		for (;;) {
			char *volatile more = malloc(1 << 20);
			if (!more) abort();
			more[1] = 1;
		}
	} else if (!strcmp(verb, "exit")) {
		count += 1000;
		exit(atoi(rest));
	} else if (!strcmp(verb, "send")) {
		char *to = word(&rest);
		e = godwit_send(to, strlen(to), rest, strlen(rest));
	} else if (!strcmp(verb, "ask")) {
		char *to = word(&rest);
		ask(to, rest);
	} else if (!strcmp(verb, "asktrap")) {
		char *to = word(&rest);
		count += 1000;
		ask(to, rest);
		__builtin_trap();
	} else if (!strcmp(verb, "timer")) {
		uint64_t id;
		e = godwit_timer(atoll(rest), 7, &id);
		see(&id, sizeof id);
	} else if (!strcmp(verb, "clock")) {
		struct timespec real, mono;
		uint64_t number;
		int64_t now = godwit_now();
		clock_gettime(CLOCK_REALTIME, &real);
		clock_gettime(CLOCK_MONOTONIC, &mono);
		godwit_random(&number, sizeof number);
		see(&now, sizeof now), see(&real, sizeof real), see(&mono, sizeof mono), see(&number, sizeof number);
		snprintf(out, sizeof out, "%" PRId64 " %016" PRIx64, now, number);
	} else if (!strcmp(verb, "say")) {
		printf("%s", rest);
		fflush(stdout);
		godwit_log(GODWIT_WARN, rest, strlen(rest));
	} else if (!strcmp(verb, "spawn")) {
		e = godwit_spawn(rest, strlen(rest), "", 0);
	} else if (!strcmp(verb, "stop")) {
		godwit_stop(rest, strlen(rest));
	} else if (!strcmp(verb, "touch")) {
		touch((size_t)atoll(rest));
	} else if (!strcmp(verb, "sum")) {
		snprintf(out, sizeof out, "%016" PRIx64, sum);
	}
	see(&e, sizeof e);
}

static void handle(const godwit_info *m) {
	uint32_t n = 0;
	if (godwit_payload(text, sizeof text - 1, 0, &n)) n = 0;
	text[n] = 0;
	see(m, sizeof *m);
	see(text, n);
	act(text);
	if (m->kind == GODWIT_ASK) answer();
}

#ifdef PROCESS
int main(void) {
	godwit_info m;
	for (;;) {
		godwit_errno e = godwit_receive(count % 2 ? -1 : 50000000, &m);
		see(&e, sizeof e);
		if (!e) handle(&m);
		if (!strcmp(text, "end")) return 0;
	}
}
#else
GODWIT_EXPORT(godwit_handle) void godwit_handle(void) {
	godwit_info m;
	if (!godwit_message(&m)) handle(&m);
}

GODWIT_EXPORT(godwit_save) void godwit_save(void) { godwit_save_state(&count, sizeof count); }

GODWIT_EXPORT(godwit_load) void godwit_load(void) {
	uint32_t n;
	if (godwit_payload(&count, sizeof count, 0, &n) || n != sizeof count) abort();
}
#endif
