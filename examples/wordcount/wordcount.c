// Counts the words of every file under /in and writes /out/counts.txt, the
// most frequent first. A word is a run of letters and digits; ASCII letters
// are folded to lower case and bytes above 127 (UTF-8) count as letters.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_WORD 255 // longer runs are cut into pieces of this length
#define MAX_PATH 4096

struct entry {
    char *word;
    size_t count;
};

static struct {
    struct entry *slot; // open addressing; capacity is a power of two
    size_t cap, distinct, words, files, bytes;
} table;

static void fail(const char *what, const char *path) {
    fprintf(stderr, "wordcount: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static uint32_t hash(const char *s) { // FNV-1a
    uint32_t h = 2166136261u;
    while (*s) h = (h ^ (unsigned char)*s++) * 16777619u;
    return h;
}

static struct entry *find(const char *word) {
    size_t i = hash(word) & (table.cap - 1);
    while (table.slot[i].word && strcmp(table.slot[i].word, word)) i = (i + 1) & (table.cap - 1);
    return &table.slot[i];
}

static void grow(void) {
    struct entry *old = table.slot;
    size_t n = table.cap;
    table.cap = n ? n * 2 : 1024;
    table.slot = calloc(table.cap, sizeof *table.slot);
    if (!table.slot) fail("allocate", "word table");
    for (size_t i = 0; i < n; i++)
        if (old[i].word) *find(old[i].word) = old[i];
    free(old);
}

static void add(const char *word) {
    if (table.distinct * 2 >= table.cap) grow();
    struct entry *e = find(word);
    if (!e->word) {
        if (!(e->word = strdup(word))) fail("allocate", "word");
        table.distinct++;
    }
    e->count++;
    table.words++;
}

static int is_letter(int c) { return isalnum(c) || c > 127; }

static void count_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) fail("open", path);
    char word[MAX_WORD + 1];
    size_t len = 0;
    int c;
    while ((c = getc(f)) != EOF) {
        table.bytes++;
        if (is_letter(c)) word[len++] = (char)tolower(c);
        if (len && (!is_letter(c) || len == MAX_WORD)) {
            word[len] = 0;
            add(word);
            len = 0;
        }
    }
    if (ferror(f)) fail("read", path);
    fclose(f);
    word[len] = 0;
    if (len) add(word);
    table.files++;
}

static void walk(const char *dir) {
    DIR *d = opendir(dir);
    if (!d) fail("open", dir);
    struct dirent *e;
    while ((e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char path[MAX_PATH];
        if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path) {
            errno = ENAMETOOLONG;
            fail("open", path);
        }
        struct stat st;
        if (stat(path, &st)) fail("stat", path);
        if (S_ISDIR(st.st_mode)) walk(path);
        if (S_ISREG(st.st_mode)) count_file(path);
    }
    closedir(d);
}

static int by_count(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->word, y->word);
}

static void write_counts(const char *path) {
    size_t n = 0;
    for (size_t i = 0; i < table.cap; i++)
        if (table.slot[i].word) table.slot[n++] = table.slot[i];
    qsort(table.slot, n, sizeof *table.slot, by_count);
    FILE *f = fopen(path, "wb");
    if (!f) fail("create", path);
    for (size_t i = 0; i < n; i++) fprintf(f, "%zu %s\n", table.slot[i].count, table.slot[i].word);
    if (fclose(f)) fail("write", path);
}

int main(void) {
    grow();
    walk("/in");
    write_counts("/out/counts.txt");
    printf("%zu words, %zu distinct, in %zu files (%zu bytes)\n", table.words, table.distinct, table.files, table.bytes);
    return 0;
}
