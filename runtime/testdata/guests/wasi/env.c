// Echoes the arguments after the program's name, and the environment, sorted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
    printf("%d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]);
    int n = 0;
    while (environ && environ[n]) n++;
    if (n) qsort(environ, (size_t)n, sizeof *environ, compare);
    for (int i = 0; i < n; i++) printf("%s\n", environ[i]);
    const char *value = getenv("MISSING");
    printf("MISSING is %s\n", value ? value : "not set");
    return 0;
}
