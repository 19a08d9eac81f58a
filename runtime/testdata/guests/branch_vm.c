// A bytecode interpreter: one br_table in a loop, a stack in memory.
#include "bench.h"

enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_IF, HALT };

// Sums i * i % 7 for i below the number in variable 0, into variable 2.
static const int32_t program[] = {
    PUSH, 0, STORE, 1, PUSH, 0, STORE, 2,             // i = sum = 0
    LOAD, 1, LOAD, 0, LESS, JUMP_IF, 17, HALT, HALT,  // while (i < n)
    LOAD, 2, LOAD, 1, LOAD, 1, MUL, PUSH, 7, MOD, ADD, STORE, 2, // sum += i * i % 7
    LOAD, 1, PUSH, 1, ADD, STORE, 1, JUMP, 8,         // i++
};

static int32_t run(int32_t n) {
    int32_t stack[16], variable[3] = {n}, *top = stack;
    for (const int32_t *pc = program;;) {
        switch ((enum op)*pc++) {
        case PUSH: *top++ = *pc++; break;
        case LOAD: *top++ = variable[*pc++]; break;
        case STORE: variable[*pc++] = *--top; break;
        case ADD: top--, top[-1] += *top; break;
        case SUB: top--, top[-1] -= *top; break;
        case MUL: top--, top[-1] = (int32_t)((uint32_t)top[-1] * (uint32_t)*top); break;
        case MOD: top--, top[-1] %= *top; break;
        case LESS: top--, top[-1] = top[-1] < *top; break;
        case JUMP: pc = program + *pc; break;
        case JUMP_IF: pc = *--top ? program + *pc : pc + 1; break;
        case HALT: return variable[2];
        }
    }
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 80); n; n--) sum = mix(sum, (uint64_t)run(20000 + (int32_t)n));
    return finish(sum);
}
