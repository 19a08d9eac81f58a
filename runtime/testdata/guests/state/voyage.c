// Does for a while what programs do, so that it can be stopped and gone on with at any moment:
// copies its standard input line by line to standard output, each with a hash that takes some
// time; notes each line in /out/log and every tenth on standard error; keeps the last one in
// /tmp. Draws a token when it begins and has not forgotten it when it ends; its clock
// never runs backwards.
//
//   voyage [ROUNDS]      for the hash of each line; 20000 when it is left out
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t hash(const char *s, unsigned rounds) {
    uint64_t h = 14695981039346656037u;
    for (unsigned n = 0; n < rounds; n++)
        for (const char *c = s; *c; c++) h = (h ^ (uint8_t)*c) * 1099511628211u + n;
    return h;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20000;
    uint8_t token[8], again[8];
    if (getentropy(token, sizeof token)) return fail("token");
    memcpy(again, token, sizeof token);
    FILE *log = fopen("/out/log", "w"), *last = fopen("/tmp/last", "w+");
    if (!log || !last) return fail("open");
    char line[1024], kept[1024] = "";
    uint64_t then = now();
    unsigned count = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        rewind(last);
        char before[1024] = "";
        if (!fgets(before, sizeof before, last) && *kept) return fail("read back");
        if (strcmp(before, kept)) return fail("not what was kept");
        uint64_t h = hash(line, rounds);
        printf("%u %016llx %s\n", ++count, (unsigned long long)h, line);
        fflush(stdout);
        fprintf(log, "%u %s\n", count, line);
        if (count % 10 == 0) fprintf(stderr, "%u lines\n", count);
        rewind(last);
        if (ftruncate(fileno(last), 0)) return fail("truncate");
        fputs(line, last);
        fflush(last);
        strcpy(kept, line);
        if (now() < then) return fail("clock");
        then = now();
    }
    if (fclose(log)) return fail("log");
    printf("%u lines, token %s\n", count, memcmp(token, again, sizeof token) ? "lost" : "kept");
    return 3;
}
