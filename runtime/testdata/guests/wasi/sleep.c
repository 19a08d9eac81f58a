// Sleeps 30 ms, then until a point 20 ms away, and checks with the monotonic clock that time passed.
#include <stdio.h>
#include <time.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
    long long start = now();
    struct timespec pause = {0, 30000000};
    printf("nanosleep %d\n", nanosleep(&pause, NULL));
    long long middle = now();
    printf("it took %s\n", middle - start >= 29000000 ? "long enough" : "less than asked");
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    printf("absolute sleep %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    printf("it took %s\n", now() - middle >= 19000000 ? "long enough" : "less than asked");
    return 0;
}
