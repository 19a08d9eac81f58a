// Checks that clocks and random bytes behave, whatever they say; "show" prints them, to compare two runs.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(clockid_t id) {
    struct timespec t;
    return clock_gettime(id, &t) ? -1 : t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    long long wall = nanoseconds(CLOCK_REALTIME), first = nanoseconds(CLOCK_MONOTONIC), last = first;
    int backwards = 0;
    for (int i = 0; i < 1000; i++) {
        long long now = nanoseconds(CLOCK_MONOTONIC);
        backwards += now < last;
        last = now;
    }
    struct timespec resolution;
    unsigned char a[256], b[256];
    int random_ok = !getentropy(a, sizeof a) && !getentropy(b, sizeof b) && memcmp(a, b, sizeof a);
    if (argc > 1 && !strcmp(argv[1], "show")) {
        printf("wall %lld monotonic %lld then %lld random ", wall, first, last);
        for (int i = 0; i < 16; i++) printf("%02x", a[i]);
        putchar('\n');
    }
    printf("wall clock %s\n", wall >= 0 ? "ok" : "fails");
    printf("monotonic clock %s\n", first >= 0 && !backwards ? "ok" : "goes backwards");
    printf("resolution %s\n", !clock_getres(CLOCK_MONOTONIC, &resolution) && resolution.tv_sec + resolution.tv_nsec > 0 ? "ok" : "fails");
    printf("random %s\n", random_ok ? "ok" : "fails");
    return 0;
}
