/* build.c - find kernels, compile what changed on a thread of its own, load the result beside what runs. */
#include "build.h"
#include "error.h"
#include "hash.h"
#include "plan.h"
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SOURCES 64 /* .c files in a kernel folder */
#define MOST_ARGUMENTS 128

/* The newest instruction set of this machine by its level, not by "native": caches are shared between machines. */
static const char *machine_flag(void)
{
    const int level = wh__isa_level();
    return level == 4 ? "-march=x86-64-v4" : level == 3 ? "-march=x86-64-v3" : "-O3";
}

struct wh__job {
    wh__job *next;
    wh__units *units;
    wh__unit *unit; /* only its address, and word, path and type, which never change */
    uint64_t known_key;
    char **part;
    uint32_t part_count;
    char *compiler;
    pthread_t thread;
    wh__take take;
    uint64_t key; /* of what was taken */
};

/* ---- small lists of paths ---- */

static void free_list(char **list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static bool add_to_list(char ***list, uint32_t *count, const char *text)
{
    char **grown = realloc(*list, (*count + 1) * sizeof *grown);
    char *copy = strdup(text);
    if (grown)
        *list = grown;
    if (!grown || !copy) {
        free(copy);
        return false;
    }
    (*list)[(*count)++] = copy;
    return true;
}

static bool has_ending(const char *name, const char *ending)
{
    const size_t a = strlen(name), b = strlen(ending);
    return a > b && strcmp(name + a - b, ending) == 0;
}

static bool folder_of(const char *path, wh_path *out)
{
    const size_t size = (size_t)(wh__base_name(path) - path);
    if (size == 0 || size >= sizeof out->s)
        return false;
    memcpy(out->s, path, size);
    out->s[size > 1 ? size - 1 : size] = 0;
    return true;
}

/* ---- finding ---- */

static bool is_word(const char *word)
{
    for (const char *c = word; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return *word && !isdigit((unsigned char)*word);
}

/* The name without its ending, when that can be a word in Lua. */
static bool word_of(const char *name, const char *ending, char *word, size_t size)
{
    const size_t length = strlen(name) - strlen(ending);
    if (!has_ending(name, ending) || length >= size)
        return false;
    memcpy(word, name, length);
    word[length] = 0;
    return is_word(word);
}

/* Folders may hold other C files: a kernel says so by its include. */
static bool is_kernel_source(const char *path)
{
    wh_map m;
    if (!wh__map_open(path, &m))
        return false;
    const char *name = "whorl_kernel.h";
    const size_t length = strlen(name);
    bool found = false;
    for (const char *at = m.bytes; at && !found && (size_t)(m.bytes + m.size - at) >= length; at++) {
        at = memchr(at, 'w', (size_t)(m.bytes + m.size - at) - length + 1);
        if (!at)
            break;
        found = memcmp(at, name, length) == 0;
    }
    wh__map_close(&m);
    return found;
}

static void note_kernel_source(void *context, const char *name)
{
    struct {
        const char *folder;
        bool found;
    } *search = context;
    wh_path path;
    const bool source = has_ending(name, ".c") || has_ending(name, ".h");
    if (!search->found && source && wh__path_join(&path, search->folder, name))
        search->found = is_kernel_source(path.s);
}

static bool is_kernel_folder(const char *path)
{
    struct {
        const char *folder;
        bool found;
    } search = {path, false};
    return wh__is_folder(path) && wh__each_file(path, note_kernel_source, &search) && search.found;
}

static wh__unit *find_unit(const wh__units *u, const char *path)
{
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (strcmp(u->unit[i]->path.s, path) == 0)
            return u->unit[i];
    return NULL;
}

static void watch_part(const wh__units *u, const char *path)
{
    wh_path folder;
    if (u->watch && folder_of(path, &folder))
        wh__watch_folder(u->watch, folder.s);
}

static void add_unit(wh__units *u, const wh__folder *f, const char *word, const wh_path *path, wh__unit_type type)
{
    wh__unit *unit = calloc(1, sizeof *unit);
    wh__unit **grown = realloc(u->unit, (u->unit_count + 1) * sizeof *grown);
    if (grown)
        u->unit = grown;
    if (!unit || !grown) {
        free(unit);
        return;
    }
    snprintf(unit->word, sizeof unit->word, "%s", word);
    unit->path = *path;
    if (!wh__path_join(&unit->shown, f->shown.s, wh__base_name(path->s)))
        unit->shown = *path;
    unit->type = type;
    unit->rank = f->rank;
    unit->dirty = true;
    unit->noticed_at = wh__now();
    unit->saved_at = wh__saved_time(path->s);
    u->unit[u->unit_count++] = unit;
    if (type == WH_UNIT_FOLDER && u->watch)
        wh__watch_folder(u->watch, path->s);
    if (type == WH_UNIT_SOURCE)
        watch_part(u, path->s);
}

struct scan {
    wh__units *units;
    const wh__folder *folder;
};

static void scan_name(void *context, const char *name)
{
    const struct scan *s = context;
    wh_path path, other;
    char word[64], source[80];
    if (name[0] == '.' || (s->folder->pattern[0] && fnmatch(s->folder->pattern, name, 0) != 0) ||
        !wh__path_join(&path, s->folder->path.s, name) || find_unit(s->units, path.s))
        return;
    if (has_ending(name, ".c")) {
        snprintf(word, sizeof word, "%.*s", (int)(strlen(name) - 2), name);
        if (is_kernel_source(path.s))
            add_unit(s->units, s->folder, word, &path, WH_UNIT_SOURCE);
    } else if (word_of(name, ".so", word, sizeof word)) {
        /* A library beside its source is somebody's build of it: the source is what is followed. */
        snprintf(source, sizeof source, "%s.c", word);
        if (!wh__path_join(&other, s->folder->path.s, source) || !is_kernel_source(other.s))
            add_unit(s->units, s->folder, word, &path, WH_UNIT_LIBRARY);
    } else if (is_word(name) && strlen(name) < sizeof word && wh__is_folder(path.s)) {
        if (is_kernel_folder(path.s))
            add_unit(s->units, s->folder, name, &path, WH_UNIT_FOLDER);
        else if (s->units->watch)
            wh__watch_folder(s->units->watch, path.s); /* it may become one */
    }
}

static int compare_units(const void *a, const void *b)
{
    const wh__unit *x = *(wh__unit *const *)a, *y = *(wh__unit *const *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->path.s, y->path.s);
}

void wh__units_scan(wh__units *u)
{
    u->rescan = false;
    for (uint32_t i = 0; i < u->folder_count; i++)
        wh__each_file(u->folder[i].path.s, scan_name, &(struct scan){u, &u->folder[i]});
    if (u->unit_count)
        qsort(u->unit, u->unit_count, sizeof *u->unit, compare_units);
}

bool wh__units_folder(wh__units *u, const char *path, const char *shown, const char *pattern, uint32_t rank)
{
    wh__folder f = {.rank = rank};
    if (!wh__path_real(&f.path, path))
        return false;
    snprintf(f.pattern, sizeof f.pattern, "%s", pattern);
    snprintf(f.shown.s, sizeof f.shown.s, "%s", shown);
    for (uint32_t i = 0; i < u->folder_count; i++)
        if (strcmp(u->folder[i].path.s, f.path.s) == 0 && strcmp(u->folder[i].pattern, pattern) == 0) {
            u->folder[i].rank = rank; /* listed again: its last place counts */
            return true;
        }
    wh__folder *grown = realloc(u->folder, (u->folder_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    u->folder = grown;
    u->folder[u->folder_count++] = f;
    if (u->watch)
        wh__watch_folder(u->watch, f.path.s);
    return true;
}

static bool is_part(const wh__unit *u, const char *folder, const char *name, const char *path)
{
    if (strcmp(u->path.s, path) == 0)
        return true;
    if (u->type == WH_UNIT_FOLDER && strcmp(u->path.s, folder) == 0)
        return has_ending(name, ".c") || has_ending(name, ".h");
    for (uint32_t i = 0; i < u->part_count; i++)
        if (strcmp(u->part[i], path) == 0)
            return true;
    /* After a failed build the list of headers may be short: any header may mend it. */
    return u->key == 0 && has_ending(name, ".h");
}

static void mark(wh__unit *unit, const char *path, double now)
{
    if (!unit->dirty) {
        unit->noticed_at = now;
        unit->saved_at = wh__saved_time(path);
    }
    unit->dirty = true;
}

void wh__units_notice(wh__units *u, const char *folder, const char *name, double now)
{
    wh_path path;
    bool known = false;
    for (uint32_t i = 0; !name && i < u->unit_count; i++)
        mark(u->unit[i], u->unit[i]->path.s, now);
    for (uint32_t i = 0; name && wh__path_join(&path, folder, name) && i < u->unit_count; i++) {
        if (!is_part(u->unit[i], folder, name, path.s))
            continue;
        mark(u->unit[i], path.s, now);
        known = true;
    }
    u->rescan = u->rescan || !known;
}

void wh__units_rewatch(wh__units *u)
{
    for (uint32_t i = 0; i < u->folder_count; i++)
        wh__watch_folder(u->watch, u->folder[i].path.s);
    for (uint32_t i = 0; i < u->unit_count; i++) {
        if (u->unit[i]->type == WH_UNIT_FOLDER)
            wh__watch_folder(u->watch, u->unit[i]->path.s);
        for (uint32_t k = 0; k < u->unit[i]->part_count; k++)
            watch_part(u, u->unit[i]->part[k]);
    }
}

/* ---- a job ---- */

static bool refuse(wh__job *j, wh_status status, const char *why)
{
    j->take.kind = WH_TAKE_REFUSED;
    j->take.status = status;
    snprintf(j->take.text, sizeof j->take.text, "%.500s: %.500s", j->unit->shown.s, why);
    return false;
}

static void forget_parts(wh__job *j)
{
    free_list(j->part, j->part_count);
    j->part = NULL;
    j->part_count = 0;
}

static void add_source(void *context, const char *name)
{
    wh__job *j = context;
    wh_path path;
    if (has_ending(name, ".c") && name[0] != '.' && wh__path_join(&path, j->unit->path.s, name))
        add_to_list(&j->part, &j->part_count, path.s);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The .c files of the unit, in a fixed order. */
static void list_sources(wh__job *j)
{
    forget_parts(j);
    if (j->unit->type != WH_UNIT_FOLDER)
        add_to_list(&j->part, &j->part_count, j->unit->path.s);
    else if (wh__each_file(j->unit->path.s, add_source, j) && j->part_count)
        qsort(j->part, j->part_count, sizeof *j->part, compare_text);
}

/* A source that is new in a kernel folder stands in no list of parts yet. */
static uint64_t folder_key(const wh__job *j, uint64_t key)
{
    if (j->unit->type != WH_UNIT_FOLDER)
        return key;
    wh__job now = {.unit = j->unit};
    list_sources(&now);
    for (uint32_t i = 0; i < now.part_count; i++)
        key = wh__hash(now.part[i], strlen(now.part[i]), key);
    free_list(now.part, now.part_count);
    return key | 1;
}

static uint64_t fingerprint(const wh__job *j)
{
    uint64_t key = wh__hash(j->compiler, strlen(j->compiler), WH_KERNEL_ABI);
    key = wh__hash(WHORL_KERNEL_FLAGS, sizeof WHORL_KERNEL_FLAGS, key);
    key = wh__hash(machine_flag(), strlen(machine_flag()), key);
    for (uint32_t i = 0; i < j->part_count; i++) {
        wh_map m;
        if (!wh__map_open(j->part[i], &m))
            return 0;
        key = wh__hash(m.bytes, m.size, wh__hash(j->part[i], strlen(j->part[i]), key));
        wh__map_close(&m);
    }
    return folder_key(j, key ? key : 1);
}

static bool cache_path(const wh__job *j, const char *ending, wh_path *out)
{
    char name[160];
    const uint64_t where = wh__hash(j->unit->path.s, strlen(j->unit->path.s), 0);
    snprintf(name, sizeof name, "%s-%016llx%s", j->unit->word, (unsigned long long)where, ending);
    return wh__path_join(out, j->units->cache, name);
}

static bool built_path(const wh__job *j, uint64_t key, wh_path *out)
{
    char ending[32];
    snprintf(ending, sizeof ending, "-%016llx.so", (unsigned long long)key);
    return cache_path(j, ending, out);
}

/* A record beside the built library: its key, then the files that went into it, a line each. */
static void write_record(const wh__job *j)
{
    wh_path path;
    wh_output o;
    if (!cache_path(j, ".parts", &path) || !wh__output_open(&o, path.s))
        return;
    fprintf(o.file, "%016llx\n", (unsigned long long)j->key);
    for (uint32_t i = 0; i < j->part_count; i++)
        fprintf(o.file, "%s\n", j->part[i]);
    wh__output_commit(&o);
}

static bool has_part(const wh__job *j, const char *path)
{
    for (uint32_t i = 0; i < j->part_count; i++)
        if (strcmp(j->part[i], path) == 0)
            return true;
    return false;
}

static void read_parts(wh__job *j, char *text)
{
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (*line && !has_part(j, line))
            add_to_list(&j->part, &j->part_count, line);
}

/* The library of an earlier run, when everything that went into it is as it was. */
static bool find_built(wh__job *j, wh_path *library)
{
    wh_path path;
    size_t size;
    char *text = cache_path(j, ".parts", &path) ? wh__read_file(path.s, &size) : NULL;
    if (!text || size < 17) {
        free(text);
        return false;
    }
    const uint64_t key = strtoull(text, NULL, 16);
    forget_parts(j);
    read_parts(j, text + 17);
    free(text);
    char why[64];
    j->key = fingerprint(j);
    return key && j->key == key && built_path(j, key, library) && wh__library_complete(library->s, why, sizeof why);
}

/* "out: a.c \\\n b.h" with "\\ ", "\\#" and "$$" for the characters that make would take: becomes a name a line. */
static void split_dependencies(char *text)
{
    char *to = text, *from = strstr(text, ": ");
    for (from = from ? from + 2 : text + strlen(text); *from; from++) {
        if (from[0] == '\\' && from[1] == '\n')
            from++, *to++ = '\n';
        else if ((from[0] == '\\' && (from[1] == ' ' || from[1] == '#')) || (from[0] == '$' && from[1] == '$'))
            from++, *to++ = *from;
        else
            *to++ = *from == ' ' ? '\n' : *from;
    }
    *to = 0;
}

/* Adds the headers that the compiler found; after an error there may be no list: then only the sources are known. */
static void read_dependencies(wh__job *j, const char *path)
{
    size_t size;
    char *text = wh__read_file(path, &size);
    remove(path);
    if (!text)
        return;
    split_dependencies(text);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        wh_path real;
        if (*line && wh__path_real(&real, line) && !has_part(j, real.s))
            add_to_list(&j->part, &j->part_count, real.s);
    }
    free(text);
}

/* Finds "file:line:column: error: text" (gcc, clang) or "file:line: error: text" (tcc) in one line. */
static bool read_diagnostic(const char *line, wh__take *t)
{
    const char *marker = strstr(line, "error: ");
    const char *colon = line;
    if (!marker)
        return false;
    while ((colon = strchr(colon, ':')) && colon < marker && !isdigit((unsigned char)colon[1]))
        colon++;
    if (!colon || colon >= marker)
        return false;
    char *end;
    t->line = (uint32_t)strtoul(colon + 1, &end, 10);
    t->column = end[0] == ':' && isdigit((unsigned char)end[1]) ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
    snprintf(t->text, sizeof t->text, "%.*s:%u: %.600s", (int)(colon - line > 400 ? 400 : colon - line), line, t->line,
             marker + strlen("error: "));
    return true;
}

/* Compilers name files as they were given: by their real paths. */
static void show_path(const wh__job *j, char *text, size_t size)
{
    char shown[1024];
    const size_t length = strlen(j->unit->path.s);
    if (strncmp(text, j->unit->path.s, length) != 0)
        return;
    snprintf(shown, sizeof shown, "%.500s%.500s", j->unit->shown.s, text + length);
    snprintf(text, size, "%s", shown);
}

static bool refuse_build(wh__job *j, char *output)
{
    uint32_t errors = 0;
    char last[400] = "it printed nothing";
    for (char *rest = output, *line; (line = strsep(&rest, "\n"));) {
        wh__take other;
        if (*line)
            snprintf(last, sizeof last, "%s", line);
        if (errors ? read_diagnostic(line, &other) : read_diagnostic(line, &j->take))
            errors++;
    }
    if (errors == 0) {
        char why[480];
        snprintf(why, sizeof why, "%.60s failed: %s", j->compiler, last);
        return refuse(j, WH_ERR_BUILD, why);
    }
    show_path(j, j->take.text, sizeof j->take.text);
    const size_t length = strlen(j->take.text);
    if (errors > 1)
        snprintf(j->take.text + length, sizeof j->take.text - length, " (and %u more)", errors - 1);
    j->take.kind = WH_TAKE_REFUSED;
    j->take.status = WH_ERR_BUILD;
    return false;
}

/* Splits text at blanks into arguments; text must outlive them. */
static size_t split(char *text, char **arguments, size_t most)
{
    size_t count = 0;
    for (char *rest = text, *word; count < most && (word = strsep(&rest, " "));)
        if (*word)
            arguments[count++] = word;
    return count;
}

/* Runs the compiler with our flags, then more, then the inputs. */
static bool run_compiler(wh__job *j, char *out, char *const *more, size_t more_count, char *const *input,
                         size_t input_count)
{
    char flags[] = WHORL_KERNEL_FLAGS, machine[32], *argument[MOST_ARGUMENTS + MOST_SOURCES];
    char *compiler = strdup(j->compiler);
    wh_path include;
    if (!compiler || !wh__include_folder(&include)) {
        free(compiler);
        return refuse(j, WH_ERR_BUILD, "cannot find the folder of whorl_kernel.h");
    }
    size_t n = 0;
    snprintf(machine, sizeof machine, "%s", machine_flag());
    argument[n++] = "env"; /* messages must be in the language that is read here */
    argument[n++] = "LC_ALL=C";
    n += split(compiler, argument + n, 16);
    n += split(flags, argument + n, 32);
    argument[n++] = machine;
    argument[n++] = "-I";
    argument[n++] = include.s;
    argument[n++] = "-o";
    argument[n++] = out;
    for (size_t i = 0; i < more_count; i++)
        argument[n++] = more[i];
    for (size_t i = 0; i < input_count; i++)
        argument[n++] = input[i];
    argument[n++] = "-lm";
    argument[n] = NULL;
    char *output = NULL;
    const int status = wh__run_command(argument, &output);
    free(compiler);
    /* A host that ignores SIGCHLD leaves no status; but compilers leave no output when they fail. */
    const bool ok = status == 0 || (status == -1 && wh__saved_time(out) > 0);
    if (!ok)
        refuse_build(j, output ? output : (char[]){""});
    free(output);
    return ok;
}

static bool build_source(wh__job *j, char *source, char *out, bool object)
{
    wh_path dependencies;
    snprintf(dependencies.s, sizeof dependencies.s, "%.4000s.d", out);
    char *more[] = {"-MMD", "-MF", dependencies.s, "-c"};
    const bool ok = run_compiler(j, out, more, object ? 4 : 3, &source, 1);
    read_dependencies(j, dependencies.s);
    return ok;
}

/* Compilers list the headers of one source at a time: a folder is compiled piece by piece. */
static bool build_folder(wh__job *j, char *out)
{
    const uint32_t count = j->part_count < MOST_SOURCES ? j->part_count : MOST_SOURCES;
    char *source[MOST_SOURCES], *object[MOST_SOURCES];
    bool ok = true;
    for (uint32_t i = 0; i < count; i++)
        source[i] = strdup(j->part[i]); /* the list grows by headers meanwhile */
    for (uint32_t i = 0; i < count; i++) {
        wh_path path;
        snprintf(path.s, sizeof path.s, "%.4000s.%u.o", out, i);
        object[i] = strdup(path.s);
        ok = ok && source[i] && object[i] && build_source(j, source[i], object[i], true);
    }
    ok = ok && run_compiler(j, out, NULL, 0, object, count);
    for (uint32_t i = 0; i < count; i++) {
        if (object[i])
            remove(object[i]);
        free(object[i]);
        free(source[i]);
    }
    return ok;
}

static bool changed_since(const wh__job *j, double time)
{
    for (uint32_t i = 0; i < j->part_count; i++)
        if (wh__changed_time(j->part[i]) >= time)
            return true;
    return false;
}

static bool compile(wh__job *j, wh_path *library)
{
    static atomic_uint serial;
    char ending[64];
    wh_path fresh;
    snprintf(ending, sizeof ending, ".%u.%u.new", wh__process_id(), atomic_fetch_add(&serial, 1));
    if (!cache_path(j, ending, &fresh))
        return refuse(j, WH_ERR_IO, "its path in the cache is too long");
    const double started = wh__wall_time();
    list_sources(j);
    const uint64_t before = fingerprint(j);
    wh__job sources = {.unit = j->unit, .units = j->units, .compiler = j->compiler};
    list_sources(&sources);
    bool ok = j->part_count == 1 ? build_source(j, j->part[0], fresh.s, false) : build_folder(j, fresh.s);
    if (ok) {
        /* When a part was saved while the compiler ran, the key may be that of a text that it never saw: then the
         * library gets a name that no text has, and no record. */
        const bool changed = changed_since(j, started) || fingerprint(&sources) != before;
        j->key = fingerprint(j);
        const uint64_t name = changed ? wh__hash(&started, sizeof started, j->key) : j->key;
        ok = built_path(j, name, library) && rename(fresh.s, library->s) == 0;
        if (!ok)
            refuse(j, WH_ERR_IO, "cannot write to the cache folder");
        else if (!changed)
            write_record(j);
        else
            j->key = 0;
    }
    free_list(sources.part, sources.part_count);
    remove(fresh.s);
    return ok;
}

static bool check_schemas(wh__job *j)
{
    char why[600];
    for (uint32_t i = 0; i < j->take.module->kernel_count; i++)
        if (!wh__schema_check(j->take.module->kernel[i].desc, why, sizeof why))
            return refuse(j, WH_ERR_KERNEL, why);
    return true;
}

static bool load(wh__job *j, const wh_path *library)
{
    char why[600];
    j->take.module = wh__module_load(library->s, j->unit->shown.s, j->units->cache, j->unit->word, why, sizeof why);
    return j->take.module ? check_schemas(j) : refuse(j, WH_ERR_KERNEL, why);
}

static bool get_library(wh__job *j, wh_path *library, bool *cached)
{
    if (!is_word(j->unit->word))
        return refuse(j, WH_ERR_KERNEL, "the name of a kernel's file must be letters, digits and _ (rename it)");
    if (!j->units->cache[0])
        return refuse(j, WH_ERR_IO, "no folder to build it in (set XDG_CACHE_HOME to one that can be written)");
    if (j->unit->type == WH_UNIT_LIBRARY) {
        *library = j->unit->path;
        j->key = fingerprint(j);
        return true;
    }
    if (!j->compiler[0])
        return refuse(j, WH_ERR_BUILD, "no C compiler to build it with (install gcc or clang, or set CC)");
    *cached = find_built(j, library);
    return *cached || compile(j, library);
}

/* What an earlier run left in the cache may be damaged: then it is built anew. */
static bool load_again(wh__job *j, wh_path *library)
{
    wh__module_drop(j->take.module);
    j->take = (wh__take){.kind = WH_TAKE_NONE};
    return compile(j, library) && load(j, library);
}

static void work(wh__job *j)
{
    wh_path library;
    wh_path real;
    if (!wh__path_real(&real, j->unit->path.s)) { /* removed: what was built from it stays */
        j->take.kind = WH_TAKE_UNCHANGED;
        return;
    }
    if (j->known_key && fingerprint(j) == j->known_key) {
        j->take.kind = WH_TAKE_UNCHANGED;
        j->key = j->known_key;
        return;
    }
    bool cached = false;
    if (!get_library(j, &library, &cached) || !(load(j, &library) || (cached && load_again(j, &library)))) {
        wh__module_drop(j->take.module);
        j->take.module = NULL;
        j->key = 0; /* the same text again is tried again: whoever mends by going back wants to hear of it */
        return;
    }
    j->take.kind = WH_TAKE_MODULE;
}

static void *job_thread(void *argument)
{
    wh__job *j = argument;
    wh__units *u = j->units;
    work(j);
    pthread_mutex_lock(&u->lock);
    j->next = u->done;
    u->done = j;
    pthread_cond_signal(&u->finished);
    /* Under the lock, so that the watcher is still there: freeing waits for this job. */
    if (u->watch)
        wh__watch_wake(u->watch);
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

/* ---- jobs, from [main] ---- */

static void free_job(wh__job *j)
{
    free_list(j->part, j->part_count);
    free(j->compiler);
    free(j);
}

static bool can_run(const char *command)
{
    char program[1024];
    wh_path path;
    snprintf(program, sizeof program, "%.*s", (int)strcspn(command, " "), command);
    return program[0] && wh__find_program(&path, program);
}

/* The one that the host wants, seen or unseen; else the first of $CC, cc, gcc and clang that is there. */
static char *choose_compiler(const char *wanted)
{
    const char *known[] = {getenv("CC"), "cc", "gcc", "clang"};
    if (wanted && *wanted)
        return strdup(wanted);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] && can_run(known[i]))
            return strdup(known[i]);
    return strdup("");
}

static bool start(wh__units *u, wh__unit *unit)
{
    wh__job *j = calloc(1, sizeof *j);
    if (!j)
        return false;
    j->units = u;
    j->unit = unit;
    j->known_key = unit->key;
    j->compiler = choose_compiler(u->compiler);
    for (uint32_t i = 0; i < unit->part_count; i++)
        add_to_list(&j->part, &j->part_count, unit->part[i]);
    if (unit->type == WH_UNIT_LIBRARY && !j->part_count)
        add_to_list(&j->part, &j->part_count, unit->path.s);
    if (!j->compiler || pthread_create(&j->thread, NULL, job_thread, j) != 0) {
        free_job(j);
        return false;
    }
    unit->dirty = false;
    unit->busy = true;
    u->running++;
    return true;
}

void wh__units_start(wh__units *u)
{
    for (uint32_t i = 0; i < u->unit_count && u->running < wh__core_count(); i++)
        if (u->unit[i]->dirty && !u->unit[i]->busy && !start(u, u->unit[i]))
            return;
}

bool wh__units_busy(const wh__units *u)
{
    if (u->running)
        return true;
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (u->unit[i]->dirty)
            return true;
    return false;
}

void wh__units_wait(wh__units *u)
{
    pthread_mutex_lock(&u->lock);
    while (u->running && !u->done)
        pthread_cond_wait(&u->finished, &u->lock);
    pthread_mutex_unlock(&u->lock);
}

static void take_parts(wh__units *u, wh__job *j)
{
    wh__unit *unit = j->unit;
    if (j->part_count == 0)
        return;
    free_list(unit->part, unit->part_count);
    unit->part = j->part;
    unit->part_count = j->part_count;
    j->part = NULL;
    j->part_count = 0;
    for (uint32_t i = 0; i < unit->part_count; i++)
        watch_part(u, unit->part[i]);
}

wh__take wh__units_take(wh__units *u)
{
    pthread_mutex_lock(&u->lock);
    wh__job **oldest = &u->done;
    while (*oldest && (*oldest)->next)
        oldest = &(*oldest)->next;
    wh__job *j = *oldest;
    *oldest = NULL;
    pthread_mutex_unlock(&u->lock);
    if (!j)
        return (wh__take){.kind = WH_TAKE_NONE};
    pthread_join(j->thread, NULL);
    u->running--;
    j->unit->busy = false;
    j->unit->key = j->key;
    take_parts(u, j);
    wh__take t = j->take;
    t.unit = j->unit;
    free_job(j);
    return t;
}

void wh__units_init(wh__units *u)
{
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->finished, NULL);
}

void wh__units_free(wh__units *u)
{
    for (; u->running; wh__units_wait(u))
        for (wh__take t; (t = wh__units_take(u)).kind != WH_TAKE_NONE;)
            wh__module_drop(t.module);
    for (uint32_t i = 0; i < u->unit_count; i++) {
        free_list(u->unit[i]->part, u->unit[i]->part_count);
        free(u->unit[i]);
    }
    free(u->unit);
    free(u->folder);
    pthread_cond_destroy(&u->finished);
    pthread_mutex_destroy(&u->lock);
}
