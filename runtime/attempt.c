/* attempt.c - load the pipeline with some choice of kernels, and keep what is wrong with it until it is known which
 * attempt counts. */
#include "live.h"
#include <stdlib.h>
#include <string.h>

void wh__keep_mistake(wh__mistakes *m, const char *file, uint32_t line, const char *text)
{
    wh__mistake *grown = realloc(m->item, (m->count + 1) * sizeof *grown);
    if (!grown)
        return;
    m->item = grown;
    m->item[m->count++] = (wh__mistake){strdup(file), strdup(text), line};
}

static void free_mistakes(wh__mistakes *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->item[i].file);
        free(m->item[i].text);
    }
    free(m->item);
    *m = (wh__mistakes){NULL, 0};
}

static void keep_mistake(void *context, const char *file, uint32_t line, const char *text)
{
    wh__keep_mistake(&((wh__attempt *)context)->mistakes, file, line, text);
}

static void keep_print(void *context, const char *text)
{
    wh__keep_mistake(&((wh__attempt *)context)->prints, "", 0, text);
}

/* Only of the attempt that counts: a file may be read several times for one save. */
void wh__show_prints(wh_session *s, const wh__attempt *a)
{
    for (size_t i = 0; i < a->prints.count; i++)
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s", a->prints.item[i].text);
}

void wh__clear_attempt(wh__attempt *a)
{
    free_mistakes(&a->mistakes);
    free_mistakes(&a->prints);
}

void wh__reject(wh_session *s, const wh__mistakes *m, const char *subject)
{
    for (size_t i = 0; i < m->count; i++) {
        const wh__mistake *w = &m->item[i];
        const char *file = w->file ? w->file : s->file.s, *text = w->text ? w->text : "out of memory";
        const char *about = subject ? subject : file;
        wh_event *e = w->line ? wh__push_event(s, WH_EV_REJECTED, about, "%s:%u: %s", file, w->line, text)
                              : wh__push_event(s, WH_EV_REJECTED, about, "%s: %s", file, text);
        e->status = WH_ERR_CONFIG;
        e->line = w->line;
        e->saved = s->saved_at;
    }
}

void wh__mistake_text(const wh_session *s, const wh__attempt *a, char *why, size_t size)
{
    const wh__mistake *m = a->mistakes.count ? &a->mistakes.item[0] : NULL;
    const char *file = m && m->file ? m->file : s->file.s;
    if (!m || !m->text)
        snprintf(why, size, "%s: it was not loaded", file);
    else if (m->line)
        snprintf(why, size, "%s:%u: %s", file, m->line, m->text);
    else
        snprintf(why, size, "%s: %s", file, m->text);
}

/* ---- loading ---- */

/* A pattern is relative to the folder of the pipeline file. */
static void add_pattern(wh_session *s, const char *pattern)
{
    const char *name = wh__base_name(pattern), *file = wh__base_name(s->file.s);
    char folder[8192];
    wh_path full;
    snprintf(folder, sizeof folder, "%.*s%.*s", (int)(file - s->file.s), s->file.s, (int)(name - pattern), pattern);
    if (!wh__path_join(&full, s->folder.s, folder) ||
        !wh__units_folder(&s->units, full.s, folder, name, WH_RANK_BESIDE))
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s: reload.kernels = \"%s\": no such folder", s->file.s, pattern);
}

static void take_patterns(wh_session *s, char **pattern, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pattern[i])
            add_pattern(s, pattern[i]);
        free(pattern[i]);
    }
    free(pattern);
    if (count)
        wh__units_scan(&s->units);
}

wh__plan *wh__try_plan(wh_session *s, wh__attempt *a, bool from_disk, wh__use use)
{
    char **pattern = NULL;
    uint32_t pattern_count = 0;
    wh__sources sources = {NULL, 0};
    wh__plan_request r = {.file = s->file.s,
                          .folder = s->folder.s,
                          .host = s->host,
                          .seed = s->seed,
                          .replay = from_disk ? NULL : &s->good,
                          .sources = &sources,
                          .pattern = &pattern,
                          .pattern_count = &pattern_count,
                          .context = a,
                          .fail = keep_mistake,
                          .print = keep_print};
    wh__clear_attempt(a);
    r.kernel = wh__registry_list(s, use, &r.kernel_count);
    wh__plan *p = r.kernel ? wh__plan_load(&r) : NULL;
    free(r.kernel);
    take_patterns(s, pattern, pattern_count);
    if (!from_disk) {
        wh__sources_free(&sources);
        return p;
    }
    wh__sources_free(&s->tried);
    s->tried = sources;
    s->tried_failed = !p;
    wh__watch_sources(s);
    return p;
}
