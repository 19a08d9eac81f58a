// Recurses with a kilobyte of locals each time, through the bottom of its own stack in linear memory.
#include <stdio.h>
#include <string.h>

__attribute__((noinline)) static int descend(int n) {
    volatile char local[1024];
    memset((char *)local, n, sizeof local);
    return descend(n + 1) + local[n & 1023];
}

int main(void) {
    puts("down");
    fflush(stdout);
    printf("result %d\n", descend(0));
    return 0;
}
