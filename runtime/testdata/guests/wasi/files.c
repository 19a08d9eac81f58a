// Append, seek, sparse writes, truncate, positioned reads, exclusive creation, and what must be refused.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(const char *path) {
    char buf[64] = {0};
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof buf);
    for (ssize_t i = 0; i < n; i++)
        if (!buf[i]) buf[i] = '.';
    printf("  %s holds %zd: %.*s\n", path, n, (int)n, buf);
    close(fd);
}

static void result(const char *what, long long r) {
    if (r < 0) printf("%s: %s\n", what, strerror(errno));
    else printf("%s: %lld\n", what, r);
}

int main(void) {
    const char *path = "/out/file";
    char buf[16] = {0};
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    result("write", write(fd, "hello world", 11));
    result("seek to 6", lseek(fd, 6, SEEK_SET));
    result("overwrite", write(fd, "WORLD", 5));
    result("seek -5 from end", lseek(fd, -5, SEEK_END));
    result("read", read(fd, buf, 5));
    printf("  read %s\n", buf);
    result("read at end", read(fd, buf, 5));
    result("seek before start", lseek(fd, -1, SEEK_SET));
    result("pwrite beyond end", pwrite(fd, "!", 1, 14));
    result("pread", pread(fd, buf, 4, 4));
    printf("  pread %.4s, offset stays %lld\n", buf, (long long)lseek(fd, 0, SEEK_CUR));
    show(path);
    result("truncate to 5", ftruncate(fd, 5));
    show(path);
    result("extend to 8", ftruncate(fd, 8));
    show(path);
    close(fd);
    result("write when closed", write(fd, "x", 1));

    fd = open(path, O_WRONLY | O_APPEND);
    lseek(fd, 0, SEEK_SET);
    result("append", write(fd, "+tail", 5));
    result("read from write-only", read(fd, buf, 1));
    close(fd);
    show(path);

    result("create what exists", open(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
    result("open what does not", open("/out/none", O_RDONLY));
    result("open file as folder", open("/out/file/x", O_RDONLY));
    result("open as folder", open(path, O_RDONLY | O_DIRECTORY));
    result("close nonsense", close(4711));

    fd = open("/in/a.txt", O_RDONLY);
    result("write to read-only", write(fd, "x", 1));
    close(fd);
    printf("open input for writing: %s\n", open("/in/a.txt", O_RDWR) < 0 ? "refused" : "allowed");
    printf("create among inputs: %s\n", open("/in/new", O_WRONLY | O_CREAT, 0644) < 0 ? "refused" : "allowed");
    printf("unlink an input: %s\n", unlink("/in/a.txt") < 0 ? "refused" : "allowed");
    struct stat st;
    result("stat input", stat("/in/a.txt", &st) ? -1 : st.st_size);
    return 0;
}
