// Transposes a matrix of 4 MiB: loads in rows, stores in columns, a cache line each.
#include "bench.h"

#define N 1024

static uint32_t a[N][N], b[N][N];

int main(int argc, char **argv) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = next_random();
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 10); n; n--) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) b[j][i] = a[i][j] + n;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) a[i][j] ^= b[i][j];
        sum = mix(sum, a[n % N][n * 31 % N]);
    }
    return finish(sum);
}
