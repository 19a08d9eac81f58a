// Opens files without closing them until it is refused (or 20000 are open), then shows that closing helps.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANY 20000

static int fd[MANY];

int main(void) {
    int n = 0;
    while (n < MANY && (fd[n] = open("/in/a.txt", O_RDONLY)) >= 0) n++;
    printf("%s\n", n == MANY || errno == EMFILE || errno == ENFILE || errno == ENOMEM ? "stopped in order" : strerror(errno));
    printf("more than ten: %s\n", n > 10 ? "yes" : "no");
    for (int i = 0; i < n; i++) close(fd[i]);
    printf("again: %s\n", open("/in/a.txt", O_RDONLY) >= 0 ? "opened" : strerror(errno));
    return 0;
}
