// Evaluates expression trees through a table of functions: call_indirect and recursion.
#include "bench.h"

struct expr;
typedef int32_t (*eval_func)(const struct expr *, int32_t x);

struct expr {
    eval_func eval;
    const struct expr *a, *b;
    int32_t value;
};

static int32_t eval(const struct expr *e, int32_t x) { return e->eval(e, x); }

static int32_t constant(const struct expr *e, int32_t x) { return (void)x, e->value; }
static int32_t variable(const struct expr *e, int32_t x) { return (void)e, x; }
static int32_t add(const struct expr *e, int32_t x) { return (int32_t)((uint32_t)eval(e->a, x) + (uint32_t)eval(e->b, x)); }
static int32_t multiply(const struct expr *e, int32_t x) { return (int32_t)((uint32_t)eval(e->a, x) * (uint32_t)eval(e->b, x)); }
static int32_t exclusive(const struct expr *e, int32_t x) { return eval(e->a, x) ^ eval(e->b, x); }
static int32_t choose(const struct expr *e, int32_t x) { return x & e->value ? eval(e->a, x) : eval(e->b, x); }

static const struct expr *grow(int depth) {
    static const eval_func leaf[] = {constant, variable}, inner[] = {add, multiply, exclusive, choose};
    struct expr *e = malloc(sizeof *e);
    if (!e) abort();
    e->eval = depth ? inner[next_random() % 4] : leaf[next_random() % 2];
    e->value = (int32_t)next_random();
    e->a = depth ? grow(depth - 1) : NULL;
    e->b = depth ? grow(depth - 1) : NULL;
    return e;
}

int main(int argc, char **argv) {
    const struct expr *e = grow(10);
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 100) * 100; n; n--) sum = mix(sum, (uint32_t)eval(e, (int32_t)next_random()));
    return finish(sum);
}
