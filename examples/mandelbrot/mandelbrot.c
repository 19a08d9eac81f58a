// Draws a corner of the Mandelbrot set, lit like a relief, and writes it to
// /out/mandelbrot.png.
//
//   mandelbrot [WIDTH [HEIGHT [ITERATIONS]]]      960 640 1000 when left out
#include "png.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The view: a pair of spirals in the valley of sea horses.
#define CENTRE_X -0.743643135
#define CENTRE_Y 0.131825963
#define VIEW_WIDTH 0.000146

#define SAMPLES 2      // along each side of a pixel
#define ESCAPE 10000.0 // |z|² beyond which a point is out; large, for smooth colours

static const double pi = 3.14159265358979323846;

struct colour {
    double r, g, b;
};

// palette goes once round for each unit of t: night blue, white, gold, brown.
static struct colour palette(double t) {
    static const struct colour stop[] = {
        {0.02, 0.05, 0.22}, {0.06, 0.30, 0.58}, {0.55, 0.82, 0.93}, {1.00, 0.98, 0.90},
        {1.00, 0.76, 0.22}, {0.80, 0.32, 0.05}, {0.30, 0.05, 0.10},
    };
    const int n = sizeof stop / sizeof *stop;
    double at = (t - floor(t)) * n, f = at - floor(at);
    const struct colour a = stop[(int)at % n], b = stop[((int)at + 1) % n];
    f = f * f * (3 - 2 * f);
    return (struct colour){a.r + (b.r - a.r) * f, a.g + (b.g - a.g) * f, a.b + (b.b - a.b) * f};
}

// light is how bright the surface is whose height grows towards the set, lit
// from the upper left: z over its derivative d points straight downhill.
static double light(double zx, double zy, double dx, double dy) {
    const double height = 1.3, angle = 0.75 * pi;
    double ux = zx * dx + zy * dy, uy = zy * dx - zx * dy, len = sqrt(ux * ux + uy * uy);
    if (!(len > 0)) return 0.5;
    double lit = (ux * cos(angle) + uy * sin(angle)) / len + height;
    return lit > 0 ? lit / (1 + height) : 0;
}

static struct colour sample(double cx, double cy, int iterations) {
    double zx = 0, zy = 0, dx = 0, dy = 0; // z and dz/dc
    for (int i = 0; i < iterations; i++) {
        double ndx = 2 * (zx * dx - zy * dy) + 1, ndy = 2 * (zx * dy + zy * dx);
        double nzx = zx * zx - zy * zy + cx, nzy = 2 * zx * zy + cy;
        zx = nzx, zy = nzy, dx = ndx, dy = ndy;
        double r2 = zx * zx + zy * zy;
        if (r2 <= ESCAPE) continue;
        double smooth = i + 1 - log2(log(r2) / log(ESCAPE));
        struct colour c = palette(log(smooth + 1) * 1.45);
        double l = 0.25 + 0.9 * light(zx, zy, dx, dy);
        return (struct colour){c.r * l, c.g * l, c.b * l};
    }
    return (struct colour){0.01, 0.01, 0.03};
}

static uint8_t to_byte(double v) {
    v = sqrt(v / (SAMPLES * SAMPLES)) * 255 + 0.5; // the mean, gamma 2
    return v >= 255 ? 255 : (uint8_t)v;
}

static void draw(uint8_t *rgb, int width, int height, int iterations) {
    double step = VIEW_WIDTH / width / SAMPLES;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            struct colour sum = {0};
            for (int s = 0; s < SAMPLES * SAMPLES; s++) {
                double px = x * SAMPLES + s % SAMPLES + 0.5, py = y * SAMPLES + s / SAMPLES + 0.5;
                struct colour c = sample(CENTRE_X + (px - width * SAMPLES / 2.0) * step,
                                         CENTRE_Y - (py - height * SAMPLES / 2.0) * step, iterations);
                sum.r += c.r * c.r, sum.g += c.g * c.g, sum.b += c.b * c.b;
            }
            *rgb++ = to_byte(sum.r), *rgb++ = to_byte(sum.g), *rgb++ = to_byte(sum.b);
        }
    }
}

static int parse(const char *s, long max, int *out) {
    char *end;
    long v = strtol(s, &end, 10);
    *out = (int)v;
    return *s && !*end && v >= 1 && v <= max;
}

int main(int argc, char **argv) {
    int width = 960, height = 640, iterations = 1000;
    int ok = argc <= 4;
    if (argc > 1) ok &= parse(argv[1], 8192, &width);
    if (argc > 2) ok &= parse(argv[2], 8192, &height);
    if (argc > 3) ok &= parse(argv[3], 1000000, &iterations);
    if (!ok) {
        fputs("usage: mandelbrot [WIDTH [HEIGHT [ITERATIONS]]]   (sides up to 8192)\n", stderr);
        return 2;
    }
    uint8_t *rgb = malloc((size_t)width * height * 3);
    if (!rgb) {
        fputs("mandelbrot: out of memory\n", stderr);
        return 1;
    }
    draw(rgb, width, height, iterations);
    FILE *f = fopen("/out/mandelbrot.png", "wb");
    if (!f || png_write(f, rgb, (uint32_t)width, (uint32_t)height) || fclose(f)) {
        perror("mandelbrot: /out/mandelbrot.png");
        return 1;
    }
    printf("/out/mandelbrot.png: %d x %d, %d iterations\n", width, height, iterations);
    return 0;
}
