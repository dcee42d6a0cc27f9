/* os_posix.c - os.h for every POSIX system: files, time, machine. Every descriptor is close-on-exec. */
#define _GNU_SOURCE
#include "hash.h"
#include "os.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool path_set(wh_path *out, const char *text)
{
    size_t length = strlen(text);
    if (length >= sizeof out->s) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(out->s, text, length + 1);
    return true;
}

bool wh__path_join(wh_path *out, const char *folder, const char *name)
{
    size_t length = name[0] == '/' ? 0 : strlen(folder);
    const char *between = length == 0 || folder[length - 1] == '/' ? "" : "/";
    wh_path joined; /* folder or name may lie in out */
    int written = snprintf(joined.s, sizeof joined.s, "%.*s%s%s", (int)length, folder, between, name);
    if (written < 0 || (size_t)written >= sizeof joined.s) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(out->s, joined.s, (size_t)written + 1);
    return true;
}

bool wh__path_real(wh_path *out, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real)
        return false;
    bool fits = path_set(out, real);
    free(real);
    return fits;
}

bool wh__is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || wh__is_folder(path))
        return true;
    if (errno == EEXIST)
        errno = ENOTDIR;
    return false;
}

bool wh__make_folders(const char *path)
{
    wh_path p;
    if (!path_set(&p, path))
        return false;
    if (!p.s[0]) {
        errno = ENOENT;
        return false;
    }
    for (char *c = p.s + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        if (!make_folder(p.s))
            return false;
        *c = '/';
    }
    return make_folder(p.s);
}

const char *wh__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static wh_path library_path;

/* At load: the loader may know this file by a relative path only, and a host may change its folder later. */
__attribute__((constructor)) static void find_library_path(void)
{
    Dl_info info;
    const char *file = dladdr(&library_path, &info) ? info.dli_fname : NULL;
#ifdef RTLD_DL_LINKMAP /* of a program the loader knows only what its caller called it */
    struct link_map *map = NULL;
    if (file && dladdr1(&library_path, &info, (void **)&map, RTLD_DL_LINKMAP) && map && !map->l_name[0])
        file = "/proc/self/exe";
#endif
    if (!file || !wh__path_real(&library_path, file))
        library_path.s[0] = 0;
}

bool wh__library_path(wh_path *out)
{
    *out = library_path;
    return out->s[0] != 0;
}

bool wh__cache_folder(wh_path *out)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    if (cache && cache[0] == '/') /* the XDG base directory specification: relative ones are to be ignored */
        return wh__path_join(out, cache, "whorl");
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return wh__path_join(out, home, ".cache/whorl");
    struct passwd entry, *found = NULL;
    char text[4096];
    if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) != 0 || !found || !found->pw_dir)
        return false;
    return wh__path_join(out, found->pw_dir, ".cache/whorl");
}

bool wh__each_file(const char *folder, void (*each)(void *context, const char *name), void *context)
{
    DIR *d = opendir(folder);
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(context, e->d_name);
    }
    closedir(d);
    return true;
}

/* Only regular files: a pipe could block for ever. */
static int open_regular(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    struct stat st;
    int why = fstat(fd, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : !S_ISREG(st.st_mode) ? ENOTSUP : 0;
    if (!why) {
        *size = st.st_size > 0 ? (size_t)st.st_size : 0;
        return fd;
    }
    close(fd);
    errno = why;
    return -1;
}

/* Large pages where the system has them: the page faults of a large file cost more than its bytes. */
static void advise_large(char *bytes, size_t size)
{
#ifdef MADV_HUGEPAGE
    uintptr_t page = 4096, start = ((uintptr_t)bytes + page - 1) & ~(page - 1);
    if (size > (4 << 20))
        madvise((void *)start, ((uintptr_t)bytes + size - start) & ~(page - 1), MADV_HUGEPAGE);
#else
    (void)bytes, (void)size;
#endif
}

/* Reads to the end and keeps about the first `most` bytes, 0-terminated. */
char *wh__read_all(int fd, size_t expected, size_t most, size_t *size)
{
    size_t room = expected + 1, n = 0;
    char *bytes = malloc(room);
    if (bytes)
        advise_large(bytes, room);
    while (bytes) {
        char rest[4096];
        bool full = n >= most;
        ssize_t got = full ? read(fd, rest, sizeof rest) : read(fd, bytes + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        if (got == 0) {
            bytes[n] = 0;
            *size = n;
            return bytes;
        }
        if (!full)
            n += (size_t)got;
        if (n < room)
            continue;
        char *more = realloc(bytes, room *= 2);
        if (!more)
            break;
        bytes = more;
    }
    int why = bytes ? errno : ENOMEM;
    free(bytes);
    errno = why;
    return NULL;
}

char *wh__read_file(const char *path, size_t *size)
{
    size_t expected = 0, n = 0;
    int fd = open_regular(path, &expected);
    if (fd < 0)
        return NULL;
    char *bytes = wh__read_all(fd, expected, SIZE_MAX, &n);
    int why = errno;
    close(fd);
    errno = why;
    if (bytes && size)
        *size = n;
    return bytes;
}

/* Read rather than mapped: a mapped file that its writer truncates while it is read kills the process (SIGBUS), and
 * files that are watched are rewritten in place by many exporters. */
bool wh__map_open(const char *path, wh_map *out)
{
    size_t size = 0;
    char *bytes = wh__read_file(path, &size);
    if (!bytes)
        return false;
    *out = (wh_map){.bytes = bytes, .size = size, .handle = bytes};
    return true;
}

void wh__map_close(wh_map *m)
{
    free(m->handle);
    *m = (wh_map){0};
}

/* Follows symbolic links in the last part of the path, also to a file that is not there yet. */
static bool follow_links(wh_path *p)
{
    for (int links = 0; links < 40; links++) {
        wh_path to;
        ssize_t n = readlink(p->s, to.s, sizeof to.s - 1);
        if (n < 0)
            return errno == EINVAL || errno == ENOENT; /* not a link; nothing there */
        to.s[n] = 0;
        if (to.s[0] != '/')
            p->s[wh__base_name(p->s) - p->s] = 0;
        if (to.s[0] == '/' ? !path_set(p, to.s) : !wh__path_join(p, p->s, to.s))
            return false;
    }
    errno = ELOOP;
    return false;
}

/* The mode that the file has, or (mode_t)-1 when there is none; false when it must not be replaced. */
static bool existing_mode(const char *path, mode_t *mode)
{
    struct stat st;
    *mode = (mode_t)-1;
    if (stat(path, &st) < 0)
        return errno == ENOENT;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
        return false;
    }
    *mode = st.st_mode & 0777;
    return access(path, W_OK) == 0; /* rename would replace a read-only file too */
}

static int open_temporary(wh_output *o)
{
    static atomic_uint counter;
    int folder = (int)(wh__base_name(o->path) - o->path);
    for (int tries = 0; tries < 1000; tries++) {
        int n = snprintf(o->temporary, sizeof o->temporary, "%.*s.whorl-%u-%u.tmp", folder, o->path, wh__process_id(),
                         atomic_fetch_add(&counter, 1u));
        if (n < 0 || (size_t)n >= sizeof o->temporary) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) /* one left by a process of the same number that was killed */
            return fd;
    }
    return -1;
}

