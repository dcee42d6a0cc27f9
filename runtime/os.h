/* os.h - the one seam to the operating system: os_posix.c, os_program.c, os_linux.c. No #ifdef for a platform
 * elsewhere. */
#ifndef WH_OS_H
#define WH_OS_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Paths. A wh_path holds any path that whorl builds. */
typedef struct {
    char s[4096];
} wh_path;

bool wh__path_join(wh_path *out, const char *folder, const char *name); /* name may be absolute; false when too long */
bool wh__path_real(wh_path *out, const char *path);                     /* false when there is no such file */
bool wh__make_folders(const char *path);                                /* like mkdir -p */
bool wh__is_folder(const char *path);
const char *wh__base_name(const char *path); /* after the last separator */
bool wh__library_path(wh_path *out);         /* this library's own file */
bool wh__cache_folder(wh_path *out);         /* the user's cache folder for whorl */

/* Calls each(context, name) for every entry, in no order; false when the folder cannot be read. */
bool wh__each_file(const char *folder, void (*each)(void *context, const char *name), void *context);

/* A whole file as it was when it was opened: bytes 0 .. size - 1. On failure errno says why. */
typedef struct {
    const char *bytes;
    size_t size;
    void *handle;
} wh_map;

bool wh__map_open(const char *path, wh_map *out);
void wh__map_close(wh_map *m);

/* A file that appears whole under its name, or not at all: written to a temporary one beside it, then renamed. */
typedef struct {
    FILE *file;
    char path[4096], temporary[4096];
} wh_output;

bool wh__output_open(wh_output *o, const char *path); /* false: errno says why */
bool wh__output_commit(wh_output *o);                 /* flush, rename; false removes the temporary */
void wh__output_abandon(wh_output *o);
bool wh__write_file(const char *path, const void *bytes, size_t size); /* the same in one call */
/* All that comes from a descriptor, of which about the first `most` bytes are kept; like wh__read_file. */
char *wh__read_all(int fd, size_t expected, size_t most, size_t *size);
char *wh__read_file(const char *path, size_t *size); /* malloc'ed, 0-terminated; NULL: errno says why */
/* Changes whenever the file is written or another file takes its name: inode, size and both times, in one number. Two
 * saves within one tick of the clock are told apart too, unless both wrote in place and to one size. 0: there is no
 * regular file. */
uint64_t wh__file_signature(const char *path);

/* Other processes. */
/* A lock on a file that is made for it, against other processes and other threads; gone with the process that holds it.
 * Waits for a second at most. NULL: cannot be had, and the caller goes on without: no cook may hang on a stopped one.
 */
void *wh__file_lock(const char *path);
void wh__file_unlock(void *lock); /* NULL is fine */
/* NFS, SMB, FUSE, a shared folder of a virtual machine and the like: what other machines write there raises no
 * directory events here. A folder that is not there yet is where the nearest one above it is. */
bool wh__is_network_folder(const char *path);

/* Time and machine. */
double wh__now(void);                      /* seconds, monotonic */
double wh__changed_time(const char *path); /* of the last change of content or name, seconds since 1970; 0: none */
double wh__wall_time(void);                /* seconds since 1970 */
double wh__saved_time(const char *path);   /* of the last write, seconds since 1970; 0 when there is none */
uint32_t wh__core_count(void);             /* that this process may use, at least 1 */
void wh__relax(void);                      /* a moment in a loop that waits for another thread */
/* A hint for much memory that is about to be written all over: with pages of that many bytes it costs a fraction
 * of the faults. */
#define WH_LARGE_PAGE ((size_t)2 << 20)
void wh__prefer_large_pages(void *memory, size_t size);
int wh__isa_level(void); /* 1 baseline, 3 x86-64-v3 (AVX2, FMA), 4 x86-64-v4 (AVX-512) */
uint32_t wh__process_id(void);
bool wh__process_alive(uint32_t id);

/* Dynamic libraries. */
void *wh__library_open(const char *path, char *why, size_t why_size);
void *wh__library_symbol(void *library, const char *name);
void wh__library_close(void *library);
/* Whether the file is a complete library for this machine: opening half of one would kill the process. */
bool wh__library_complete(const char *path, char *why, size_t why_size);
/* Calls each(context, name) for every symbol that the file defines for others and whose name begins with prefix. */
void wh__library_symbols(const char *path, const char *prefix, void (*each)(void *context, const char *name),
                         void *context);
/* What unloading does not undo, and what no kernel may do, by the names that the file imports and by its flags. Kernels
 * are trusted: this finds mistakes, not malice. why: one line that begins with "it", empty for WH_IMPORTS_PLAIN. */
typedef enum {
    WH_IMPORTS_PLAIN,  /* goes with unloading */
    WH_IMPORTS_KEEP,   /* never unload it: a thread, a handler or a destructor of its may stay behind */
    WH_IMPORTS_REFUSED /* never load it: it would end or change the host; or it is no complete library */
} wh__imports;
wh__imports wh__library_imports(const char *path, char *why, size_t why_size);
/* Where the code of an open library is in memory, and base: an address less base is one of the file, for
 * wh__source_line. */
bool wh__library_range(void *library, uintptr_t *begin, uintptr_t *end, uintptr_t *base);
/* File and line of an address in the library's file, by its debug information. Runs addr2line; false: there is none, or
 * it does not know. */
bool wh__source_line(const char *library, uint64_t address, char *file, size_t size, uint32_t *line);

/* Runs argv to its end, in English; its output (both streams) comes back malloc'ed. The exit status, -1 if it cannot
 * run.
 */
int wh__run_command(char *const argv[], char **output);
bool wh__find_program(wh_path *out, const char *name); /* searches PATH */

/* Directory events: which files of watched folders were written to their end, or moved in, or removed. */
typedef struct wh_watcher wh_watcher;
wh_watcher *wh__watch_open(char *why, size_t why_size); /* NULL: this system gives none now */
void wh__watch_close(wh_watcher *w);
bool wh__watch_folder(wh_watcher *w, const char *folder); /* more than once is fine */
/* Calls each(context, folder, name) for what happened since; never waits. name NULL: everything may have changed. */
void wh__watch_read(wh_watcher *w, void (*each)(void *context, const char *folder, const char *name), void *context);
/* Sleeps until something happened, wh__watch_wake was called, a signal came, or the time is over. */
void wh__watch_wait(wh_watcher *w, uint32_t milliseconds);
void wh__watch_wake(wh_watcher *w); /* any thread */
#endif
