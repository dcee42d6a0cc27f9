/* os_linux.c - what only Linux has: inotify, eventfd, the kinds of file systems, ELF, and the processor's features. */
#define _GNU_SOURCE
#include "os.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
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

/* A file that was only created is not whole yet, nor is one that was removed and is there again, as linkers and some
 * editors do it: its closing write follows. But a new link or a new folder never gets one. */
static bool is_whole(const struct inotify_event *e, const char *folder)
{
    if (e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ISDIR))
        return true;
    wh_path path;
    struct stat now;
    if (!wh__path_join(&path, folder, e->name) || lstat(path.s, &now) != 0)
        return !(e->mask & IN_CREATE);
    return S_ISLNK(now.st_mode) || now.st_nlink > 1;
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

/* ---- file systems that other machines write to ---- */

/* What linux/magic.h has not, by the names of GNU stat. */
#define ACFS_MAGIC 0x61636673u
#define BEEGFS_MAGIC 0x19830326u
#define GFS2_MAGIC 0x01161970u
#define GPFS_MAGIC 0x47504653u
#define LUSTRE_MAGIC 0x0BD00BD0u
#define PANFS_MAGIC 0xAAD7AAEAu
#define PARALLELS_MAGIC 0x7C7C6673u
#define SNFS_MAGIC 0xBEEFDEADu
#define VBOXSF_MAGIC 0x786F4256u
#define VMHGFS_MAGIC 0xBACBACBCu
#ifndef CIFS_SUPER_MAGIC /* before Linux 5.17 */
#define CEPH_SUPER_MAGIC 0x00C36400u
#define CIFS_SUPER_MAGIC 0xFF534D42u
#define FUSE_SUPER_MAGIC 0x65735546u
#define SMB2_SUPER_MAGIC 0xFE534D42u
#endif

