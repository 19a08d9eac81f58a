// Reads JSON text by recursive descent, adding up what it finds: a branch for every byte.
#include "bench.h"

static char text[1 << 18];
static size_t length;

static void append(const char *s) {
    while (*s) text[length++] = *s++;
}

static void append_number(uint32_t v) {
    char digits[11];
    int n = 10;
    digits[n] = 0;
    do digits[--n] = (char)('0' + v % 10);
    while (v /= 10);
    append(digits + n);
}

static void make_text(void) {
    append("[");
    while (length < sizeof text - 256) {
        append("{\"id\": ");
        append_number(next_random());
        append(", \"name\": \"bar-tailed \\\"godwit\\\"\", \"tags\": [true, false, null, [], {}], \"weight\": -0.");
        append_number(next_random() % 1000);
        append("e2},\n  ");
    }
    append("0]");
}

static const char *at;
static uint64_t total;

static void skip_space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
}

static void read_string(void) {
    for (at++; *at != '"'; at++) {
        if (*at == '\\') at++;
        if (!*at) abort();
        total = total * 31 + (uint8_t)*at;
    }
    at++;
}

static void read_number(void) {
    double v = 0, scale = 1;
    int negative = *at == '-';
    at += negative;
    for (; *at >= '0' && *at <= '9'; at++) v = v * 10 + (*at - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++) v += (*at - '0') * (scale /= 10);
    if (*at == 'e' || *at == 'E') {
        int exponent = 0;
        for (at++; *at >= '0' && *at <= '9'; at++) exponent = exponent * 10 + *at - '0';
        while (exponent--) v *= 10;
    }
    total = mix_double(total, negative ? -v : v);
}

static void read_word(const char *word) {
    while (*word)
        if (*at++ != *word++) abort();
    total++;
}

static void read_value(void);

static void read_list(char end, int keys) {
    for (at++, skip_space(); *at != end; skip_space()) {
        if (keys) {
            read_string();
            skip_space();
            if (*at++ != ':') abort();
        }
        read_value();
        skip_space();
        if (*at == ',') at++, skip_space();
        else if (*at != end) abort();
    }
    at++;
}

static void read_value(void) {
    skip_space();
    switch (*at) {
    case '{': read_list('}', 1); break;
    case '[': read_list(']', 0); break;
    case '"': read_string(); break;
    case 't': read_word("true"); break;
    case 'f': read_word("false"); break;
    case 'n': read_word("null"); break;
    default: read_number();
    }
}

int main(int argc, char **argv) {
    make_text();
    for (uint32_t n = rounds(argc, argv, 100); n; n--) {
        at = text;
        read_value();
        if (*at) abort();
    }
    return finish(total);
}
