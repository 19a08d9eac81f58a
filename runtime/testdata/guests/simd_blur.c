// Blurs an image of bytes with a 3×3 kernel, sixteen pixels at a time: widening integer lanes.
#include "bench.h"
#include <wasm_simd128.h>

#define W 1024
#define H 512

static uint8_t image[2][H][W];

// row adds up 1 2 1 around eight pixels.
static v128_t row(const uint8_t *p) {
    v128_t left = wasm_u16x8_load8x8(p - 1), middle = wasm_u16x8_load8x8(p), right = wasm_u16x8_load8x8(p + 1);
    return wasm_i16x8_add(wasm_i16x8_add(left, right), wasm_i16x8_shl(middle, 1));
}

static v128_t eight(uint8_t (*from)[W], int y, int x) {
    v128_t sum = wasm_i16x8_add(row(&from[y - 1][x]), row(&from[y + 1][x]));
    sum = wasm_i16x8_add(sum, wasm_i16x8_shl(row(&from[y][x]), 1));
    return wasm_u16x8_shr(wasm_i16x8_add(sum, wasm_i16x8_splat(8)), 4);
}

static void blur(uint8_t (*from)[W], uint8_t (*to)[W]) {
    for (int y = 1; y < H - 1; y++)
        for (int x = 16; x < W - 16; x += 16)
            wasm_v128_store(&to[y][x], wasm_u8x16_narrow_i16x8(eight(from, y, x), eight(from, y, x + 8)));
}

int main(int argc, char **argv) {
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) image[0][y][x] = image[1][y][x] = (uint8_t)next_random();
    uint32_t n = rounds(argc, argv, 150);
    for (uint32_t i = 0; i < n; i++) blur(image[i & 1], image[~i & 1]);
    uint64_t sum = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) sum = mix(sum, image[n & 1][y][x]);
    return finish(sum);
}
