// Checks what a C program on wasi-libc expects of its file system. Prints each
// check that fails and exits with their number.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int failed;

#define CHECK(x)                                                          \
  do {                                                                    \
    errno = 0;                                                            \
    if (!(x)) {                                                           \
      printf("line %d: %s: errno %d (%s)\n", __LINE__, #x, errno,         \
             strerror(errno));                                            \
      failed++;                                                           \
    }                                                                     \
  } while (0)
#define FAILS(x, e) CHECK((x) == -1 && errno == (e))

static void inputs(void) {
  char buf[64];
  FILE *f = fopen("/in/a.txt", "r");
  CHECK(f && fgets(buf, sizeof buf, f) && !strcmp(buf, "content of a\n"));
  if (f) fclose(f);
  FAILS(open("/in/a.txt", O_RDWR), EROFS);
  FAILS(open("/in/new", O_CREAT | O_WRONLY, 0644), EROFS);
  FAILS(unlink("/in/a.txt"), EROFS);
  FAILS(mkdir("/in/d", 0755), EROFS);
  FAILS(open("/in/missing", O_RDONLY), ENOENT);
  FAILS(rename("/in/a.txt", "/tmp/a.txt"), EROFS);
  FAILS(rmdir("/out"), EBUSY);
}

static void files(void) {
  char buf[16];
  struct stat st;
  int fd = open("/out/f", O_CREAT | O_EXCL | O_RDWR, 0644);
  CHECK(fd >= 3);
  CHECK(write(fd, "hello, world", 12) == 12);
  CHECK(lseek(fd, 7, SEEK_SET) == 7 && read(fd, buf, 16) == 5 && !memcmp(buf, "world", 5));
  CHECK(pwrite(fd, "H", 1, 0) == 1 && pread(fd, buf, 5, 0) == 5 && !memcmp(buf, "Hello", 5));
  CHECK(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5);
  CHECK(ftruncate(fd, 8) == 0 && pread(fd, buf, 8, 0) == 8 && !memcmp(buf, "Hello\0\0", 8));
  CHECK(posix_fallocate(fd, 0, 100) == 0 && fstat(fd, &st) == 0 && st.st_size == 100);
  CHECK(S_ISREG(st.st_mode) && !isatty(fd));
  CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && close(fd) == 0);
  FAILS(open("/out/f", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
  FAILS(open("/out/f/", O_RDONLY), ENOTDIR);
  fd = open("/out/f", O_RDONLY);
  FAILS(write(fd, "x", 1), EBADF);
  close(fd);
  fd = open("/out/f", O_WRONLY | O_APPEND);
  CHECK(write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 103);
  close(fd);
  CHECK(open("out/f", O_RDONLY) >= 0); // the working directory is "/"
  FAILS(lseek(0, 0, SEEK_SET), ESPIPE);
  FAILS(read(77, buf, 1), EBADF);
}

static int count(const char *path) {
  int n = 0;
  DIR *d = opendir(path);
  if (!d) return -1;
  while (readdir(d)) n++;
  rewinddir(d);
  while (readdir(d)) n++;
  closedir(d);
  return n;
}

static void directories(void) {
  char name[64];
  struct stat st;
  CHECK(mkdir("/tmp/d", 0755) == 0 && mkdir("/tmp/d/e", 0755) == 0);
  FAILS(mkdir("/tmp/d", 0755), EEXIST);
  for (int i = 0; i < 500; i++) {
    sprintf(name, "/tmp/d/file%d", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0644);
    CHECK(fd >= 0 && close(fd) == 0);
  }
  CHECK(count("/tmp/d") == 2 * 503);
  DIR *d = opendir("/tmp/d"); // remove everything while reading
  int removed = 0;
  for (struct dirent *e; (e = readdir(d));) {
    sprintf(name, "/tmp/d/%s", e->d_name);
    if (!strncmp(e->d_name, "file", 4)) removed += unlink(name) == 0;
  }
  closedir(d);
  CHECK(removed == 500);
  FAILS(rmdir("/tmp/d"), ENOTEMPTY);
  FAILS(rename("/tmp/d", "/tmp/d/e/f"), EINVAL);
  CHECK(rename("/tmp/d/e", "/out/moved") == 0 && rmdir("/tmp/d") == 0);
  CHECK(stat("/out/moved", &st) == 0 && S_ISDIR(st.st_mode));
  CHECK(count("/") >= 10);
  FAILS(rmdir("/tmp/missing"), ENOENT);
  FAILS(unlink("/out/moved"), EISDIR);
}

static void links(void) {
  char buf[64], real[4096];
  struct stat st, st2;
  struct timespec times[2] = {{1000, 1}, {2000, 2}};
  CHECK(symlink("f", "/out/s") == 0);
  CHECK(readlink("/out/s", buf, sizeof buf) == 1 && buf[0] == 'f');
  CHECK(lstat("/out/s", &st) == 0 && S_ISLNK(st.st_mode));
  CHECK(stat("/out/s", &st) == 0 && S_ISREG(st.st_mode));
  CHECK(symlink("/out/f", "/tmp/abs") == 0 && stat("/tmp/abs", &st2) == 0);
  CHECK(st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
  CHECK(symlink("loop", "/tmp/loop") == 0);
  FAILS(open("/tmp/loop", O_RDONLY), ELOOP);
  FAILS(open("/out/s", O_RDONLY | O_NOFOLLOW), ELOOP);
  CHECK(link("/out/f", "/out/l") == 0 && stat("/out/l", &st) == 0 && st.st_nlink == 2);
  CHECK(utimensat(AT_FDCWD, "/out/l", times, 0) == 0 && stat("/out/f", &st) == 0);
  CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 2);
  CHECK(unlink("/out/l") == 0 && stat("/out/f", &st) == 0 && st.st_nlink == 1);
#ifdef HAVE_REALPATH
  CHECK(realpath("/tmp/../out/s", real) && !strcmp(real, "/out/f"));
#endif
  CHECK(access("/out/f", R_OK) == 0);
  CHECK(getcwd(real, sizeof real) && !strcmp(real, "/"));
  CHECK(chdir("/out") == 0 && open("f", O_RDONLY) >= 0 && chdir("/") == 0);
}

static void time_and_poll(void) {
  struct timespec a, b, pause = {0, 2000000};
  char c[2];
  CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0 && nanosleep(&pause, 0) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &b) == 0);
  CHECK((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 2000000);
  CHECK(time(0) > 1500000000);
  struct pollfd fds[2] = {{0, POLLIN, 0}, {1, POLLOUT, 0}};
  CHECK(poll(fds, 2, 1000) == 2 && fds[0].revents & POLLIN && fds[1].revents & POLLOUT);
  CHECK(read(0, c, 2) == 2 && c[0] == 'i' && c[1] == 'n');
  CHECK(getentropy(c, 2) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2 && !strcmp(argv[1], "an argument"));
  CHECK(getenv("NAME") && !strcmp(getenv("NAME"), "value"));
  inputs();
  files();
  directories();
  links();
  time_and_poll();
  return failed;
}
