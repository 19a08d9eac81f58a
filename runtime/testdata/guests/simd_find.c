// Counts lines, spaces and bytes of UTF-8 in text by comparing sixteen bytes at once: masks and popcounts.
#include "bench.h"
#include <wasm_simd128.h>

#define SIZE (1 << 18)

static uint8_t text[SIZE];

static int count_byte(v128_t v, int8_t byte) {
    return __builtin_popcount(wasm_i8x16_bitmask(wasm_i8x16_eq(v, wasm_i8x16_splat(byte))));
}

int main(int argc, char **argv) {
    for (int i = 0; i < SIZE; i++) text[i] = (uint8_t)next_random();
    uint64_t lines = 0, spaces = 0, high = 0;
    for (uint32_t n = rounds(argc, argv, 2000); n; n--)
        for (int i = 0; i < SIZE; i += 16) {
            v128_t v = wasm_v128_load(text + i);
            lines += (uint32_t)count_byte(v, '\n');
            spaces += (uint32_t)count_byte(v, ' ') & n;
            high += (uint32_t)__builtin_popcount(wasm_i8x16_bitmask(v));
        }
    return finish(mix(mix(lines, spaces), high));
}
