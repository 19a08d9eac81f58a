// Collatz chain lengths: a while loop of a few 64-bit instructions whose length nobody knows.
#include "bench.h"

static uint32_t chain(uint64_t n) {
    uint32_t steps = 0;
    while (n != 1) {
        n = n & 1 ? 3 * n + 1 : n / 2;
        steps++;
    }
    return steps;
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    uint32_t limit = rounds(argc, argv, 30) * 10000;
    for (uint32_t i = 1; i <= limit; i++) sum = mix(sum, chain(i));
    return finish(sum);
}
