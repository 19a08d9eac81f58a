// Copies and fills of many sizes: memory.copy and memory.fill, with a little work between.
#include "bench.h"

static uint8_t from[1 << 20], to[1 << 20];

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)next_random();
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 5) * 10000; n; n--) {
        uint32_t size = next_random() >> (12 + next_random() % 16), max = sizeof to - size;
        uint32_t a = max ? next_random() % max : 0, b = max ? next_random() % max : 0;
        if (n % 8) memcpy(to + a, from + b, size);
        else memset(from + b, (int)n, size >> 4);
        sum = mix(sum, to[a]);
    }
    return finish(sum);
}
