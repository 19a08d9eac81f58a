// Moves and bounces shapes of four classes through virtual methods, in random order.
#include "bench.h"

namespace {

class Shape {
public:
    virtual void step(double dt) = 0;
    virtual double area() const = 0;

protected:
    double x = 0, v = 1;
    void bounce(double dt) {
        x += v * dt;
        if (x < 0 || x > 1) v = -v;
    }
};

class Circle : public Shape {
    double radius = 1;

public:
    void step(double dt) override { bounce(dt), radius += x * 0.001; }
    double area() const override { return 3.14159 * radius * radius; }
};

class Square : public Shape {
protected:
    double side = 1;

public:
    void step(double dt) override { bounce(2 * dt), side = 1 + x; }
    double area() const override { return side * side; }
};

class Frame : public Square {
    double border = 0.1;

public:
    void step(double dt) override { Square::step(dt), border = side / 10; }
    double area() const override { return Square::area() - (side - border) * (side - border); }
};

class Still : public Shape {
public:
    void step(double) override {}
    double area() const override { return 0.5; }
};

constexpr int count = 4096;
Shape *shape[count];

alignas(16) unsigned char arena[count * 64];

} // namespace

inline void *operator new(size_t, void *where) noexcept { return where; }

static_assert(sizeof(Frame) <= 64, "a shape fits its place");

int main(int argc, char **argv) {
    for (int i = 0; i < count; i++) {
        void *where = arena + i * 64;
        switch (next_random() & 3) {
        case 0: shape[i] = new (where) Circle; break;
        case 1: shape[i] = new (where) Square; break;
        case 2: shape[i] = new (where) Frame; break;
        default: shape[i] = new (where) Still;
        }
    }
    double total = 0;
    for (uint32_t n = rounds(argc, argv, 12) * 50; n; n--)
        for (Shape *s : shape) {
            s->step(0.01);
            total += s->area();
        }
    return finish(mix_double(0, total));
}
