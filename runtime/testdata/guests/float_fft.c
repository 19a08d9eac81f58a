// Radix-2 fast Fourier transform, in place: strided doubles, three nested loops.
#include "bench.h"
#include <math.h>

#define LOG 12
#define N (1 << LOG)

static double re[N], im[N], cosine[N / 2], sine[N / 2];

static void reverse_bits(void) {
    for (uint32_t i = 0, j = 0; i < N; i++) {
        if (i < j) {
            double t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
        uint32_t bit = N >> 1;
        for (; bit && j & bit; bit >>= 1) j ^= bit;
        j |= bit;
    }
}

static void transform(void) {
    reverse_bits();
    for (int half = 1, step = N / 2; half < N; half *= 2, step /= 2)
        for (int start = 0; start < N; start += 2 * half)
            for (int k = 0; k < half; k++) {
                int i = start + k, j = i + half;
                double c = cosine[k * step], s = sine[k * step];
                double r = re[j] * c - im[j] * s, m = re[j] * s + im[j] * c;
                re[j] = re[i] - r, im[j] = im[i] - m;
                re[i] += r, im[i] += m;
            }
}

int main(int argc, char **argv) {
    for (int i = 0; i < N / 2; i++) cosine[i] = cos(2 * 3.141592653589793 * i / N), sine[i] = -sin(2 * 3.141592653589793 * i / N);
    for (int i = 0; i < N; i++) re[i] = next_random() / 4294967296.0 - 0.5;
    for (uint32_t n = rounds(argc, argv, 500); n; n--) {
        transform();
        for (int i = 0; i < N; i++) re[i] /= 64, im[i] /= 64; // √N keeps the energy
    }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) sum = mix_double(mix_double(sum, re[i]), im[i]);
    return finish(sum);
}
