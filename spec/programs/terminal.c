/* terminal.c - run a command in a terminal of its own, and be its user.
 * Usage: terminal COMMAND [ARGUMENT...]. What comes on stdin is typed; what the screen gets goes to stdout, without
 * carriage returns. A byte 1 in stdin is not typed: it prints how the terminal stands, "[lines]" as shells leave it or
 * "[keys]" when every key is read as it comes and not shown. Ends, after "[lines]" or "[keys]" and "[status N]", when
 * the command has; the end of stdin means nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ASK 1

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void run(const char *terminal, char **argv)
{
    setsid();
    const int fd = open(terminal, O_RDWR); /* the first terminal that a new session opens is its own */
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
        die(terminal);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
    execvp(argv[0], argv);
    die(argv[0]);
}

static void say_mode(int fd)
{
    struct termios t;
    const tcflag_t lines = ICANON | ECHO;
    if (tcgetattr(fd, &t) != 0)
        die("tcgetattr");
    puts((t.c_lflag & lines) == lines ? "[lines]" : t.c_lflag & lines ? "[neither]" : "[keys]");
}

/* false: nobody is there any more. */
static bool show(int fd)
{
    char text[4096];
    const ssize_t count = read(fd, text, sizeof text);
    for (ssize_t i = 0; i < count; i++)
        if (text[i] != '\r')
            putchar(text[i]);
    return count > 0;
}

static bool type(int fd)
{
    char text[256];
    const ssize_t count = read(STDIN_FILENO, text, sizeof text);
    for (ssize_t i = 0; i < count; i++)
        if (text[i] == ASK)
            say_mode(fd);
        else if (write(fd, &text[i], 1) != 1)
            die("write");
    return count > 0;
}

int main(int argc, char **argv)
{
    const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (argc < 2 || fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0)
        die("posix_openpt");
    setvbuf(stdout, NULL, _IONBF, 0);
    const char *terminal = ptsname(fd);
    const int keeps_open = open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC); /* so that its mode can be asked for */
    const pid_t child = fork();
    if (child == 0)
        run(terminal, argv + 1);
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    int status = 0;
    for (bool ended = false; !ended;) {
        const bool idle = poll(fds, 2, 20) == 0;
        if (fds[0].revents)
            show(fd);
        if (fds[1].revents && !type(fd))
            fds[1].fd = -1;
        ended = idle && waitpid(child, &status, WNOHANG) == child;
    }
    while (poll(fds, 1, 0) > 0 && show(fd))
        ;
    say_mode(fd);
    printf("[status %d]\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    close(keeps_open);
    return 0;
}
