// Counts the primes up to a limit with a segmented sieve of Eratosthenes, so
// that a limit of 10^10 needs no more memory than a few hundred KiB.
//
//   primes [LIMIT]      LIMIT is 2 to 10^12, 10000000 when it is left out
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIMIT 1000000000000ULL
#define SEGMENT (1u << 17) // odd numbers sieved at a time

struct base { // the primes up to the square root of the limit
    uint32_t *prime;
    uint64_t *next; // the next odd multiple to strike out, as an index (n / 2)
    size_t len;
};

static uint8_t composite[SEGMENT];

static uint64_t square_root(uint64_t n) {
    uint64_t r = 0;
    for (uint64_t bit = 1ULL << 20; bit; bit >>= 1)
        if ((r | bit) * (r | bit) <= n) r |= bit;
    return r;
}

static int find_base(struct base *b, uint64_t limit) {
    uint32_t root = (uint32_t)square_root(limit);
    uint8_t *struck = calloc(root + 1, 1);
    b->prime = malloc((root / 2 + 1) * sizeof *b->prime);
    b->next = malloc((root / 2 + 1) * sizeof *b->next);
    if (!struck || !b->prime || !b->next) return -1;
    for (uint32_t p = 3; p <= root; p += 2) {
        if (struck[p]) continue;
        b->prime[b->len] = p;
        b->next[b->len++] = (uint64_t)p * p / 2;
        for (uint64_t m = (uint64_t)p * p; m <= root; m += 2 * p) struck[m] = 1;
    }
    free(struck);
    return 0;
}

// strike marks the composites among the odd numbers with index low to low + SEGMENT.
static void strike(struct base *b, uint64_t low) {
    memset(composite, 0, sizeof composite);
    for (size_t i = 0; i < b->len; i++) {
        uint64_t at = b->next[i];
        if (at >= low + SEGMENT) continue;
        uint32_t p = b->prime[i], j = (uint32_t)(at - low);
        for (; j < SEGMENT; j += p) composite[j] = 1;
        b->next[i] = low + j;
    }
}

static int parse_limit(const char *s, uint64_t *limit) {
    char *end;
    errno = 0;
    *limit = strtoull(s, &end, 10);
    return *s >= '0' && *s <= '9' && !*end && !errno && *limit >= 2 && *limit <= MAX_LIMIT;
}

int main(int argc, char **argv) {
    uint64_t limit = 10000000;
    if (argc > 2 || (argc == 2 && !parse_limit(argv[1], &limit))) {
        fprintf(stderr, "usage: primes [LIMIT]   (2 <= LIMIT <= %llu)\n", MAX_LIMIT);
        return 2;
    }
    struct base base = {0};
    if (find_base(&base, limit)) {
        fputs("primes: out of memory\n", stderr);
        return 1;
    }
    uint64_t count = 1, last = 2;       // 2, the only even one
    uint64_t end = (limit - 1) / 2 + 1; // index i stands for the odd number 2i + 1
    for (uint64_t low = 0; low < end; low += SEGMENT) {
        strike(&base, low);
        uint32_t n = end - low < SEGMENT ? (uint32_t)(end - low) : SEGMENT;
        for (uint32_t i = low == 0; i < n; i++) { // index 0 is the number 1
            if (composite[i]) continue;
            count++;
            last = 2 * (low + i) + 1;
        }
    }
    printf("%" PRIu64 " primes up to %" PRIu64 ", the last is %" PRIu64 "\n", count, limit, last);
    return 0;
}
