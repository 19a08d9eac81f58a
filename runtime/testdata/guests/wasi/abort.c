// Fails an assertion, or with "quietly" aborts without a word: unreachable either way.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    (void)argv;
    puts("before");
    fflush(stdout);
    if (argc > 1) abort();
    assert(argc > 1 && "an argument");
    puts("after");
    return 0;
}
