// a·x + y and dot products over floats, four lanes at a time.
#include "bench.h"
#include <wasm_simd128.h>

#define N 16384

static float x[N], y[N];

static void saxpy(float a) {
    v128_t scale = wasm_f32x4_splat(a);
    for (int i = 0; i < N; i += 4) {
        v128_t v = wasm_f32x4_add(wasm_f32x4_mul(scale, wasm_v128_load(x + i)), wasm_v128_load(y + i));
        wasm_v128_store(y + i, v);
    }
}

static float dot(void) {
    v128_t sum = wasm_f32x4_splat(0);
    for (int i = 0; i < N; i += 4) sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(x + i), wasm_v128_load(y + i)));
    return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) + wasm_f32x4_extract_lane(sum, 2) +
           wasm_f32x4_extract_lane(sum, 3);
}

int main(int argc, char **argv) {
    for (int i = 0; i < N; i++) x[i] = (float)(next_random() % 1000) / 1000, y[i] = (float)(next_random() % 1000) / 1000;
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 50) * 100; n; n--) {
        saxpy(n & 1 ? 0.5f : -0.5f);
        sum = mix_double(sum, dot());
    }
    return finish(sum);
}
