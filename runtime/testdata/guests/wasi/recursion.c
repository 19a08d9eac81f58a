// Recurses without end, or to the depth of its argument, with hardly any memory for each call.
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static unsigned descend(unsigned n, volatile unsigned *calls) {
    ++*calls;
    return n ? descend(n - 1, calls) * 3 + *calls : 1;
}

int main(int argc, char **argv) {
    volatile unsigned calls = 0;
    puts("down");
    fflush(stdout);
    printf("result %u\n", descend(argc > 1 ? (unsigned)atoi(argv[1]) : ~0u, &calls));
    return 0;
}
