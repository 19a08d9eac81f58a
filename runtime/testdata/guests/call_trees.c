// Builds, counts and frees binary trees: malloc and free from deep recursion.
#include "bench.h"

struct tree {
    struct tree *left, *right;
};

static struct tree *build(int depth) {
    struct tree *t = malloc(sizeof *t);
    if (!t) abort();
    t->left = depth ? build(depth - 1) : NULL;
    t->right = depth ? build(depth - 1) : NULL;
    return t;
}

static uint32_t count(const struct tree *t) { return t ? 1 + count(t->left) + count(t->right) : 0; }

static void discard(struct tree *t) {
    if (!t) return;
    discard(t->left);
    discard(t->right);
    free(t);
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 150); n; n--) {
        struct tree *t = build(8 + (int)(n % 7));
        sum = mix(sum, count(t));
        discard(t);
    }
    return finish(sum);
}
