// Waits for standard input with a timeout, then reads all of it as it comes.
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    int ready = poll(&in, 1, 5000);
    printf("poll %d, %s\n", ready, in.revents & (POLLIN | POLLHUP) ? "readable" : "not readable");
    char buf[256];
    ssize_t n, total = 0;
    while ((n = read(0, buf, sizeof buf)) > 0) total += n;
    printf("read %zd bytes\n", total);
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    ready = poll(&out, 1, 5000);
    printf("poll %d, %s\n", ready, out.revents & POLLOUT ? "writable" : "not writable");
    return 0;
}
