// Sieve of Eratosthenes: short inner loops with a stride, one byte a number.
#include "bench.h"

#define LIMIT 1000000

static uint8_t composite[LIMIT + 1];

static uint32_t sieve(void) {
    memset(composite, 0, sizeof composite);
    for (uint32_t p = 2; p * p <= LIMIT; p++)
        if (!composite[p])
            for (uint32_t m = p * p; m <= LIMIT; m += p) composite[m] = 1;
    uint32_t count = 0;
    for (uint32_t i = 2; i <= LIMIT; i++) count += !composite[i];
    return count;
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 20); n; n--) sum = mix(sum, sieve());
    return finish(sum);
}
