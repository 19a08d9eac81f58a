// Searches text for words, by Horspool's rule and by an automaton: skips and table steps.
#include "bench.h"

#define SIZE (1 << 20)

static uint8_t text[SIZE];

static uint32_t horspool(const uint8_t *word, uint32_t n) {
    uint32_t skip[256], found = 0;
    for (int i = 0; i < 256; i++) skip[i] = n;
    for (uint32_t i = 0; i + 1 < n; i++) skip[word[i]] = n - 1 - i;
    for (uint32_t at = 0; at + n <= SIZE; at += skip[text[at + n - 1]]) {
        uint32_t i = n;
        while (i && text[at + i - 1] == word[i - 1]) i--;
        found += !i;
    }
    return found;
}

static uint32_t automaton(const uint8_t *word, uint32_t n) { // Knuth, Morris, Pratt
    uint32_t fallback[64] = {0}, found = 0, state = 0;
    for (uint32_t i = 1, k = 0; i < n; i++) {
        while (k && word[i] != word[k]) k = fallback[k - 1];
        fallback[i] = k += word[i] == word[k];
    }
    for (uint32_t i = 0; i < SIZE; i++) {
        while (state && (state == n || text[i] != word[state])) state = fallback[state - 1];
        state += text[i] == word[state];
        found += state == n;
    }
    return found;
}

int main(int argc, char **argv) {
    static const char *word[] = {"abac", "abacabad", "dcba", "aaaa", "cabacabacab"};
    for (uint32_t i = 0; i < SIZE; i++) text[i] = (uint8_t)("aaabbcad"[next_random() & 7]);
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 5); n; n--) {
        const uint8_t *w = (const uint8_t *)word[n % 5];
        uint32_t len = (uint32_t)strlen(word[n % 5]), found = horspool(w, len);
        if (found != automaton(w, len)) return 1;
        sum = mix(sum, found);
    }
    return finish(sum);
}
