/* build.c - one build: what went into it, the fast or the real compiler, then loading and trying what came out. */
#include "error.h"
#include "hash.h"
#include "job.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SOURCES 64 /* .c files in a kernel folder */
#define MOST_ARGUMENTS 128
#define MOST_PARTS 1000
#define MOST_DIAGNOSTICS 20
#define MOST_ATTEMPTS 3   /* at a text that changes while it is compiled */
#define TRIAL_SECONDS 2.0 /* that a canary may take */
#define FAST_SECONDS 0.5  /* that of a fast build, which may leave the verdict to the full one */

/* What builds while whorl runs has besides the flags of the shipped kernels: lines for whoever looks for a crash, a
 * stack that does not break in silence, nor grow in steps that miss the page below it, where another thread's may
 * begin; and the compiler's opinion. */
#define LIVE_FLAGS "-g1 -fstack-protector-strong -fstack-clash-protection -Wall"

/* The newest instruction set of this machine by its level, not by "native": caches are shared between machines. */
static const char *machine_flag(void)
{
    const int level = wh__isa_level();
    return level == 4 ? "-march=x86-64-v4" : level == 3 ? "-march=x86-64-v3" : "-O3";
}

static bool refuse(wh__job *j, wh_status status, const char *why)
{
    j->take.kind = WH_TAKE_REFUSED;
    j->take.status = status;
    snprintf(j->take.text, sizeof j->take.text, "%.500s: %.500s", j->unit->shown.s, why);
    return false;
}

/* ---- what goes into a build ---- */

static bool has_part(const wh__job *j, const char *path)
{
    for (uint32_t i = 0; i < j->part_count; i++)
        if (strcmp(j->part[i], path) == 0)
            return true;
    return false;
}

