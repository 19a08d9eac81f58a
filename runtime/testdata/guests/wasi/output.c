// Writes ten megabytes of numbered lines to standard output through stdio's buffer.
#include <stdio.h>

int main(void) {
    for (int i = 0; i < 500000; i++) printf("%08d 0123456789\n", i); // 20 bytes each
    return ferror(stdout) || fflush(stdout);
}
