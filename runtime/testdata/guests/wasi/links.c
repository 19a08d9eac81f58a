// Symbolic links: made, read, followed; loops and ways out of the tree refused.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *outcome(int r) { return r < 0 ? "refused" : "ok"; }

int main(void) {
    FILE *f = fopen("/out/target", "w");
    if (!f || fputs("content", f) < 0 || fclose(f)) return 1;
    printf("link: %s\n", outcome(symlink("target", "/out/link")));
    char buf[64] = {0};
    ssize_t n = readlink("/out/link", buf, sizeof buf - 1);
    printf("readlink: %zd %s\n", n, buf);
    struct stat st;
    printf("stat: %s, ", outcome(stat("/out/link", &st)));
    printf("size %lld, %s\n", (long long)st.st_size, S_ISREG(st.st_mode) ? "a file" : "not a file");
    printf("lstat: %s, ", outcome(lstat("/out/link", &st)));
    printf("%s\n", S_ISLNK(st.st_mode) ? "a link" : "not a link");
    printf("open nofollow: %s\n", outcome(open("/out/link", O_RDONLY | O_NOFOLLOW)));

    symlink("two", "/out/one");
    symlink("one", "/out/two");
    int fd = open("/out/one", O_RDONLY);
    printf("loop: %s\n", fd < 0 ? strerror(errno) : "opened");
    printf("remove: %s\n", outcome(unlink("/out/one") | unlink("/out/two") | unlink("/out/link")));
    printf("target is %s\n", stat("/out/target", &st) ? "gone" : "still there");
    return 0;
}
