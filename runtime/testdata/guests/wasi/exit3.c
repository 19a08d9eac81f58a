// Writes to both streams, registers an exit handler, and exits with code 3 from within a function.
#include <stdio.h>
#include <stdlib.h>

static void goodbye(void) { puts("handler ran"); }

static void give_up(void) {
    fputs("giving up\n", stderr);
    exit(3);
}

int main(void) {
    atexit(goodbye);
    puts("working");
    give_up();
    puts("never");
    return 0;
}
