/* library.c - in place of the loader: a library's path is the word of kernels that are linked in. */
#include "linked.h"
#include "os.h"
#include <string.h>

static const wh__linked *find_word(const char *word)
{
    const wh__linked *l = wh__linked_kernels;
    while (l->word && strcmp(l->word, word) != 0)
        l++;
    return l->word ? l : NULL;
}

bool wh__library_complete(const char *path, char *why, size_t why_size)
{
    if (find_word(path))
        return true;
    snprintf(why, why_size, "it is not linked in");
    return false;
}

void *wh__library_open(const char *path, char *why, size_t why_size)
{
    return wh__library_complete(path, why, why_size) ? (void *)find_word(path) : NULL;
}

void *wh__library_symbol(void *library, const char *name)
{
    const wh__linked *first = library;
    for (const wh__linked *l = first; l->word && strcmp(l->word, first->word) == 0; l++)
        if (strcmp(l->symbol, name) == 0)
            return (void *)l->kernel;
    return NULL;
}

void wh__library_symbols(const char *path, const char *prefix, void (*each)(void *context, const char *name),
                         void *context)
{
    for (const wh__linked *l = wh__linked_kernels; l->word; l++)
        if (strcmp(l->word, path) == 0 && strncmp(l->symbol, prefix, strlen(prefix)) == 0)
            each(context, l->symbol);
}

/* For the guard, which is not there. */
bool wh__library_range(void *library, uintptr_t *begin, uintptr_t *end, uintptr_t *base)
{
    *begin = *end = *base = 0;
    return library;
}

wh__imports wh__library_imports(const char *path, char *why, size_t why_size)
{
    (void)path;
    if (why_size)
        why[0] = 0;
    return WH_IMPORTS_PLAIN;
}

void wh__library_close(void *library)
{
    (void)library;
}
