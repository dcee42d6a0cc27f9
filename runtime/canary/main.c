/* main.c - whorl-canary, the helper program of canary.h. It answers requests on its socket, and ends when the host
 * closes it. Not for a shell: without that socket it ends at once. */
#define _GNU_SOURCE
#include "helper.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range /* before glibc 2.34 */
#define SYS_close_range 436
#endif
#define MEMORY ((rlim_t)4 << 30) /* more than at the start */

static rlim_t memory_now(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit(int what, rlim_t most)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)what, &r) != 0)
        return;
    r.rlim_cur = most < r.rlim_max ? most : r.rlim_max;
    setrlimit((__rlimit_resource_t)what, &r);
}

/* What a kernel must not find here, and what it must not do to the machine. */
static void set_limits(void)
{
    syscall(SYS_close_range, WH_CANARY_SOCKET + 1u, ~0u, 0u); /* the host's files */
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_STACK, (rlim_t)8 << 20); /* as threads of a host have it */
    limit(RLIMIT_AS, memory_now() + MEMORY);
    setpriority(PRIO_PROCESS, 0, 0);
    if (chdir("/") < 0)
        _exit(1);
}

/* false: the host is gone. */
static bool receive(wh__request *r, int *file)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {r, sizeof *r};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    ssize_t n;
    while ((n = recvmsg(WH_CANARY_SOCKET, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    const struct cmsghdr *rights = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (n != (ssize_t)sizeof *r || r->size != sizeof *r || !rights || rights->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(file, CMSG_DATA(rights), sizeof *file);
    return true;
}

static void answer(const wh__request *r, const char *items, int file)
{
    wh__reply out = {.size = sizeof out};
    if (r->kind == WH_CANARY_COMPILE) {
        wh__compile(r, items, &out);
    } else {
        if (r->item_count)
            wh__run_trial(r, items, file);
        else
            wh__load_only(items);
        out.good = 1;
    }
    wh__fault_end();
    wh__answer(&out);
}

static void serve(const wh__request *r, int file)
{
    char *shared = mmap(NULL, WH_CANARY_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *items = mmap(NULL, r->items_size, PROT_READ, MAP_PRIVATE, file, WH_CANARY_PAGE);
    if (shared == MAP_FAILED || items == MAP_FAILED)
        _exit(1);
    wh__fault_begin((wh__progress *)(void *)shared, r->seconds);
    answer(r, items, file);
    munmap(shared, WH_CANARY_PAGE);
    munmap(items, r->items_size);
    close(file);
}

int main(void)
{
    wh__request r;
    int file;
    set_limits();
    wh__fault_install();
    wh__heap_begin();
    while (receive(&r, &file))
        serve(&r, file);
    return 0;
}
