// Tries every way it knows to open something outside what it was given; none may work.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

static int opened;

static void report(const char *how, const char *path, int got_in) {
    if (!got_in) return;
    printf("%s %s: opened\n", how, path);
    opened++;
}

// raw asks the host directly, past libc's own look at the path.
static int raw(__wasi_fd_t folder, const char *path, __wasi_oflags_t flags) {
    __wasi_fd_t fd;
    __wasi_rights_t rights = __WASI_RIGHTS_FD_READ;
    return __wasi_path_open(folder, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, flags, rights, rights, 0, &fd) == 0;
}

int main(void) {
    static const char *path[] = {
        "/etc/passwd", "../etc/passwd", "/in/../etc/passwd", "/in/../../../../../../../../etc/passwd", "/../etc/passwd",
        "..", "../..", "./..", "a/../../..", "/proc/self/exe", "/", "//etc//passwd", ".//..//..//etc/passwd",
    };
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        report("open", path[i], strcmp(path[i], "/") && open(path[i], O_RDONLY) >= 0);
        for (__wasi_fd_t fd = 0; fd < 8; fd++) report("path_open", path[i], raw(fd, path[i], 0));
    }
    printf("make a folder outside: %s\n", __wasi_path_create_directory(3, "../outside") ? "refused" : "made");
    symlink("/etc", "/out/etc");
    symlink("../../../../etc", "/out/up");
    report("open", "/out/etc/passwd", open("/out/etc/passwd", O_RDONLY) >= 0);
    report("open", "/out/up/passwd", open("/out/up/passwd", O_RDONLY) >= 0);
    unlink("/out/etc"), unlink("/out/up");
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    printf("a name of 4999 bytes: %s\n", open(name, O_RDONLY) < 0 ? "refused" : "opened");
    printf("%d ways out\n", opened);
    return 0;
}
