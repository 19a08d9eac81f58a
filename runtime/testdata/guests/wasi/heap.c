// Takes memory until there is none (its own maximum is 32 MiB), gives it back, and takes it again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 65000

static void **chain;

static int take(void) {
    int n = 0;
    for (void **p; (p = malloc(PIECE)); n++) {
        memset(p, 0x55, PIECE);
        *p = chain;
        chain = p;
    }
    return n;
}

static void give_back(void) {
    while (chain) {
        void **next = *chain;
        free(chain);
        chain = next;
    }
}

int main(void) {
    int first = take();
    give_back();
    int second = take();
    give_back();
    printf("took %s, then %s\n", first > 400 && first < 520 ? "about 32 MiB" : "something else", first == second ? "the same again" : "another amount");
    void *volatile p = malloc(1u << 31);
    printf("2 GiB at once: %s\n", p ? "given" : "refused");
    return 0;
}
