// Copies the tree /in to /out in odd-sized pieces and checks sizes and bytes of what it wrote.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copied;

static void must(int ok, const char *what, const char *path) {
    if (ok) return;
    printf("%s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void compare(const char *a, const char *b) {
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    must(x && y, "reopen", b);
    int c;
    do {
        c = getc(x);
        errno = 0;
        must(c == getc(y), "compare", b);
    } while (c != EOF);
    fclose(x), fclose(y);
}

static void copy(const char *from, const char *to) {
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0644);
    must(in >= 0, "open", from);
    must(out >= 0, "create", to);
    char piece[777];
    ssize_t n;
    while ((n = read(in, piece, sizeof piece)) > 0) must(write(out, piece, (size_t)n) == n, "write", to);
    must(n == 0, "read", from);
    struct stat a, b;
    must(!fstat(in, &a) && !fstat(out, &b), "fstat", to);
    errno = 0;
    must(a.st_size == b.st_size && S_ISREG(b.st_mode), "size of", to);
    must(!close(in) && !close(out), "close", to);
    compare(from, to);
    copied++;
}

static void copy_tree(const char *from, const char *to) {
    DIR *d = opendir(from);
    must(d != NULL, "opendir", from);
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char a[1024], b[1024];
        snprintf(a, sizeof a, "%s/%s", from, e->d_name);
        snprintf(b, sizeof b, "%s/%s", to, e->d_name);
        struct stat st;
        must(!stat(a, &st), "stat", a);
        if (S_ISDIR(st.st_mode)) {
            must(!mkdir(b, 0755), "mkdir", b);
            copy_tree(a, b);
        } else {
            copy(a, b);
        }
    }
    closedir(d);
}

int main(void) {
    copy_tree("/in", "/out");
    printf("copied %d files\n", copied);
    return 0;
}
