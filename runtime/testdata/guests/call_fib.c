// Fibonacci by recursion: hardly anything but calls.
#include "bench.h"

__attribute__((noinline)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

int main(int argc, char **argv) { return finish(fib(rounds(argc, argv, 36))); }
