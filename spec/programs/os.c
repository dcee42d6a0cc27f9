/* os.c - shows what os.h and history.h answer, a line each, for spec/os_spec.lua. */
#include "os.h"
#include "history.h"
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"", "built", "good", "refused", "bad"};

static int imports(char **argument)
{
    static const char *const verdicts[] = {"plain", "keep", "refused"};
    char why[300] = "untouched";
    wh__imports verdict = wh__library_imports(argument[0], why, sizeof why);
    printf("%s: %s\n", verdicts[verdict], why);
    return 0;
}

static int print_line(const char *library, uint64_t address)
{
    char file[4096];
    uint32_t line;
    if (wh__source_line(library, address, file, sizeof file, &line))
        printf("%s:%u\n", file, line);
    else
        printf("unknown\n");
    return 0;
}

static int line_of(char **argument)
{
    return print_line(argument[0], strtoull(argument[1], NULL, 0));
}

/* The line of a symbol of an open library, by its range. */
static int where(char **argument)
{
    char why[300];
    uintptr_t begin, end, base;
    wh_path path; /* a name without a folder would be searched for elsewhere */
    void *library = wh__path_real(&path, argument[0]) ? wh__library_open(path.s, why, sizeof why) : NULL;
    uintptr_t at = library ? (uintptr_t)wh__library_symbol(library, argument[1]) : 0;
    if (!at || !wh__library_range(library, &begin, &end, &base))
        return 1;
    if (at < begin || at >= end || ((uintptr_t)where >= begin && (uintptr_t)where < end) || begin < base)
        printf("not in its range\n");
    else
        print_line(argument[0], at - base);
    wh__library_close(library);
    return 0;
}

static void print_symbol(void *context, const char *name)
{
    printf("%s%s", (*(int *)context)++ ? " " : "", name);
}

static int symbols(char **argument)
{
    int count = 0;
    wh__library_symbols(argument[0], argument[1], print_symbol, &count);
    printf("\n");
    return 0;
}

static int signature(char **argument)
{
    printf("%016llx\n", (unsigned long long)wh__file_signature(argument[0]));
    return 0;
}

static int network(char **argument)
{
    printf("%s\n", wh__is_network_folder(argument[0]) ? "network" : "local");
    return 0;
}

/* Holds the lock until its input ends. */
static int lock(char **argument)
{
    void *held = wh__file_lock(argument[0]);
    printf("%s\n", held ? "locked" : "busy");
    fflush(stdout);
    while (held && getchar() != EOF)
        ;
    wh__file_unlock(held);
    return 0;
}

static void print_history(wh__history *h)
{
    wh__records r = wh__history_read(h);
    for (uint32_t i = 0; i < r.count; i++) {
        const wh__record *one = &r.item[i];
        printf("%u %llx %.17g %s %s [%s]\n", one->generation, (unsigned long long)one->key, one->saved,
               one->fast ? "fast" : "full", states[one->state], one->note);
    }
    free(r.item);
}

static void print_library(wh__history *h, uint64_t key)
{
    wh_path path;
    bool fast;
    if (wh__history_library(h, key, &path, &fast))
        printf("%s %s\n", wh__base_name(path.s), fast ? "fast" : "full");
    else
        printf("gone\n");
}

static wh__record_state state_of(const char *name)
{
    for (int i = 1; i < 5; i++)
        if (strcmp(states[i], name) == 0)
            return (wh__record_state)i;
    return 0;
}

static int history(char **argument)
{
    wh__history h;
    wh__history_init(&h, argument[0], argument[1]);
    char **a = argument + 3;
    int count = 0;
    while (a[count])
        count++;
    const char *verb = argument[2];
    const uint64_t first = count ? strtoull(a[0], NULL, 16) : 0;
    if (strcmp(verb, "add") == 0 && count >= 3)
        for (uint64_t i = 0, times = count > 3 ? strtoull(a[3], NULL, 10) : 1; i < times; i++)
            printf("%u\n", wh__history_add(&h, first + i, strtod(a[1], NULL), strcmp(a[2], "fast") == 0));
    else if (strcmp(verb, "mark") == 0 && count == 3)
        wh__history_mark(&h, (uint32_t)strtoul(a[0], NULL, 10), state_of(a[1]), a[2]);
    else if (strcmp(verb, "library") == 0 && count == 1)
        print_library(&h, first);
    else if (strcmp(verb, "trim") == 0 && count >= 1) {
        uint32_t held[8], held_count = 0;
        for (int i = 1; i < count && i <= 8; i++)
            held[held_count++] = (uint32_t)strtoul(a[i], NULL, 10);
        wh__history_trim(&h, (uint32_t)strtoul(a[0], NULL, 10), held, held_count);
    } else
        print_history(&h);
    wh__history_free(&h);
    return 0;
}

int main(int count, char **argument)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **argument);
    } commands[] = {{"imports", 1, imports},     {"line", 2, line_of},    {"where", 2, where}, {"symbols", 2, symbols},
                    {"signature", 1, signature}, {"network", 1, network}, {"lock", 1, lock},   {"history", 3, history}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (count - 2 >= commands[i].arguments && strcmp(argument[1], commands[i].name) == 0)
            return commands[i].run(argument + 2);
    fprintf(stderr,
            "usage: os imports LIBRARY | line LIBRARY ADDRESS | where LIBRARY SYMBOL | symbols LIBRARY PREFIX |\n"
            "       signature FILE | network FOLDER | lock FILE | history FOLDER STEM read|library KEY|\n"
            "       add KEY SAVED fast|full [COUNT]|mark GENERATION STATE NOTE|trim MOST [HELD]...\n");
    return 2;
}
