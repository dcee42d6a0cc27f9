/* status.c - what is to be said of a session at a glance: what is wrong now, and its state as JSON. */
#include "session.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is wrong ---- */

/* A file or kernel that is taken over has nothing wrong with it; a pipeline that runs needs all that it has. */
void wh__note_event(wh_session *s, wh_event_kind kind, const char *subject, const char *text)
{
    const bool mended = kind == WH_EV_RELOADED && (!strcmp(subject, s->file.s) || !strcmp(subject, s->wrong_with));
    if (kind != WH_EV_REJECTED && !mended)
        return;
    snprintf(s->wrong_with, sizeof s->wrong_with, "%s", mended ? "" : subject);
    snprintf(s->wrong, sizeof s->wrong, "%s", mended ? "" : text);
}

const char *wh_message(const wh_session *s)
{
    return s ? s->wrong : "";
}

/* ---- the state ---- */

static void put(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\": \"", key);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 32)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    fputs("\"", out);
}

static bool is_pinned(const wh_session *s, const char *kernel)
{
    wh_kernel_info info = {.size = sizeof info};
    for (uint32_t i = 0; i < wh_kernel_count(s) && wh_kernel_at(s, i, &info) == WH_OK; i++)
        if (strcmp(info.id, kernel) == 0)
            return info.pinned;
    return false;
}

static void put_stages(FILE *out, const wh_session *s)
{
    wh_stage_info stage = {.size = sizeof stage};
    fputs("\"stages\": [", out);
    for (uint32_t i = 0; i < wh_stage_count(s) && wh_stage_at(s, i, &stage) == WH_OK; i++) {
        fputs(i ? ", {" : "{", out);
        put(out, "kernel", stage.kernel);
        fputs(", ", out);
        put(out, "name", stage.name);
        fprintf(out, ", \"generation\": %u, \"pinned\": %s, \"enabled\": %s, \"milliseconds\": %.6g}", stage.generation,
                is_pinned(s, stage.kernel) ? "true" : "false", stage.enabled ? "true" : "false", stage.milliseconds);
    }
    fputs("]", out);
}

const char *wh_status_json(wh_session *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = s ? open_memstream(&text, &size) : NULL;
    if (!out)
        return "null";
    const wh__scene *scene = wh__scene_of(s);
    fputs("{", out);
    put(out, "file", s->file.s);
    fprintf(out, ", \"runs\": %s, \"revision\": %llu, ", scene && scene->plan ? "true" : "false",
            (unsigned long long)s->revision);
    put(out, "message", s->wrong);
    fputs(", ", out);
    put_stages(out, s);
    fputs("}", out);
    fclose(out);
    free(s->status_json);
    return (s->status_json = text) ? text : "null";
}
