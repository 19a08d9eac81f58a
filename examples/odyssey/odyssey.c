// Prints the decimals of π, line by line as they are found, with the spigot of
// Rabinowitz and Wagon (A Spigot Algorithm for the Digits of π, American
// Mathematical Monthly 102, 1995): π = 2 + 1/3 (2 + 2/5 (2 + 3/7 (2 + ...))) is a
// number whose digits in a mixed radix are 2, 2, 2, ..., and of which decimal digits
// are drawn, nine at a time. The work grows with the square of their number.
//
//   odyssey [DIGITS]      1 to 1000000 decimals, 50000 when it is left out
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_DIGITS 1000000
#define BASE 1000000000u // nine digits are drawn at a time
#define TERMS 30         // of the series for them: each is worth more than log10(2)
#define LINE 100         // digits

// draw takes nine digits off the number in term[1] to term[terms], which is
// multiplied by BASE and reduced from its end on; with them comes what is left of the
// nine drawn before, which may carry into those.
static uint64_t draw(uint32_t *term, uint32_t terms, uint32_t *rest) {
    uint64_t carry = 0;
    for (uint32_t i = terms; i > 0; i--) {
        uint64_t x = (uint64_t)term[i] * BASE + carry * i, radix = 2 * i - 1;
        term[i] = (uint32_t)(x % radix);
        carry = x / radix;
    }
    uint64_t drawn = *rest + carry / BASE;
    *rest = (uint32_t)(carry % BASE);
    return drawn;
}

static uint32_t left, column; // decimals to print, and place in the line

static void put(uint32_t nine, int first) {
    char digits[10];
    snprintf(digits, sizeof digits, "%09" PRIu32, nine);
    const char *d = digits;
    if (first) printf("%c.\n", *d++);
    for (; *d && left > 0; d++, left--) {
        putchar(*d);
        if (++column == LINE || left == 1) {
            putchar('\n');
            fflush(stdout);
            column = 0;
        }
    }
}

// print prints the digits. Nine are held back until those after them are known, and any
// nines between: these might carry.
static void print(uint32_t *term, uint32_t terms) {
    uint32_t rest = 0, held = 0, nines = 0, first = 1;
    for (int any = 0; left > 0 && terms > 0; terms -= TERMS, any = 1) {
        uint64_t drawn = draw(term, terms, &rest);
        if (any && drawn == BASE - 1) {
            nines++;
            continue;
        }
        uint32_t carry = drawn >= BASE;
        if (any) {
            put(held + carry, first);
            first = 0;
        }
        for (; nines > 0; nines--) put(carry ? 0 : BASE - 1, 0);
        held = (uint32_t)(drawn % BASE);
    }
}

static int parse(const char *s, uint32_t *digits) {
    char *end;
    errno = 0;
    unsigned long n = strtoul(s, &end, 10);
    *digits = (uint32_t)n;
    return *s >= '0' && *s <= '9' && !*end && !errno && n >= 1 && n <= MAX_DIGITS;
}

int main(int argc, char **argv) {
    uint32_t digits = 50000;
    if (argc > 2 || (argc == 2 && !parse(argv[1], &digits))) {
        fprintf(stderr, "usage: odyssey [DIGITS]   (1 <= DIGITS <= %d)\n", MAX_DIGITS);
        return 2;
    }
    uint32_t terms = (digits / 9 + 5) * TERMS; // the last of them are only held back
    uint32_t *term = malloc((terms + 1) * sizeof *term);
    if (!term) {
        fputs("odyssey: out of memory\n", stderr);
        return 1;
    }
    for (uint32_t i = 0; i <= terms; i++) term[i] = BASE / 5; // 2, with its digits at the right place
    left = digits;
    print(term, terms);
    return 0;
}