static void add_source(void *context, const char *name)
{
    wh__job *j = context;
    wh_path path;
    if (wh__has_ending(name, ".c") && name[0] != '.' && wh__path_join(&path, j->unit->path.s, name))
        wh__list_add(&j->part, &j->part_count, path.s);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The .c files of the unit, in a fixed order. What a link leads to is a part too: it is saved elsewhere. */
static void list_sources(wh__job *j)
{
    wh_path real;
    wh__list_free(j->part, j->part_count);
    j->part = NULL;
    j->part_count = 0;
    if (j->unit->type != WH_UNIT_FOLDER) {
        wh__list_add(&j->part, &j->part_count, j->unit->path.s);
        if (wh__path_real(&real, j->unit->path.s) && !has_part(j, real.s))
            wh__list_add(&j->part, &j->part_count, real.s);
    } else if (wh__each_file(j->unit->path.s, add_source, j) && j->part_count)
        qsort(j->part, j->part_count, sizeof *j->part, compare_text);
    j->sources = j->unit->type == WH_UNIT_FOLDER || j->part_count == 0 ? j->part_count : 1;
}

/* The name between the quotes of an #include line, or of a #define that one may use; NULL: it is no such line. */
static char *included_name(char *line)
{
    line += strspn(line, " \t");
    if (*line != '#')
        return NULL;
    line += 1 + strspn(line + 1, " \t");
    const bool defines = strncmp(line, "define", 6) == 0;
    if (!defines && strncmp(line, "include", 7) != 0)
        return NULL;
    line += defines ? strcspn(line, "\"") : 7 + strspn(line + 7, " \t");
    char *end = *line == '"' ? strchr(line + 1, '"') : NULL;
    if (!end)
        return NULL;
    *end = 0;
    return !defines || wh__has_ending(line + 1, ".h") ? line + 1 : NULL;
}

/* Beside the file that includes it, else among whorl's headers; one that is nowhere is a part too: it may come. */
static void add_included(wh__job *j, const char *from, const char *name, const wh_path *headers)
{
    wh_path folder, path, real, other;
    if (!wh__folder_of(from, &folder) || !wh__path_join(&path, folder.s, name))
        return;
    if (!wh__path_real(&real, path.s) &&
        !(headers->s[0] && wh__path_join(&other, headers->s, name) && wh__path_real(&real, other.s)))
        real = path;
    if (!has_part(j, real.s) && j->part_count < MOST_PARTS)
        wh__list_add(&j->part, &j->part_count, real.s);
}

/* Sources, and whatever they include with quotes, comments and conditions aside: known before anything is compiled, and
 * when it does not compile. */
static void scan_parts(wh__job *j)
{
    wh_path headers;
    if (!wh__include_folder(&headers))
        headers.s[0] = 0;
    list_sources(j);
    for (uint32_t i = 0; i < j->part_count && j->unit->type != WH_UNIT_LIBRARY; i++) {
        size_t size;
        char *text = wh__read_file(j->part[i], &size), *path = strdup(j->part[i]);
        for (char *rest = text, *line, *name; path && (line = strsep(&rest, "\n"));)
            if ((name = included_name(line)))
                add_included(j, path, name, &headers);
        free(text);
        free(path);
    }
}

static uint64_t add_file(uint64_t key, const char *path)
{
    wh_map m;
    key = wh__hash(path, strlen(path), key);
    if (!wh__map_open(path, &m))
        return wh__hash("missing", 7, key);
    key = wh__hash(m.bytes, m.size, key);
    wh__map_close(&m);
    return key;
}

/* Of the parts that a scan finds; never 0. */
static uint64_t key_of_parts(const wh__job *j, uint32_t count)
{
    uint64_t key = wh__hash(j->compiler, strlen(j->compiler), WH_KERNEL_ABI);
    key = wh__hash(WHORL_KERNEL_FLAGS LIVE_FLAGS, sizeof(WHORL_KERNEL_FLAGS LIVE_FLAGS), key);
    key = wh__hash(machine_flag(), strlen(machine_flag()), key);
    for (uint32_t i = 0; i < count; i++)
        key = add_file(key, j->part[i]);
    return key ? key : 1;
}

static uint64_t fingerprint(wh__job *j)
{
    scan_parts(j);
    j->scanned = j->part_count;
    return key_of_parts(j, j->scanned);
}

/* ---- what the compiler found besides ---- */

/* A record beside the built library: a fingerprint of the files that the compiler read and the scan did not see, then
 * their names, a line each. */
static void record_path(const wh__job *j, uint64_t key, wh_path *out)
{
    wh_path library;
    wh__history_path(&j->unit->origin->history, key, false, &library);
    snprintf(out->s, sizeof out->s, "%.4000s" WH_PARTS_ENDING, library.s);
}

static uint64_t further_key(const wh__job *j)
{
    uint64_t key = 1;
    for (uint32_t i = j->scanned; i < j->part_count; i++)
        key = add_file(key, j->part[i]);
    return key;
}

static void write_record(const wh__job *j, uint64_t key)
{
    wh_path path;
    wh_output o;
    record_path(j, key, &path);
    if (!wh__output_open(&o, path.s))
        return;
    fprintf(o.file, "%016llx\n", (unsigned long long)further_key(j));
    for (uint32_t i = j->scanned; i < j->part_count; i++)
        fprintf(o.file, "%s\n", j->part[i]);
    wh__output_commit(&o);
}

typedef enum { NOT_RECORDED, AS_RECORDED, CHANGED_SINCE } standing;

/* How the files of the record are now; they become parts. */
static standing read_record(wh__job *j, uint64_t key)
{
    wh_path path;
    size_t size;
    record_path(j, key, &path);
    char *text = wh__read_file(path.s, &size);
    if (!text)
        return NOT_RECORDED;
    char *rest = text;
    const uint64_t known = strtoull(strsep(&rest, "\n"), NULL, 16);
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line && !has_part(j, line))
            wh__list_add(&j->part, &j->part_count, line);
    free(text);
    return known == further_key(j) ? AS_RECORDED : CHANGED_SINCE;
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
            wh__list_add(&j->part, &j->part_count, real.s);
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

/* "file:line:column: error: text", with the file as the user names it. */
static void keep_diagnostic(wh__job *j, const char *line)
{
    char text[1200];
    const char *marker = strstr(line, "error: ");
    marker = marker ? marker : strstr(line, "warning: ");
    if (!marker || !isdigit((unsigned char)line[strcspn(line, ":") + (strchr(line, ':') != NULL)]) ||
        j->take.diagnostic_count == MOST_DIAGNOSTICS)
        return;
    snprintf(text, sizeof text, "%.1100s", line);
    show_path(j, text, sizeof text);
    wh__list_add(&j->take.diagnostic, &j->take.diagnostic_count, text);
}

static bool refuse_build(wh__job *j, char *output)
{
    uint32_t errors = 0;
    char last[400] = "it printed nothing";
    for (char *rest = output, *line; (line = strsep(&rest, "\n"));) {
        wh__take other;
        if (*line && !strstr(last, "error: ")) /* that of a compiler which names no line */
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

static void keep_diagnostics(wh__job *j, const char *output)
{
    char *copy = strdup(output);
    for (char *rest = copy, *line; (line = strsep(&rest, "\n"));)
        keep_diagnostic(j, line);
    free(copy);
}

/* ---- compiling ---- */

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
    char flags[] = WHORL_KERNEL_FLAGS " " LIVE_FLAGS, machine[32], *argument[MOST_ARGUMENTS + MOST_SOURCES];
    char *compiler = strdup(j->compiler);
    wh_path include;
    if (!compiler || !wh__include_folder(&include)) {
        free(compiler);
        return refuse(j, WH_ERR_BUILD, "cannot find the folder of whorl_kernel.h");
    }
    size_t n = 0;
    snprintf(machine, sizeof machine, "%s", machine_flag());
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
    if (output)
        keep_diagnostics(j, output);
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
    const uint32_t count = j->sources < MOST_SOURCES ? j->sources : MOST_SOURCES;
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

static bool fresh_path(const wh__job *j, wh_path *out)
{
    static atomic_uint serial;
    char name[128];
    snprintf(name, sizeof name, "%.64s.%u.%u.new", j->unit->word, wh__process_id(), atomic_fetch_add(&serial, 1));
    return wh__path_join(out, j->units->cache, name);
}

static bool has_sources(const wh__job *j)
{
    bool all = true;
    for (uint32_t i = 0; i < j->sources; i++)
        all = all && wh__changed_time(j->part[i]) > 0;
    return all;
}

/* Compiles the sources. When a part was saved while the compiler ran, the result may be that of a text that nobody ever
 * saw whole: then *changed. */
static bool compile_once(wh__job *j, const char *fresh, bool *changed)
{
    char out[sizeof(wh_path)];
    const double started = wh__wall_time();
    const uint64_t before = j->key;
    snprintf(out, sizeof out, "%s", fresh);
    const bool ok = j->sources == 1 ? build_source(j, j->part[0], out, false) : build_folder(j, out);
    /* Times are coarse; but contents may have gone and come back, and a source may have come and gone. */
    *changed = key_of_parts(j, j->scanned) != before || (ok && !has_sources(j));
    for (uint32_t i = 0; i < j->part_count; i++)
        *changed = *changed || wh__changed_time(j->part[i]) >= started;
    if (ok && !*changed)
        write_record(j, before);
    return ok;
}

/* What the fast tier let through and the compiler refuses is nothing to go back to. */
static void refuse_record(wh__job *j)
{
    wh__records list = wh__history_read(&j->unit->origin->history);
    for (uint32_t i = 0; i < list.count; i++)
        if (list.item[i].key == j->key)
            wh__history_mark(&j->unit->origin->history, list.item[i].generation, WH_RECORD_REFUSED, j->take.text);
    free(list.item);
}

static bool compile(wh__job *j, wh_path *library)
{
    wh_path fresh;
    bool ok = fresh_path(j, &fresh), changed = true;
    if (!ok)
        return refuse(j, WH_ERR_IO, "its path in the cache is too long");
    for (int attempt = 0; changed && attempt < MOST_ATTEMPTS; attempt++) {
        if (attempt)
            j->key = fingerprint(j);
        wh__take_free(&j->take);
        j->take = (wh__take){.kind = WH_TAKE_NONE}; /* an error was perhaps that of half a text */
        ok = compile_once(j, fresh.s, &changed);
    }
    if (ok && changed)
        ok = refuse(j, WH_ERR_BUILD, "it changes all the time while it is compiled (save it once more)");
    else if (!ok && !changed)
        refuse_record(j);
    wh__history_path(&j->unit->origin->history, j->key, false, library);
    if (ok && rename(fresh.s, library->s) != 0)
        ok = refuse(j, WH_ERR_IO, "cannot write to the cache folder");
    remove(fresh.s);
    return ok;
}

static bool compile_fast(wh__job *j, wh_path *library)
{
    wh_path fresh, include;
    char why[600];
    const uint64_t before = j->key;
    wh__history_path(&j->unit->origin->history, j->key, true, library);
    if (wh__library_complete(library->s, why, sizeof why))
        return true;
    const bool ok = fresh_path(j, &fresh) && wh__include_folder(&include) &&
                    wh__canary_compile(j->units->canary, j->part, j->sources, include.s, fresh.s, why, sizeof why) &&
                    wh__library_complete(fresh.s, why, sizeof why) && /* libtcc does not notice a full disk */
                    fingerprint(j) == before && has_sources(j) && rename(fresh.s, library->s) == 0;
    remove(fresh.s);
    return ok;
}

/* A library of somebody else's: a copy of our own, complete or nothing. */
static bool copy_library(wh__job *j, wh_path *library)
{
    wh_map m;
    char why[300];
    if (!wh__library_complete(j->unit->path.s, why, sizeof why))
        return refuse(j, WH_ERR_KERNEL, why);
    wh__history_path(&j->unit->origin->history, j->key, false, library);
    bool ok = wh__map_open(j->unit->path.s, &m);
    if (ok) {
        ok = wh__write_file(library->s, m.bytes, m.size);
        wh__map_close(&m);
    }
    return ok || refuse(j, WH_ERR_IO, "cannot copy it to the cache folder");
}

/* ---- trying ---- */

static const wh__used *find_used(const wh__trial_plan *t, const char *id, uint32_t *from)
{
    for (; *from < t->used_count; ++*from)
        if (strcmp(t->used[*from].id, id) == 0)
            return &t->used[(*from)++];
    return NULL;
}

static uint32_t count_attributes(const wh__layout *l)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->count; i++)
        count += l->member[i].attribute;
    return count;
}

static bool add_call(wh__trial *t, const wh__kernel *k, const wh__used *used)
{
    wh__trial_call *grown = realloc((void *)t->call, (t->call_count + 1) * sizeof *grown);
    void *params = malloc(k->layout->size + 1);
    if (grown)
        t->call = grown;
    if (!grown || !params) {
        free(params);
        return false;
    }
    if (used)
        wh__layout_migrate(used->layout, used->params, k->layout, params);
    else
        wh__layout_defaults(k->layout, params);
    grown[t->call_count++] = (wh__trial_call){.symbol = k->symbol,
                                              .params = params,
                                              .param_size = k->layout->size,
                                              .attribute_count = count_attributes(k->layout)};
    return true;
}

/* Every kernel as the pipeline uses it, or with its defaults when it does not. */
static void add_calls(wh__trial *t, const wh__trial_plan *plan, const wh__module *m)
{
    for (uint32_t i = 0; i < m->kernel_count; i++) {
        uint32_t from = 0;
        const wh__used *used = find_used(plan, m->kernel[i].id, &from);
        do
            add_call(t, &m->kernel[i], used);
        while (used && (used = find_used(plan, m->kernel[i].id, &from)));
    }
}

/* The canary's words, with the line in the source when the debug information tells it. */
static void refuse_verdict(wh__job *j, const char *library, const wh__verdict *v)
{
    char file[600];
    wh_path real;
    uint32_t line;
    if (!(v->offset && wh__source_line(library, v->offset, file, sizeof file, &line)) &&
        !(v->caller && wh__source_line(library, v->caller, file, sizeof file, &line))) {
        refuse(j, WH_ERR_KERNEL, v->text);
        return;
    }
    snprintf(j->take.text, sizeof j->take.text, "%.500s:%u: %.400s", wh__path_real(&real, file) ? real.s : file, line,
             v->text);
    show_path(j, j->take.text, sizeof j->take.text);
    j->take.kind = WH_TAKE_REFUSED;
    j->take.status = WH_ERR_KERNEL;
    j->take.line = line;
}

static bool try_library(wh__job *j, const char *library, wh__module *m)
{
    const wh__trial_plan *plan = j->trial;
    wh__trial t = {.library = library, .seconds = j->kind == WH_JOB_FAST ? FAST_SECONDS : TRIAL_SECONDS};
    wh__verdict v = {.text = ""};
    if (!j->units->canary || !plan || plan->mode == WH_CANARY_OFF || j->known_good)
        return true;
    if (plan->seconds > 0 && plan->seconds < t.seconds)
        t.seconds = plan->seconds;
    if (m)
        add_calls(&t, plan, m);
    if (m && plan->input && plan->mode == WH_CANARY_LAST_INPUT)
        t.mesh = &plan->input->mesh;
    const bool ok = wh__canary_try(j->units->canary, &t, &v);
    j->take.step[WH_STEP_CANARY] += v.milliseconds;
    for (uint32_t i = 0; i < t.call_count; i++)
        free((void *)t.call[i].params);
    free((void *)t.call);
    if (ok && v.text[0])
        snprintf(j->take.log, sizeof j->take.log, "%.290s", v.text);
    if (!ok && j->kind == WH_JOB_FULL) /* the fast build's verdict is nobody's to read */
        refuse_verdict(j, library, &v);
    /* A slow machine is no reason to refuse the same text for ever. */
    if (!ok && j->kind == WH_JOB_FULL)
        wh__history_mark(&j->unit->origin->history, j->take.generation,
                         strstr(v.text, "ran longer") ? WH_RECORD_REFUSED : WH_RECORD_BAD, j->take.text);
    return ok;
}

/* A text that crashed before is not run again to see whether it still does; and one that ran needs no canary. */
static bool is_known_bad(wh__job *j)
{
    wh__records list = wh__history_read(&j->unit->origin->history);
    bool bad = false;
    j->recorded = false;
    for (uint32_t i = 0; i < list.count; i++) {
        const wh__record *r = &list.item[i];
        if (r->key != j->key)
            continue;
        j->recorded = i + 1 == list.count && r->state < WH_RECORD_REFUSED;
        bad = r->state == WH_RECORD_BAD;
        j->known_good = r->state == WH_RECORD_GOOD && !r->fast;
        if (bad)
            snprintf(j->take.text, sizeof j->take.text, "%s (generation %u; change the source)", r->note,
                     r->generation);
    }
    free(list.item);
    if (bad) {
        const char *colon = strchr(j->take.text, ':');
        j->take.kind = WH_TAKE_REFUSED;
        j->take.status = WH_ERR_KERNEL;
        j->take.line = colon ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;
    }
    return bad;
}

static bool load(wh__job *j, const wh_path *library, bool fast)
{
    char why[600];
    if (is_known_bad(j)) /* the fast build of it crashed meanwhile */
        return false;
    j->take.generation = wh__history_add(&j->unit->origin->history, j->key, j->saved_at, fast);
    if (!j->take.generation)
        return refuse(j, WH_ERR_IO, "cannot write to the cache folder");
    if (!wh__library_complete(library->s, why, sizeof why))
        return refuse(j, WH_ERR_KERNEL, why);
    if (!try_library(j, library->s, NULL))
        return false;
    wh__module_request r = {.library = library->s,
                            .origin = j->unit->origin,
                            .copy = true,
                            .generation = j->take.generation,
                            .key = j->key,
                            .fast = fast};
    wh__module *m = wh__module_load(&r, why, sizeof why);
    j->take.step[WH_STEP_LOADED] = r.loaded;
    j->take.step[WH_STEP_CHECKED] = r.checked;
    if (!m)
        return refuse(j, WH_ERR_KERNEL, why);
    j->take.module = m;
    return try_library(j, library->s, m);
}

/* ---- the job ---- */

static bool can_build(wh__job *j)
{
    if (!wh__is_word(j->unit->word))
        return refuse(j, WH_ERR_KERNEL, "the name of a kernel's file must be letters, digits and _ (rename it)");
    if (!j->units->cache[0] || (!wh__is_folder(j->units->cache) && !wh__make_folders(j->units->cache)))
        return refuse(j, WH_ERR_IO, "no folder to build it in (set XDG_CACHE_HOME to one that can be written)");
    if (j->unit->type != WH_UNIT_LIBRARY && !j->compiler[0])
        return refuse(j, WH_ERR_BUILD, "no C compiler to build it with (install gcc or clang, or set CC)");
    return true;
}

/* The library of an earlier run does, when everything that went into it is as it was. Of what the scan does not see the
 * fast tier says nothing: its library may be an old one. */
static bool get_library(wh__job *j, wh_path *library, bool *fast, bool *cached)
{
    char why[64];
    *fast = *cached = false;
    if (j->unit->type == WH_UNIT_LIBRARY)
        return copy_library(j, library);
    const standing s = read_record(j, j->key);
    wh__history_path(&j->unit->origin->history, j->key, false, library);
    if ((*cached = s == AS_RECORDED && wh__library_complete(library->s, why, sizeof why)))
        return true;
    *fast = j->kind == WH_JOB_FAST;
    return !*fast ? compile(j, library) : s != CHANGED_SINCE && compile_fast(j, library);
}

static void drop_result(wh__job *j)
{
    wh__module_drop(j->take.module);
    j->take.module = NULL;
}

/* What an earlier run left in the cache may be damaged: then it is built anew. */
static bool load_again(wh__job *j, wh_path *library)
{
    if (!j->take.module && j->take.step[WH_STEP_LOADED] > 0)
        return false;
    drop_result(j);
    wh__take_free(&j->take);
    j->take = (wh__take){.kind = WH_TAKE_NONE};
    return compile(j, library) && load(j, library, false);
}

/* Nothing can go back to it. One that ran before may well run again: its library is not to blame. */
static void refuse_built(wh__job *j)
{
    wh__records list = wh__history_read(&j->unit->origin->history);
    for (uint32_t i = 0; i < list.count; i++)
        if (list.item[i].generation == j->take.generation && list.item[i].state == WH_RECORD_BUILT)
            wh__history_mark(&j->unit->origin->history, j->take.generation, WH_RECORD_REFUSED, j->take.text);
    free(list.item);
}

static void build(wh__job *j)
{
    wh_path library;
    bool fast, cached;
    const double start = wh__now();
    bool ok = can_build(j) && !is_known_bad(j);
    if (ok) {
        ok = get_library(j, &library, &fast, &cached);
        j->known_good = j->known_good && cached;
        j->take.step[WH_STEP_BUILT] = (wh__now() - start) * 1e3;
        ok = ok && (load(j, &library, fast) || (cached && j->kind == WH_JOB_FULL && load_again(j, &library)));
        /* The full build tells what is wrong, and finds what the fast one cannot do. */
        if (!ok && j->kind == WH_JOB_FAST) {
            drop_result(j);
            if (j->take.generation && !j->recorded)
                wh__history_take_back(&j->unit->origin->history, j->take.generation);
            wh__take_free(&j->take);
            j->take = (wh__take){.kind = WH_TAKE_LATER};
            return;
        }
    }
    if (ok) {
        j->take.kind = WH_TAKE_MODULE;
        return;
    }
    drop_result(j);
    refuse_built(j);
    j->take.key = j->key;
    j->key = 0; /* the same text again is tried again: whoever mends by going back wants to hear of it */
}

/* What was built from it stays. */
static bool is_removed(wh__job *j)
{
    wh_path real;
    if (wh__path_real(&real, j->unit->path.s))
        return false;
    wh__take_free(&j->take);
    j->take = (wh__take){.kind = WH_TAKE_UNCHANGED};
    return true;
}

void wh__job_work(wh__job *j)
{
    j->take.fast = j->kind == WH_JOB_FAST;
    j->key = j->known_key;
    j->take.kind = WH_TAKE_UNCHANGED;
    if (is_removed(j))
        return;
    j->key = fingerprint(j);
    if (j->key == j->known_key && (j->unit->type == WH_UNIT_LIBRARY || read_record(j, j->key) != CHANGED_SINCE))
        return;
    j->take.kind = WH_TAKE_NONE;
    build(j);
    if (j->take.kind == WH_TAKE_REFUSED && is_removed(j))
        return;
    j->take.fast = j->kind == WH_JOB_FAST;
    const bool full = j->take.kind == WH_TAKE_REFUSED || (j->take.kind == WH_TAKE_MODULE && !j->take.module->fast);
    if (full && j->trial)
        wh__history_trim(&j->unit->origin->history, j->trial->keep ? j->trial->keep : 8, j->held, 2);
}
