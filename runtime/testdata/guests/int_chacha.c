// ChaCha20 keystream (RFC 8439): straight-line 32-bit adds, xors and rotates.
#include "bench.h"

static uint32_t rotate(uint32_t v, int n) { return v << n | v >> (32 - n); }

#define QUARTER(a, b, c, d)                      \
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16); \
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12); \
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);  \
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7)

static void block(const uint32_t in[16], uint32_t out[16]) {
    uint32_t x[16];
    memcpy(x, in, sizeof x);
    for (int i = 0; i < 10; i++) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) out[i] = x[i] + in[i];
}

int main(int argc, char **argv) {
    uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, out[16];
    for (int i = 4; i < 16; i++) state[i] = next_random();
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 40) * 10000; n; n--) {
        block(state, out);
        state[12]++;
        sum = mix(sum, out[0] ^ out[15]);
    }
    return finish(sum);
}
