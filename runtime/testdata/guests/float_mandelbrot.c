// Escape times of the Mandelbrot set: a tight loop of doubles with an unpredictable end.
#include "bench.h"

static uint32_t escape(double cx, double cy) {
    double x = 0, y = 0;
    uint32_t i = 0;
    while (i < 200 && x * x + y * y <= 4) {
        double t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
        i++;
    }
    return i;
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    int height = (int)rounds(argc, argv, 2000);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < 300; x++) sum = mix(sum, escape(x / 100.0 - 2.2, 2.4 * y / height - 1.2));
    return finish(sum);
}
