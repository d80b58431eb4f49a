/* The service that every contender runs: tells when it started, and misbehaves on request.
 *
 * payload STAMPS NAME [--port P] [--delay MS] [--http] [--lines MB] [--ignore-term]
 *                     [--grandchild group|session]
 *
 * STAMPS gets one line per event, in one append: NAME EVENT PID CLOCK_MONOTONIC-ns.
 * Events: start; child (a grandchild of the tool); begun and done (of --lines, at SIGUSR1).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, BLOCK_LINES = 655 }; /* blocks just below the 64 KiB of a pipe */

static const char *stamps, *name;
static volatile sig_atomic_t asked_to_write, asked_to_end;

static void stamp(const char *event) {
    struct timespec now;
    char line[256];
    clock_gettime(CLOCK_MONOTONIC, &now);
    int size = snprintf(line, sizeof line, "%s %s %d %lld\n", name, event, (int)getpid(),
                        (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    int file = open(stamps, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || write(file, line, (size_t)size) != size) _exit(97);
    close(file);
}

static void on_write(int number) { (void)number; asked_to_write = 1; }
static void on_end(int number) { (void)number; asked_to_end = 1; }

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: waits are interrupted */
    sigaction(number, &action, NULL);
}

/* A process that ignores SIGTERM, in the tool's group or in a session of its own. */
static void leave_grandchild(const char *where) {
    if (fork() != 0) return;
    if (strcmp(where, "session") == 0) setsid();
    handle(SIGTERM, SIG_IGN);
    handle(SIGHUP, SIG_IGN);
    stamp("child");
    for (;;) pause();
}

static void write_all(const char *data, size_t size) {
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, data, size);
        if (done < 0 && errno != EINTR && errno != EAGAIN) _exit(98);
        if (done > 0) data += done, size -= (size_t)done;
    }
}

/* Lines of 100 bytes, "#NAME:0000000001 ....\n", written in blocks as a buffered program does. */
static void write_lines(long count) {
    static char block[LINE * BLOCK_LINES];
    char head[64];
    stamp("begun");
    for (long next = 0; next < count;) {
        long end = next + BLOCK_LINES < count ? next + BLOCK_LINES : count;
        char *at = block;
        for (; next < end; next++, at += LINE) {
            int size = snprintf(head, sizeof head, "#%s:%010ld ", name, next);
            memset(at, '.', LINE);
            memcpy(at, head, (size_t)size);
            at[LINE - 1] = '\n';
        }
        write_all(block, (size_t)(at - block));
    }
    stamp("done");
}

static int listen_at(int port) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int on = 1, it = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(it, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(it, (struct sockaddr *)&place, sizeof place) || listen(it, 64)) _exit(96);
    return it;
}

static void answer(int listener) {
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    char request[4096];
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) return;
    if (read(peer, request, sizeof request) > 0) (void)!write(peer, text, sizeof text - 1);
    close(peer);
}

int main(int argc, char **argv) {
    int port = 0, http = 0, ignore_term = 0, listener = -1;
    long delay_ms = 0, megabytes = 0;
    const char *grandchild = NULL;
    if (argc < 3) return 2;
    stamps = argv[1], name = argv[2];
    stamp("start");
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--http")) http = 1;
        else if (!strcmp(argv[i], "--ignore-term")) ignore_term = 1;
        else if (i + 1 >= argc) return 2;
        else if (!strcmp(argv[i], "--port")) port = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--delay")) delay_ms = atol(argv[++i]);
        else if (!strcmp(argv[i], "--lines")) megabytes = atol(argv[++i]);
        else if (!strcmp(argv[i], "--grandchild")) grandchild = argv[++i];
        else return 2;
    }
    handle(SIGUSR1, on_write);
    handle(SIGTERM, ignore_term ? SIG_IGN : on_end);
    if (grandchild) leave_grandchild(grandchild);
    if (delay_ms) usleep((useconds_t)delay_ms * 1000);
    if (port) listener = listen_at(port);
    printf("ready %s\n", name);
    fflush(stdout);

    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGUSR1);
    sigprocmask(SIG_BLOCK, &ours, &before); /* looked at and waited for without a gap between */
    while (!asked_to_end) {
        if (asked_to_write) {
            asked_to_write = 0;
            write_lines(megabytes * 1000000 / LINE);
        }
        fd_set set;
        FD_ZERO(&set);
        if (listener >= 0) FD_SET(listener, &set);
        if (pselect(listener + 1, &set, NULL, NULL, NULL, &before) > 0 && http) answer(listener);
    }
    return 0;
}
