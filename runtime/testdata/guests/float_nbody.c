// Planets under gravity: double multiplies, a square root and a division a pair.
#include "bench.h"
#include <math.h>

#define BODIES 5

static struct body {
    double x, y, z, vx, vy, vz, mass;
} body[BODIES] = {
    {0, 0, 0, 0, 0, 0, 39.47841760435743},
    {4.841431442464721, -1.1603200440274284, -0.10362204447112311, 0.606326392995832, 2.81198684491626,
     -0.02521836165988763, 0.03769367487038949},
    {8.34336671824458, 4.124798564124305, -0.4035234171143214, -1.0107743461787924, 1.8256623712304119,
     0.008415761376584154, 0.011286326131968767},
    {12.894369562139131, -15.111151401698631, -0.22330757889265573, 1.0827910064415354, 0.8687130181696082,
     -0.010832637401363636, 0.0017237240570597112},
    {15.379697114850917, -25.919314609987964, 0.17925877295037118, 0.979090732243898, 0.5946989986476762,
     -0.034755955504078104, 0.0020336868699246304},
};

static void pull(struct body *a, struct body *b, double dt) {
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double d2 = dx * dx + dy * dy + dz * dz, mag = dt / (d2 * sqrt(d2));
    a->vx -= dx * b->mass * mag, a->vy -= dy * b->mass * mag, a->vz -= dz * b->mass * mag;
    b->vx += dx * a->mass * mag, b->vy += dy * a->mass * mag, b->vz += dz * a->mass * mag;
}

static void advance(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) pull(&body[i], &body[j], dt);
    for (struct body *b = body; b < body + BODIES; b++) b->x += dt * b->vx, b->y += dt * b->vy, b->z += dt * b->vz;
}

int main(int argc, char **argv) {
    for (uint32_t n = rounds(argc, argv, 40) * 10000; n; n--) advance(0.01);
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) sum = mix_double(mix_double(sum, body[i].x), body[i].vz);
    return finish(sum);
}
