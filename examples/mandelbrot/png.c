#include "png.h"

#include <stdlib.h>
#include <string.h>

// The zlib stream (RFC 1950, 1951) is one deflate block with the fixed codes,
// its matches found through a table of the last place each three bytes stood.
#define WINDOW 32768
#define MAX_MATCH 258
#define HASH_BITS 15

struct bits {
    uint8_t *buf;
    size_t len;
    uint32_t pending; // bits not yet in buf, the oldest lowest
    int count;
};

static void put(struct bits *b, uint32_t value, int n) {
    b->pending |= value << b->count;
    for (b->count += n; b->count >= 8; b->count -= 8, b->pending >>= 8) b->buf[b->len++] = (uint8_t)b->pending;
}

// put_code writes a Huffman code, which goes highest bit first.
static void put_code(struct bits *b, uint32_t code, int n) {
    uint32_t reversed = 0;
    for (int i = 0; i < n; i++) reversed |= (code >> i & 1) << (n - 1 - i);
    put(b, reversed, n);
}

static void put_symbol(struct bits *b, int s) { // RFC 1951, 3.2.6
    if (s < 144) put_code(b, 0x30 + s, 8);
    else if (s < 256) put_code(b, 0x190 + s - 144, 9);
    else if (s < 280) put_code(b, s - 256, 7);
    else put_code(b, 0xc0 + s - 280, 8);
}

static void put_match(struct bits *b, int length, int distance) {
    static const uint16_t length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                           31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    int i = 28;
    while (length < length_base[i]) i--;
    put_symbol(b, 257 + i);
    put(b, length - length_base[i], i < 8 || i == 28 ? 0 : i / 4 - 1);
    int extra = 0; // a distance of 2^k and above, less one, has k - 1 extra bits
    for (int d = distance - 1; d >= 4; d >>= 1) extra++;
    int base = distance - 1;
    put_code(b, extra * 2 + (base >> extra), 5);
    put(b, base & ((1 << extra) - 1), extra);
}

static int match_length(const uint8_t *a, const uint8_t *b, size_t left) {
    int max = left < MAX_MATCH ? (int)left : MAX_MATCH, n = 0;
    while (n < max && a[n] == b[n]) n++;
    return n;
}

static void deflate(struct bits *b, const uint8_t *data, size_t n) {
    static uint32_t last[1 << HASH_BITS]; // position + 1
    memset(last, 0, sizeof last);
    put(b, 3, 3); // the final block, fixed codes
    for (size_t i = 0; i < n;) {
        int length = 0;
        size_t from = 0;
        if (n - i >= 3) {
            uint32_t key = (data[i] | data[i + 1] << 8 | data[i + 2] << 16) * 2654435761u >> (32 - HASH_BITS);
            from = last[key];
            last[key] = (uint32_t)i + 1;
            if (from && i + 1 - from <= WINDOW) length = match_length(data + from - 1, data + i, n - i);
        }
        if (length >= 3) {
            put_match(b, length, (int)(i + 1 - from));
            i += length;
        } else {
            put_symbol(b, data[i++]);
        }
    }
    put_symbol(b, 256);
    put(b, 0, 7); // out to a whole byte
}

static void store32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t adler32(const uint8_t *p, size_t n) {
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n) {
    crc = ~crc;
    while (n--) {
        crc ^= *p++;
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static int write_chunk(FILE *f, const char *type, const uint8_t *data, size_t n) {
    uint8_t head[8], tail[4];
    store32(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    store32(tail, crc32(crc32(0, head + 4, 4), data, n));
    return fwrite(head, 1, 8, f) == 8 && fwrite(data, 1, n, f) == n && fwrite(tail, 1, 4, f) == 4 ? 0 : -1;
}

static int paeth(int left, int up, int corner) { // PNG, 9.4
    int p = left + up - corner, a = abs(p - left), b = abs(p - up), c = abs(p - corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
}

// filter_rows puts the filter's type byte before each row and predicts every
// byte from its neighbours, which is what makes smooth colour compress.
static void filter_rows(uint8_t *out, const uint8_t *rgb, uint32_t width, uint32_t height) {
    size_t stride = (size_t)width * 3;
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *row = rgb + y * stride;
        *out++ = 4;
        for (size_t i = 0; i < stride; i++) {
            int left = i >= 3 ? row[i - 3] : 0, up = y ? row[i - stride] : 0;
            int corner = i >= 3 && y ? row[i - stride - 3] : 0;
            *out++ = (uint8_t)(row[i] - paeth(left, up, corner));
        }
    }
}

static int write_chunks(FILE *f, const uint8_t *header, const struct bits *body) {
    int bad = fwrite("\x89PNG\r\n\x1a\n", 1, 8, f) != 8;
    bad |= write_chunk(f, "IHDR", header, 13);
    bad |= write_chunk(f, "IDAT", body->buf, body->len);
    bad |= write_chunk(f, "IEND", NULL, 0);
    return bad ? -1 : 0;
}

int png_write(FILE *f, const uint8_t *rgb, uint32_t width, uint32_t height) {
    size_t raw = (size_t)height * (1 + 3 * (size_t)width);
    uint8_t *filtered = malloc(raw);
    struct bits body = {.buf = malloc(raw + raw / 8 + 64)}; // a literal takes nine bits at most
    int result = -1;
    if (filtered && body.buf) {
        filter_rows(filtered, rgb, width, height);
        put(&body, 0x0178, 16);
        deflate(&body, filtered, raw);
        store32(body.buf + body.len, adler32(filtered, raw));
        body.len += 4;
        uint8_t header[13] = {[8] = 8, [9] = 2}; // eight bits a channel, RGB
        store32(header, width);
        store32(header + 4, height);
        result = write_chunks(f, header, &body);
    }
    free(filtered);
    free(body.buf);
    return result;
}
