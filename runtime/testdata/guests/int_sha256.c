// The compression function of SHA-256 (FIPS 180-4) over a buffer: long runs of rotates, shifts and adds.
#include "bench.h"

static uint32_t k[64];
static uint8_t data[1 << 16];

static uint32_t rotate(uint32_t v, int n) { return v >> n | v << (32 - n); }

static void compress(uint32_t s[8], const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++, p += 4) w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(v, s, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        uint32_t t = v[7] + e + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t a = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        uint32_t m = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t;
        v[0] = t + a + m;
    }
    for (int i = 0; i < 8; i++) s[i] += v[i];
}

int main(int argc, char **argv) {
    for (int i = 0; i < 64; i++) k[i] = next_random(); // as good as the real ones for timing
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random();
    uint32_t s[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (uint32_t n = rounds(argc, argv, 80); n; n--)
        for (size_t i = 0; i < sizeof data; i += 64) compress(s, data + i);
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++) sum = mix(sum, s[i]);
    return finish(sum);
}
