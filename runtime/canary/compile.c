/* compile.c - the fast tier: libtcc. It runs here, and not in the host, because it has global state and may exit or
 * crash on bad input. */
#include "helper.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef WHORL_HAVE_LIBTCC
#include <libtcc.h>

/* The first error; warnings do not matter here, but for calls of functions that nobody declared: libtcc would guess
 * their types. */
static void take_message(void *context, const char *text)
{
    wh__reply *out = context;
    if (!out->text[0] && (!strstr(text, "warning:") || strstr(text, "implicit declaration")))
        snprintf(out->text, sizeof out->text, "%s", text);
}

/* Short headers in place of the system's, which take longer to read than a kernel takes to compile. */
static void add_short_headers(TCCState *s)
{
    char path[4200];
    const ssize_t size = readlink("/proc/self/exe", path, 4000);
    if (size <= 0)
        return;
    path[size] = 0;
    char *name = strrchr(path, '/');
    snprintf(name + 1, sizeof path - (size_t)(name + 1 - path), "%s", WHORL_FAST_REL);
    tcc_add_include_path(s, path);
}

static bool compile(TCCState *s, const wh__request *r, const char *items)
{
    const char *include = items, *result = include + strlen(include) + 1, *source = result + strlen(result) + 1;
    tcc_set_options(s, "-std=gnu11 -g -Wimplicit-function-declaration -Wl,-Bsymbolic");
    add_short_headers(s);
    if (tcc_set_output_type(s, TCC_OUTPUT_DLL) < 0 || tcc_add_include_path(s, include) < 0)
        return false;
    for (uint32_t i = 0; i < r->item_count; i++, source += strlen(source) + 1)
        if (tcc_add_file(s, source) < 0)
            return false;
    return tcc_add_library(s, "m") >= 0 && tcc_output_file(s, result) >= 0;
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
