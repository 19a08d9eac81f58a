// Does what a program must not do; its argument says which.
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int (*int_func)(int);
typedef double (*double_func)(double);

static double half(double v) { return v / 2; }

static double_func volatile a_double_func = half;
static int_func volatile no_func;
static volatile int zero, seven = 7, smallest = INT_MIN, minus_one = -1;
static char *volatile far_away = (char *)(uintptr_t)0xfffffff0u;

static int fault(const char *what) {
    if (!strcmp(what, "load")) return far_away[0];
    if (!strcmp(what, "store")) return far_away[0] = 1;
    if (!strcmp(what, "null-call")) return no_func(1);
    if (!strcmp(what, "wild-call")) return ((int_func)(uintptr_t)123456)(1);
    if (!strcmp(what, "wrong-call")) return ((int_func)(void *)a_double_func)(1);
    if (!strcmp(what, "divide")) return seven / zero;
    if (!strcmp(what, "remainder")) return seven % zero;
    if (!strcmp(what, "overflow")) return smallest / minus_one;
    if (!strcmp(what, "trap")) __builtin_trap();
    return 0;
}

int main(int argc, char **argv) {
    puts("before");
    fflush(stdout);
    int result = fault(argc > 1 ? argv[1] : "none");
    printf("after: %d\n", result);
    return 0;
}
