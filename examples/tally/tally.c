/* A tally that is kept between runs: each call adds a number, and the list of all
 * that were added grows on the heap. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

struct item {
	struct item *next;
	int64_t n;
};

static struct item *items;

EXPORT("add") int64_t add(int64_t n) {
	struct item *i = malloc(sizeof *i);
	int64_t total = n;

	if (!i)
		abort();
	for (struct item *j = items; j; j = j->next)
		total += j->n;
	i->next = items;
	i->n = n;
	items = i;
	return total;
}

EXPORT("list") void list(void) {
	for (struct item *i = items; i; i = i->next)
		printf("%lld\n", (long long)i->n);
	fflush(stdout);
}
