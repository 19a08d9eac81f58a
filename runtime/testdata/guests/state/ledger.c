/* A reactor that keeps all kinds of state between calls: the heap, an open file with
 * an offset, buffered standard input and output, randomness and time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT(name) __attribute__((export_name(name)))

struct entry {
	struct entry *next;
	int64_t amount;
	char note[40];
};

static struct entry *entries;
static FILE *book;

__attribute__((constructor)) static void begin(void) {
	book = fopen("/tmp/book", "w+");
	printf("opened\n");
}

EXPORT("put") int64_t put(int64_t amount) {
	struct entry *e = malloc(sizeof *e + (size_t)(amount % 3000));
	e->next = entries;
	e->amount = amount;
	snprintf(e->note, sizeof e->note, "entry of %lld", (long long)amount);
	entries = e;
	fprintf(book, "%s\n", e->note);
	if (amount % 2)
		fflush(book); /* else it stays in the buffer, in linear memory */
	return ftell(book);
}

EXPORT("sum") int64_t sum(void) {
	int64_t s = 0;
	for (struct entry *e = entries; e; e = e->next)
		s += e->amount + (int64_t)strlen(e->note);
	return s;
}

EXPORT("draw") int64_t draw(void) {
	uint64_t r;
	struct timespec now;
	if (getentropy(&r, sizeof r) != 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return -1;
	return (int64_t)(r ^ (uint64_t)now.tv_nsec ^ (uint64_t)rand());
}

EXPORT("line") int64_t line(void) {
	char text[64];
	if (!fgets(text, sizeof text, stdin))
		return -1;
	printf("read %s", text);
	fflush(stdout);
	return atoll(text);
}

EXPORT("publish") int64_t publish(void) {
	char text[256];
	FILE *out = fopen("/out/book", "a");
	size_t n, total = 0;
	if (!out)
		return -1;
	rewind(book);
	while ((n = fread(text, 1, sizeof text, book)) > 0)
		total += fwrite(text, 1, n, out);
	fclose(out);
	return (int64_t)total;
}
