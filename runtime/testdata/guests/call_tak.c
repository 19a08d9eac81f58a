// Takeuchi's function: recursion with three arguments, its results the arguments of more.
#include "bench.h"

__attribute__((noinline)) static int tak(int x, int y, int z) {
    return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 25); n; n--) sum = mix(sum, (uint64_t)tak(24, 16 - (int)(n & 1), 8));
    return finish(sum);
}
