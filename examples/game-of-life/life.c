// Conway's game of life, as an actor in process style: it has a main that never
// returns, waits for messages, and sets itself a timer for each generation.
#include <godwit.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mandelbrot/png.h"

#define SIDE 64
#define SCALE 4
#define STEP 100000000 // nanoseconds from one generation to the next

static uint8_t cells[SIDE][SIDE];
static uint64_t generation, timer;
static bool paused;

static void step(void) {
    static uint8_t next[SIDE][SIDE];
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int around = 0;
            for (int dy = SIDE - 1; dy <= SIDE + 1; dy++)
                for (int dx = SIDE - 1; dx <= SIDE + 1; dx++)
                    if (dx != SIDE || dy != SIDE) around += cells[(y + dy) % SIDE][(x + dx) % SIDE];
            next[y][x] = around == 3 || (around == 2 && cells[y][x]);
        }
    }
    memcpy(cells, next, sizeof cells);
    generation++;
}

static void reply(const void *text, size_t n) { godwit_reply(GODWIT_CURRENT, text, n); }
static void refuse(const char *reason) { godwit_refuse(GODWIT_CURRENT, reason, strlen(reason)); }

static void reply_generation(void) {
    char text[24];
    reply(text, (size_t)snprintf(text, sizeof text, "%" PRIu64, generation));
}

static void reply_text(void) {
    static char text[SIDE * (SIDE + 1)];
    char *to = text;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) *to++ = cells[y][x] ? '#' : '.';
        *to++ = '\n';
    }
    reply(text, sizeof text);
}

static void reply_png(void) {
    static uint8_t rgb[SIDE * SCALE][SIDE * SCALE][3];
    for (int y = 0; y < SIDE * SCALE; y++)
        for (int x = 0; x < SIDE * SCALE; x++) memset(rgb[y][x], cells[y / SCALE][x / SCALE] ? 24 : 244, 3);
    char *png = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&png, &size);
    if (!f || png_write(f, rgb[0][0], SIDE * SCALE, SIDE * SCALE) || fclose(f)) refuse("no memory for the picture");
    else reply(png, size);
    free(png);
}

static void set_timer(void) {
    if (!paused) godwit_timer(STEP, 0, &timer);
}

// ask carries out what somebody asks for.
static void ask(const char *text) {
    uint32_t n;
    char rest;
    if (!strcmp(text, "generation")) {
        reply_generation();
    } else if (!strcmp(text, "text")) {
        reply_text();
    } else if (!strcmp(text, "png")) {
        reply_png();
    } else if (!strcmp(text, "pause") && !paused) {
        paused = true;
        godwit_cancel(timer);
        reply_generation();
    } else if (!strcmp(text, "run") && paused) {
        paused = false;
        set_timer();
        reply_generation();
    } else if (sscanf(text, "step %" SCNu32 "%c", &n, &rest) == 1 && n <= 10000) {
        while (n--) step();
        reply_generation();
    } else if (!strcmp(text, "pause") || !strcmp(text, "run")) {
        reply_generation();
    } else {
        refuse("want generation, text, png, pause, run or step N");
    }
}

int main(void) {
    static const uint8_t pentomino[][2] = {{0, 1}, {0, 2}, {1, 0}, {1, 1}, {2, 1}};
    for (size_t i = 0; i < sizeof pentomino / 2; i++) cells[SIDE / 2 + pentomino[i][0]][SIDE / 2 + pentomino[i][1]] = 1;
    set_timer();
    for (godwit_info info; !godwit_receive(-1, &info);) {
        if (info.kind == GODWIT_TIMER) {
            step();
            set_timer();
            continue;
        }
        char text[32];
        uint32_t n;
        godwit_payload(text, sizeof text - 1, 0, &n);
        text[n] = 0;
        ask(text);
    }
    return 0;
}
