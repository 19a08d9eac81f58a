// Matrix multiplication, the plain way: three loops, one of the operands read by columns.
#include "bench.h"

#define N 160

static double a[N][N], b[N][N], c[N][N];

static void multiply(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double dot = 0;
            for (int k = 0; k < N; k++) dot += a[i][k] * b[k][j];
            c[i][j] = dot;
        }
}

int main(int argc, char **argv) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = next_random() % 1000, b[i][j] = next_random() % 1000;
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 12); n; n--) {
        multiply();
        a[n % N][n / 2 % N] += 1;
        sum = mix_double(sum, c[n % N][n * 7 % N]);
    }
    return finish(sum);
}
