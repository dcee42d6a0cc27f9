/* os_linux.c - what only Linux has: inotify, eventfd, ELF, and the processor's features. */
#include "os.h"
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* ---- directory events ---- */

typedef struct {
    int descriptor;
    char *folder;
} watched;

struct wh_watcher {
    int events, wake;
    watched *folder;
    size_t count;
};

wh_watcher *wh__watch_open(char *why, size_t why_size)
{
    wh_watcher *w = calloc(1, sizeof *w);
    if (!w) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    w->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->events >= 0 && w->wake >= 0)
        return w;
    snprintf(why, why_size, "no directory events: %s (raise fs.inotify.max_user_instances)", strerror(errno));
    wh__watch_close(w);
    return NULL;
}

void wh__watch_close(wh_watcher *w)
{
    if (!w)
        return;
    if (w->events >= 0)
        close(w->events);
    if (w->wake >= 0)
        close(w->wake);
    for (size_t i = 0; i < w->count; i++)
        free(w->folder[i].folder);
    free(w->folder);
    free(w);
}

static watched *find_watched(wh_watcher *w, int descriptor)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->folder[i].descriptor == descriptor)
            return &w->folder[i];
    return NULL;
}

static bool watch_one(wh_watcher *w, const char *folder)
{
    /* Only whole files matter: what was closed after writing, or moved in; never a file that is being written. */
    const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_CREATE | IN_ONLYDIR |
                          IN_MOVE_SELF | IN_DELETE_SELF;
    int descriptor = inotify_add_watch(w->events, folder, mask);
    if (descriptor < 0)
        return false;
    if (find_watched(w, descriptor))
        return true;
    watched *grown = realloc(w->folder, (w->count + 1) * sizeof *grown);
    char *copy = strdup(folder);
    if (grown)
        w->folder = grown;
    if (!grown || !copy) {
        free(copy);
        return false;
    }
    w->folder[w->count++] = (watched){descriptor, copy};
    return true;
}

/* A folder that is not there yet is announced by the nearest one above it. */
bool wh__watch_folder(wh_watcher *w, const char *folder)
{
    wh_path path;
    snprintf(path.s, sizeof path.s, "%s", folder);
    while (!watch_one(w, path.s)) {
        char *slash = strrchr(path.s, '/');
        if (errno != ENOENT || !slash || slash == path.s)
            return false;
        *slash = 0;
    }
    return true;
}

static void forget_watched(wh_watcher *w, int descriptor)
{
    watched *f = find_watched(w, descriptor);
    if (!f)
        return;
    free(f->folder);
    *f = w->folder[--w->count];
}

/* A file that was only created is not whole yet, but a new link or a new folder never gets a closing write. */
static bool is_whole(const struct inotify_event *e, const char *folder)
{
    if (!(e->mask & IN_CREATE) || (e->mask & IN_ISDIR))
        return true;
    wh_path path;
    char target[2];
    return wh__path_join(&path, folder, e->name) && readlink(path.s, target, sizeof target) > 0;
}

