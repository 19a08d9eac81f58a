// What the benchmark guests share: the argument, random numbers, the result.
//
// Each guest takes one optional argument, how many rounds of its work to do,
// and prints a checksum of everything it computed, so that nothing can be
// optimised away and a wrong result shows.
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline uint32_t rounds(int argc, char **argv, uint32_t usual) {
    return argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : usual;
}

static uint32_t random_state = 2463534242u;

static inline uint32_t next_random(void) { // xorshift32
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

static inline uint64_t mix(uint64_t sum, uint64_t value) { // FNV-1a over words, high bits folded down
    sum = (sum ^ value) * 1099511628211u;
    return sum ^ sum >> 32;
}

static inline uint64_t mix_double(uint64_t sum, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(sum, bits);
}

static inline int finish(uint64_t sum) {
    char line[17];
    for (int i = 0; i < 16; i++) line[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
    line[16] = '\n';
    return write(1, line, sizeof line) == sizeof line ? 0 : 1;
}

#endif
