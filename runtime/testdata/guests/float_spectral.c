// Spectral norm of an infinite matrix: a division for each element, nested loops with a call.
#include "bench.h"
#include <math.h>

#define N 200

static double a(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void multiply(const double *v, double *out) {
    for (int i = 0; i < N; i++) {
        out[i] = 0;
        for (int j = 0; j < N; j++) out[i] += a(i, j) * v[j];
    }
}

static void multiply_transposed(const double *v, double *out) {
    for (int i = 0; i < N; i++) {
        out[i] = 0;
        for (int j = 0; j < N; j++) out[i] += a(j, i) * v[j];
    }
}

int main(int argc, char **argv) {
    static double u[N], v[N], t[N];
    for (int i = 0; i < N; i++) u[i] = 1;
    for (uint32_t n = rounds(argc, argv, 150); n; n--) {
        multiply(u, t), multiply_transposed(t, v);
        multiply(v, t), multiply_transposed(t, u);
        double scale = 1 / u[0]; // the direction is all that matters, and stays finite
        for (int i = 0; i < N; i++) u[i] *= scale, v[i] *= scale;
    }
    double uv = 0, vv = 0;
    for (int i = 0; i < N; i++) uv += u[i] * v[i], vv += v[i] * v[i];
    return finish(mix_double(0, sqrt(uv / vv)));
}