void wh__watch_read(wh_watcher *w, void (*each)(void *context, const char *folder, const char *name), void *context)
{
    uint64_t wakes;
    if (read(w->wake, &wakes, sizeof wakes) < 0 && errno != EAGAIN)
        return;
    _Alignas(struct inotify_event) char buffer[16384];
    ssize_t size;
    while ((size = read(w->events, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer; at < buffer + size;) {
            const struct inotify_event *e = (const void *)at;
            at += sizeof *e + e->len;
            const watched *f = find_watched(w, e->wd);
            if (e->mask & IN_MOVE_SELF)
                inotify_rm_watch(w->events, e->wd); /* what is at the path now is another folder */
            if (e->mask & IN_IGNORED)
                forget_watched(w, e->wd);
            else if (e->mask & (IN_Q_OVERFLOW | IN_MOVE_SELF | IN_DELETE_SELF | IN_ISDIR))
                each(context, NULL, NULL);
            else if (f && e->len && is_whole(e, f->folder))
                each(context, f->folder, e->name);
        }
    }
}

void wh__watch_wait(wh_watcher *w, uint32_t milliseconds)
{
    struct pollfd fds[2] = {{.fd = w->events, .events = POLLIN}, {.fd = w->wake, .events = POLLIN}};
    poll(fds, 2, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
}

void wh__watch_wake(wh_watcher *w)
{
    const uint64_t one = 1;
    ssize_t written = write(w->wake, &one, sizeof one);
    (void)written; /* full means that the wake is already pending */
}

/* ---- libraries and processor ---- */

/* The loader maps what the program headers say and reads what the section headers say without asking the file's size:
 * a truncated file is SIGBUS. The section table stands at the end of what linkers write. */
static const char *elf_fault(const char *bytes, size_t size)
{
    Elf64_Ehdr h;
    if (size < sizeof h)
        return "too short for a library";
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        return "not an ELF library";
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_type != ET_DYN)
        return "not a 64-bit shared library";
#if defined(__x86_64__)
    if (h.e_machine != EM_X86_64)
        return "built for another processor";
#elif defined(__aarch64__)
    if (h.e_machine != EM_AARCH64)
        return "built for another processor";
#endif
    if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phoff > size ||
        (size_t)h.e_phnum * sizeof(Elf64_Phdr) > size - h.e_phoff)
        return "truncated";
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, bytes + h.e_phoff + i * sizeof p, sizeof p);
        if (p.p_type == PT_LOAD && (p.p_offset > size || p.p_filesz > size - p.p_offset))
            return "truncated";
    }
    if (h.e_shoff > size || (size_t)h.e_shnum * h.e_shentsize > size - h.e_shoff)
        return "truncated";
    return NULL;
}

bool wh__library_complete(const char *path, char *why, size_t why_size)
{
    wh_map m;
    if (!wh__map_open(path, &m)) {
        snprintf(why, why_size, "%s", strerror(errno));
        return false;
    }
    const char *fault = elf_fault(m.bytes, m.size);
    wh__map_close(&m);
    if (fault)
        snprintf(why, why_size, "%s", fault);
    return !fault;
}

static bool read_section(const wh_map *m, size_t index, Elf64_Shdr *out)
{
    Elf64_Ehdr h;
    memcpy(&h, m->bytes, sizeof h);
    if (index >= h.e_shnum || h.e_shentsize != sizeof *out)
        return false;
    memcpy(out, m->bytes + h.e_shoff + index * sizeof *out, sizeof *out);
    return out->sh_type == SHT_NOBITS || (out->sh_offset <= m->size && out->sh_size <= m->size - out->sh_offset);
}

static void each_symbol(const wh_map *m, const Elf64_Shdr *symbols, const Elf64_Shdr *names, const char *prefix,
                        void (*each)(void *context, const char *name), void *context)
{
    const char *text = m->bytes + names->sh_offset;
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym y;
        memcpy(&y, m->bytes + symbols->sh_offset + at, sizeof y);
        if (y.st_shndx == SHN_UNDEF || y.st_name >= names->sh_size)
            continue;
        const size_t room = names->sh_size - y.st_name;
        if (strnlen(text + y.st_name, room) < room && strncmp(text + y.st_name, prefix, strlen(prefix)) == 0)
            each(context, text + y.st_name);
    }
}

void wh__library_symbols(const char *path, const char *prefix, void (*each)(void *context, const char *name),
                         void *context)
{
    wh_map m;
    if (!wh__map_open(path, &m))
        return;
    Elf64_Shdr symbols, names;
    for (size_t i = 0; !elf_fault(m.bytes, m.size) && read_section(&m, i, &symbols); i++)
        if (symbols.sh_type == SHT_DYNSYM && read_section(&m, symbols.sh_link, &names) && names.sh_type == SHT_STRTAB)
            each_symbol(&m, &symbols, &names, prefix, each, context);
    wh__map_close(&m);
}

void wh__relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int wh__isa_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")))
        return 1;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl")
               ? 4
               : 3;
#else
    return 1;
#endif
}
