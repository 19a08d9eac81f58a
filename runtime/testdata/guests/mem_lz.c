// Compresses text with a small LZ77 and expands it again: hashing, byte loops, short copies.
#include "bench.h"

#define SIZE (1 << 18)
#define HASH_BITS 14
#define MIN_MATCH 4

static uint8_t text[SIZE], packed[2 * SIZE], back[SIZE];
static uint32_t last[1 << HASH_BITS];

static void make_text(void) {
    static const char *word[] = {"wing ", "flight ", "north ", "tide ", "shore ", "the ", "of ", "a ", "godwit ", "over "};
    for (uint32_t i = 0; i < SIZE;)
        for (const char *w = word[next_random() % 10]; *w && i < SIZE;) text[i++] = (uint8_t)*w++;
}

static uint32_t read32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static uint32_t compress(void) { // a token is {literals, match, distance low, distance high}, then the literals
    uint32_t out = 0, literal = 0, i = 0;
    memset(last, 0, sizeof last);
    while (i < SIZE) {
        uint32_t length = 0, from = 0;
        if (i + MIN_MATCH <= SIZE) {
            uint32_t h = read32(text + i) * 2654435761u >> (32 - HASH_BITS);
            from = last[h];
            last[h] = i;
            if (from < i && i - from < 65536)
                while (length < 255 && i + length < SIZE && text[from + length] == text[i + length]) length++;
        }
        int take = length >= MIN_MATCH;
        if (!take) i++;
        if (!take && i - literal < 255 && i < SIZE) continue;
        if (!take) length = 0;
        uint32_t distance = take ? i - from : 0;
        packed[out++] = (uint8_t)(i - literal);
        packed[out++] = (uint8_t)length;
        packed[out++] = (uint8_t)distance;
        packed[out++] = (uint8_t)(distance >> 8);
        while (literal < i) packed[out++] = text[literal++];
        literal = i += length;
    }
    return out;
}

static uint32_t expand(uint32_t n) {
    uint32_t out = 0;
    for (uint32_t i = 0; i < n;) {
        uint32_t literals = packed[i], match = packed[i + 1], distance = packed[i + 2] | packed[i + 3] << 8;
        i += 4;
        while (literals--) back[out++] = packed[i++];
        for (; match--; out++) back[out] = back[out - distance];
    }
    return out;
}

int main(int argc, char **argv) {
    make_text();
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 16); n; n--) {
        uint32_t size = compress();
        if (expand(size) != SIZE || memcmp(text, back, SIZE)) return 1;
        sum = mix(sum, size);
        text[next_random() % SIZE] ^= 1;
    }
    return finish(sum);
}
