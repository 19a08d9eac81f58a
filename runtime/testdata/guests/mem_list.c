// Walks a linked list laid out at random over 8 MiB: every step waits for a load.
#include "bench.h"

#define NODES (1 << 18)

static struct node {
    struct node *next;
    uint32_t value, pad[6];
} node[NODES];

static void shuffle(void) { // Sattolo's algorithm: one cycle through all nodes
    static uint32_t order[NODES];
    for (uint32_t i = 0; i < NODES; i++) order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = next_random() % i, t = order[i];
        order[i] = order[j], order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        node[i].next = &node[order[i]];
        node[i].value = next_random();
    }
}

int main(int argc, char **argv) {
    shuffle();
    uint64_t sum = 0;
    struct node *at = node;
    for (uint32_t n = rounds(argc, argv, 6) * 100000; n; n--, at = at->next) sum += at->value;
    return finish(sum);
}
