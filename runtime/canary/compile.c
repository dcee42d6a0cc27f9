/* compile.c - the fast tier: libtcc. It runs here, and not in the host, because it has global state and may exit or
 * crash on bad input. */
#include "helper.h"
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef WHORL_HAVE_LIBTCC
#include <libtcc.h>

#define MOST_SEGMENTS 16

/* The first error; warnings do not matter here, but for calls of functions that nobody declared: libtcc would guess
 * their types. */
static void take_message(void *context, const char *text)
{
    wh__reply *out = context;
    if (!out->text[0] && (!strstr(text, "warning:") || strstr(text, "implicit declaration")))
        snprintf(out->text, sizeof out->text, "%s", text);
}

/* Beside the helper lie short headers in place of the system's, which take longer to read than a kernel takes to
 * compile, and libtcc's own files, since few systems have them. */
static void use_files_beside(TCCState *s)
{
    char path[4200];
    const ssize_t size = readlink("/proc/self/exe", path, 4000);
    if (size <= 0)
        return;
    path[size] = 0;
    char *name = strrchr(path, '/') + 1;
    const size_t room = sizeof path - (size_t)(name - path);
    snprintf(name, room, "%s", WHORL_FAST_REL);
    tcc_add_include_path(s, path);
    snprintf(name, room, "%s", WHORL_FAST_REL "/tcc");
    if (access(path, R_OK) == 0)
        tcc_set_lib_path(s, path);
}

/* Reads the program headers, and adds that the stack needs no code; false: they are not as libtcc writes them. */
static bool read_segments(int file, ElfW(Ehdr) * head, ElfW(Phdr) * segment)
{
    if (pread(file, head, sizeof *head, 0) != sizeof *head || head->e_phnum >= MOST_SEGMENTS)
        return false;
    const ssize_t size = head->e_phnum * (ssize_t)sizeof *segment;
    segment[head->e_phnum++] = (ElfW(Phdr)){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16};
    return pread(file, segment, (size_t)size, (off_t)head->e_phoff) == size;
}

/* A library that says nothing of the stack gets code on it: from glibc 2.41 on the loader refuses that, and before it
 * did so to the whole host. The program headers go to the end of the file, where there is room for one more. */
static bool keep_code_off_stack(const char *path)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment[MOST_SEGMENTS];
    const int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return false;
    bool ok = read_segments(file, &head, segment);
    const ssize_t size = ok ? head.e_phnum * (ssize_t)sizeof *segment : 0;
    const off_t end = (lseek(file, 0, SEEK_END) + 15) / 16 * 16;
    head.e_phoff = (ElfW(Off))end;
    ok = ok && pwrite(file, segment, (size_t)size, end) == size && pwrite(file, &head, sizeof head, 0) == sizeof head;
    close(file);
    return ok;
}

static bool compile(TCCState *s, const wh__request *r, const char *items)
{
    const char *include = items, *result = include + strlen(include) + 1, *source = result + strlen(result) + 1;
    tcc_set_options(s, "-std=gnu11 -g -Wimplicit-function-declaration -Wl,-Bsymbolic");
    use_files_beside(s);
    if (tcc_set_output_type(s, TCC_OUTPUT_DLL) < 0 || tcc_add_include_path(s, include) < 0)
        return false;
    for (uint32_t i = 0; i < r->item_count; i++, source += strlen(source) + 1)
        if (tcc_add_file(s, source) < 0)
            return false;
    return tcc_add_library(s, "m") >= 0 && tcc_output_file(s, result) >= 0 && keep_code_off_stack(result);
}

void wh__compile(const wh__request *r, const char *items, wh__reply *out)
{
    wh__now_at("", "in libtcc");
    TCCState *s = tcc_new();
    if (!s) {
        snprintf(out->text, sizeof out->text, "libtcc cannot start");
        return;
    }
    tcc_set_error_func(s, out, take_message);
    out->good = compile(s, r, items) && !out->text[0];
    if (!out->good && !out->text[0])
        snprintf(out->text, sizeof out->text, "libtcc gives no reason");
    tcc_delete(s);
}
#else
void wh__compile(const wh__request *r, const char *items, wh__reply *out)
{
    (void)r;
    (void)items;
    snprintf(out->text, sizeof out->text, "this whorl was built without libtcc");
}
#endif
