// Reads standard input line by line, of any length, and numbers the lines.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    char *line = NULL;
    size_t cap = 0, total = 0;
    ssize_t n;
    int count = 0;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        int newline = line[n - 1] == '\n';
        printf("%d: %zd %.20s%s", ++count, n - newline, line, n > 20 || !newline ? "\n" : "");
        total += (size_t)n;
    }
    printf("%d lines, %zu bytes, %s\n", count, total, ferror(stdin) ? "error" : "end of file");
    free(line);
    return 0;
}