bool wh__is_network_folder(const char *path)
{
    static const uint32_t kinds[] = {
        NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,
        AFS_SUPER_MAGIC, AFS_FS_MAGIC,    CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, NCP_SUPER_MAGIC,  OCFS2_SUPER_MAGIC,
        ACFS_MAGIC,      BEEGFS_MAGIC,    GFS2_MAGIC,       GPFS_MAGIC,       LUSTRE_MAGIC,     PANFS_MAGIC,
        PARALLELS_MAGIC, SNFS_MAGIC,      VBOXSF_MAGIC,     VMHGFS_MAGIC};
    wh_path at;
    struct statfs system;
    snprintf(at.s, sizeof at.s, "%s", path);
    while (statfs(at.s, &system) < 0) {
        char *slash = strrchr(at.s, '/');
        if (errno != ENOENT || strcmp(at.s, ".") == 0 || slash == at.s)
            return false;
        snprintf(slash ? slash : at.s, 2, "%s", slash ? "" : ".");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((uint32_t)system.f_type == kinds[i])
            return true;
    return false;
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

/* The first section of that type, and the text that its names are in. */
static bool find_section(const wh_map *m, uint32_t type, Elf64_Shdr *out, Elf64_Shdr *names)
{
    for (size_t i = 0; read_section(m, i, out); i++)
        if (out->sh_type == type)
            return read_section(m, out->sh_link, names) && names->sh_type == SHT_STRTAB;
    return false;
}

/* NULL for what is damaged, and for names longer than any that matters. */
static const char *name_at(const wh_map *m, const Elf64_Shdr *names, uint64_t at)
{
    if (at >= names->sh_size)
        return NULL;
    const size_t room = names->sh_size - at;
    const char *name = m->bytes + names->sh_offset + at;
    return memchr(name, 0, room < 4096 ? room : 4096) ? name : NULL;
}

static bool read_symbol(const wh_map *m, const Elf64_Shdr *symbols, size_t index, Elf64_Sym *out)
{
    if (index >= symbols->sh_size / sizeof *out)
        return false;
    memcpy(out, m->bytes + symbols->sh_offset + index * sizeof *out, sizeof *out);
    return true;
}

void wh__library_symbols(const char *path, const char *prefix, void (*each)(void *context, const char *name),
                         void *context)
{
    wh_map m;
    if (!wh__map_open(path, &m))
        return;
    Elf64_Shdr symbols, names;
    Elf64_Sym y;
    const bool found = !elf_fault(m.bytes, m.size) && find_section(&m, SHT_DYNSYM, &symbols, &names);
    for (size_t i = 0; found && read_symbol(&m, &symbols, i, &y); i++) {
        const char *name = y.st_shndx == SHN_UNDEF ? NULL : name_at(&m, &names, y.st_name);
        if (name && strncmp(name, prefix, strlen(prefix)) == 0)
            each(context, name);
    }
    wh__map_close(&m);
}

/* The worst first; of several, the one that stands first here is told. A * stands for the rest of a name. Allowed, for
 * it does no harm: abort and longjmp, which the guard contains, and atexit, which is bound to the library and run when
 * that is unloaded. */
typedef struct {
    wh__imports verdict;
    const char *verb, *names, *text;
} import_rule;

static const import_rule import_rules[] = {
    {WH_IMPORTS_REFUSED, "calls",
     "exit _exit _Exit quick_exit kill raise pthread_kill tgkill killpg sigqueue alarm execve execv execvp execvpe "
     "execl execlp execle execveat fexecve err errx verr verrx",
     "which would end the host (return, or call host->fail)"},
    {WH_IMPORTS_REFUSED, "calls", "pthread_exit thrd_exit pthread_cancel",
     "which would end a thread of the host (return, or call host->fail)"},
    {WH_IMPORTS_REFUSED, "calls", "fork _Fork vfork posix_spawn posix_spawnp system popen daemon",
     "which would start another process in the host (do that outside of the kernel)"},
    {WH_IMPORTS_REFUSED, "calls", "sigaltstack sigprocmask pthread_sigmask",
     "which would take the host's guard away (leave signals to the host)"},
    {WH_IMPORTS_REFUSED, "calls", "setlocale uselocale", "which would change the host's locale (leave it alone)"},
    {WH_IMPORTS_REFUSED, "calls", "chdir fchdir chroot", "which would change the host's folder (use whole paths)"},
    {WH_IMPORTS_REFUSED, "calls", "setenv putenv unsetenv clearenv",
     "which would change the host's environment (use a parameter)"},
    {WH_IMPORTS_KEEP, "calls", "pthread_create thrd_create _ZNSt6thread*", "whose thread may still run"},
    {WH_IMPORTS_KEEP, "calls", "GOMP_* omp_* __kmpc_*", "whose threads stay"},
    {WH_IMPORTS_KEEP, "needs", "libgomp.so* libomp.so* libiomp5.so* libtbb.so*", "whose threads stay"},
    {WH_IMPORTS_KEEP, "calls", "pthread_key_create tss_create __cxa_thread_atexit_impl __cxa_thread_atexit",
     "whose destructor runs when a thread ends"},
    {WH_IMPORTS_KEEP, "calls", "sigaction signal bsd_signal sysv_signal __sysv_signal ssignal sigset",
     "whose handler may stay"},
    {WH_IMPORTS_KEEP, "calls", "timer_create", "whose timer may still run"},
    {WH_IMPORTS_KEEP, "calls", "on_exit", "whose function runs when the host ends"},
    {WH_IMPORTS_KEEP, "calls", "dlopen dlmopen", "whose library may call it back"},
    {WH_IMPORTS_KEEP, "defines", "*", "a unique symbol, which no loader unloads"},
    {WH_IMPORTS_KEEP, "is linked with", "*", "which no loader unloads"}};

typedef struct {
    const import_rule *rule;
    const char *word, *name; /* in rule->names; in the file */
    uint32_t count[WH_IMPORTS_REFUSED + 1];
} import_finding;

static const char *find_word(const char *words, const char *name)
{
    for (const char *at = words; *at; at += strspn(at, " ")) {
        const size_t length = strcspn(at, " "), rest = at[length - 1] == '*';
        if (strncmp(at, name, length - rest) == 0 && (rest || !name[length]))
            return at;
        at += length;
    }
    return NULL;
}

static void judge(import_finding *f, const char *verb, const char *name)
{
    for (size_t i = 0; name && i < sizeof import_rules / sizeof import_rules[0]; i++) {
        const import_rule *r = &import_rules[i];
        const char *word = strcmp(r->verb, verb) == 0 ? find_word(r->names, name) : NULL;
        if (!word)
            continue;
        f->count[r->verdict]++;
        if (!f->rule || r < f->rule || (r == f->rule && word < f->word)) {
            f->rule = r;
            f->word = word;
            f->name = name;
        }
        return;
    }
}

static void judge_symbols(import_finding *f, const wh_map *m, const Elf64_Shdr *symbols, const Elf64_Shdr *names)
{
    Elf64_Sym y;
    for (size_t i = 0; read_symbol(m, symbols, i, &y); i++) {
        if (y.st_shndx == SHN_UNDEF)
            judge(f, "calls", name_at(m, names, y.st_name));
        else if (ELF64_ST_BIND(y.st_info) == STB_GNU_UNIQUE)
            judge(f, "defines", name_at(m, names, y.st_name));
    }
}

static void judge_flags(import_finding *f, const wh_map *m, const Elf64_Shdr *dynamic, const Elf64_Shdr *names)
{
    Elf64_Dyn d;
    for (size_t at = 0; at + sizeof d <= dynamic->sh_size; at += sizeof d) {
        memcpy(&d, m->bytes + dynamic->sh_offset + at, sizeof d);
        if (d.d_tag == DT_NULL)
            return;
        if (d.d_tag == DT_NEEDED)
            judge(f, "needs", name_at(m, names, d.d_un.d_val));
        else if (d.d_tag == DT_FLAGS_1 && (d.d_un.d_val & DF_1_NODELETE))
            judge(f, "is linked with", "-z nodelete");
    }
}

static wh__imports tell_finding(const import_finding *f, char *why, size_t why_size)
{
    if (!f->rule)
        return WH_IMPORTS_PLAIN;
    const uint32_t more = f->count[f->rule->verdict] - 1;
    char others[40] = "";
    if (more)
        snprintf(others, sizeof others, ", and %u more like it", more);
    snprintf(why, why_size, "it %s %.100s, %s%s", f->rule->verb, f->name, f->rule->text, others);
    return f->rule->verdict;
}

wh__imports wh__library_imports(const char *path, char *why, size_t why_size)
{
    wh_map m;
    if (why_size)
        why[0] = 0;
    if (!wh__map_open(path, &m)) {
        snprintf(why, why_size, "it cannot be read: %s", strerror(errno));
        return WH_IMPORTS_REFUSED;
    }
    Elf64_Shdr symbols, symbol_names, dynamic, dynamic_names;
    const char *fault = elf_fault(m.bytes, m.size);
    wh__imports verdict = WH_IMPORTS_REFUSED;
    if (fault) {
        snprintf(why, why_size, "it is %s", fault);
    } else if (!find_section(&m, SHT_DYNSYM, &symbols, &symbol_names) ||
               !find_section(&m, SHT_DYNAMIC, &dynamic, &dynamic_names)) {
        snprintf(why, why_size, "it has no section table (build it without --strip-section-headers)");
    } else {
        import_finding f = {0};
        judge_symbols(&f, &m, &symbols, &symbol_names);
        judge_flags(&f, &m, &dynamic, &dynamic_names);
        verdict = tell_finding(&f, why, why_size);
    }
    wh__map_close(&m);
    return verdict;
}

typedef struct {
    const struct link_map *map;
    uintptr_t begin, end;
} code_range;

/* Under the loader's own lock, of which ThreadSanitizer knows nothing: program headers that no segment holds, as those
 * of the fast tier, are memory that the thread which opened the library wrote. */
__attribute__((no_sanitize("thread"))) static int find_code(struct dl_phdr_info *info, size_t size, void *context)
{
    code_range *r = context;
    bool same = false;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        same |= info->dlpi_phdr[i].p_type == PT_DYNAMIC &&
                info->dlpi_addr + info->dlpi_phdr[i].p_vaddr == (uintptr_t)r->map->l_ld;
    for (size_t i = 0; same && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        const uintptr_t begin = info->dlpi_addr + p->p_vaddr, end = begin + p->p_memsz;
        r->begin = !r->end || begin < r->begin ? begin : r->begin;
        r->end = end > r->end ? end : r->end;
    }
    return same;
}

bool wh__library_range(void *library, uintptr_t *begin, uintptr_t *end, uintptr_t *base)
{
    struct link_map *map = NULL;
    if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
        return false;
    code_range r = {.map = map};
    dl_iterate_phdr(find_code, &r);
    if (!r.end)
        return false;
    *begin = r.begin;
    *end = r.end;
    *base = map->l_addr;
    return true;
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
