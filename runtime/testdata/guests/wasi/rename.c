// Rename, unlink, mkdir and rmdir: what they do, and the error each misuse gets.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        return;
    }
    fputs(text, f);
    fclose(f);
}

static void result(const char *what, int r) { printf("%s: %s\n", what, r < 0 ? strerror(errno) : "ok"); }

static int entries(const char *path) {
    DIR *d = opendir(path);
    int n = 0;
    if (!d) return -1;
    for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

int main(void) {
    make("/out/a", "first");
    make("/out/b", "second");
    result("mkdir", mkdir("/out/d", 0755));
    result("mkdir again", mkdir("/out/d", 0755));
    result("mkdir under nothing", mkdir("/out/x/y", 0755));
    result("rename over a file", rename("/out/a", "/out/b"));
    result("rename what is gone", rename("/out/a", "/out/c"));
    result("rename into a folder", rename("/out/b", "/out/d/b"));
    result("rmdir with content", rmdir("/out/d"));
    result("rename a folder", rename("/out/d", "/out/e"));
    struct stat st;
    result("stat through new name", stat("/out/e/b", &st));
    printf("size %lld\n", (long long)st.st_size);
    result("stat through old name", stat("/out/d/b", &st));
    result("rename folder into itself", rename("/out/e", "/out/e/f"));
    result("rmdir a file", rmdir("/out/e/b"));

    int fd = open("/out/e/b", O_RDONLY);
    result("unlink while open", unlink("/out/e/b"));
    char buf[8] = {0};
    printf("still readable: %zd %s\n", read(fd, buf, sizeof buf - 1), buf);
    close(fd);
    result("unlink again", unlink("/out/e/b"));
    printf("unlink a folder: %s\n", unlink("/out/e") < 0 ? "refused" : "ok");
    printf("entries left: %d\n", entries("/out/e"));
    result("rmdir", rmdir("/out/e"));
    printf("entries left: %d\n", entries("/out"));
    return 0;
}
