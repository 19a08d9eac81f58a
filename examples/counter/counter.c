// A counter that outlives its machines: an actor that answers "inc", "add N" and
// "get" with the count as decimal text. There is nothing here about saving it.
#include <godwit.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t count;

static void answer(void) {
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, count);
    godwit_reply(GODWIT_CURRENT, text, (size_t)n);
}

static void refuse(const char *reason) { godwit_refuse(GODWIT_CURRENT, reason, strlen(reason)); }

GODWIT_EXPORT(godwit_handle) void godwit_handle(void) {
    char text[64];
    uint32_t n;
    if (godwit_payload(text, sizeof text - 1, 0, &n)) return;
    text[n] = 0;
    int64_t more;
    char rest;
    if (!strcmp(text, "inc")) {
        count++;
    } else if (sscanf(text, "add %" SCNd64 "%c", &more, &rest) == 1) {
        count = (int64_t)((uint64_t)count + (uint64_t)more);
    } else if (strcmp(text, "get")) {
        refuse("want inc, add N or get");
        return;
    }
    answer();
}

// What another version of this module takes over.
GODWIT_EXPORT(godwit_save) void godwit_save(void) { godwit_save_state(&count, sizeof count); }

GODWIT_EXPORT(godwit_load) void godwit_load(void) {
    uint32_t n;
    godwit_payload(&count, sizeof count, 0, &n);
}
