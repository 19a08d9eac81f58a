// CRC-32 of a buffer, one table look-up a byte: a serial dependence through memory.
#include "bench.h"

static uint32_t table[256];
static uint8_t data[1 << 18];

static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table[i] = c;
    }
}

int main(int argc, char **argv) {
    make_table();
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random();
    uint32_t crc = ~0u;
    for (uint32_t n = rounds(argc, argv, 120); n; n--)
        for (size_t i = 0; i < sizeof data; i++) crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
    return finish(crc);
}