bool wh__output_open(wh_output *o, const char *path)
{
    wh_path target;
    mode_t mode;
    o->file = NULL;
    if (!path_set(&target, path) || !follow_links(&target) || !existing_mode(target.s, &mode))
        return false;
    memcpy(o->path, target.s, sizeof o->path);
    int fd = open_temporary(o);
    if (fd < 0)
        return false;
    if ((mode == (mode_t)-1 || fchmod(fd, mode) == 0) && (o->file = fdopen(fd, "wb")))
        return true;
    int why = errno;
    close(fd);
    unlink(o->temporary);
    errno = why;
    return false;
}

/* No fsync: after a power cut the file may be the old one or the new one, which is all that a result that can be
 * cooked again needs, and it costs tens of milliseconds on a disk. */
bool wh__output_commit(wh_output *o)
{
    int why = fflush(o->file) != 0 ? errno : ferror(o->file) ? EIO : 0;
    if (fclose(o->file) != 0 && !why)
        why = errno;
    o->file = NULL;
    if (!why && rename(o->temporary, o->path) == 0)
        return true;
    if (!why)
        why = errno;
    unlink(o->temporary);
    errno = why;
    return false;
}

void wh__output_abandon(wh_output *o)
{
    if (!o->file)
        return;
    int why = errno;
    fclose(o->file);
    o->file = NULL;
    unlink(o->temporary);
    errno = why;
}

bool wh__write_file(const char *path, const void *bytes, size_t size)
{
    wh_output o;
    if (!wh__output_open(&o, path))
        return false;
    fwrite(bytes, 1, size, o.file);
    return wh__output_commit(&o);
}

uint64_t wh__file_signature(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    const int64_t parts[] = {(int64_t)st.st_dev, (int64_t)st.st_ino, st.st_size,        st.st_mtim.tv_sec,
                             st.st_mtim.tv_nsec, st.st_ctim.tv_sec,  st.st_ctim.tv_nsec};
    const uint64_t hash = wh__hash(parts, sizeof parts, 0);
    return hash ? hash : 1;
}

/* By polling: a wait that a signal ends would need a handler in the host. The file stays: who removes it may remove it
 * from under a process that has just locked it. */
void *wh__file_lock(const char *path)
{
    /* For writing, though nothing is written: NFS gives an exclusive lock only so. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0)
        return NULL;
    const double end = wh__now() + 1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || wh__now() > end) {
            close(fd);
            return NULL;
        }
        nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    return (void *)((intptr_t)fd + 1);
}

void wh__file_unlock(void *lock)
{
    if (!lock)
        return;
    int fd = (int)((intptr_t)lock - 1);
    flock(fd, LOCK_UN); /* close alone leaves it with a child that the host forked meanwhile */
    close(fd);
}

static double seconds(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double wh__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return seconds(t);
}

double wh__wall_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return seconds(t);
}

double wh__changed_time(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? seconds(st.st_ctim) : 0;
}

double wh__saved_time(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? seconds(st.st_mtim) : 0;
}

uint32_t wh__core_count(void)
{
#ifdef CPU_COUNT /* a farm gives a job some of the cores only */
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 0)
        return (uint32_t)CPU_COUNT(&mine);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}

void wh__prefer_large_pages(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    madvise(memory, size / WH_LARGE_PAGE * WH_LARGE_PAGE, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

void wh__relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

uint32_t wh__process_id(void)
{
    return (uint32_t)getpid();
}

bool wh__process_alive(uint32_t id)
{
    if (id == 0 || id > INT_MAX)
        return false;
    return kill((pid_t)id, 0) == 0 || errno == EPERM;
}
