/* history.c - a text file, one line a record, written whole each time: it is a few kilobytes, and is read and written
 * about once a save. Each line begins with a hash of the rest, so that a damaged one is known for certain:
 *     HASH whorl-history 1 HIGHEST-GENERATION-EVER
 *     HASH GENERATION KEY SECONDS.NANOSECONDS fast|full built|good|bad NOTE */
#include "history.h"
#include "hash.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_RECORDS = 1000, /* trimming comes long before; this bounds a file that nobody trims */
    MOST_BAD = 8         /* refused and bad ones that stay: they are shown, and the same text is not tried again */
};

typedef struct {
    wh__records records;
    uint32_t highest; /* number that was ever given */
} store;

void wh__history_init(wh__history *h, const char *folder, const char *stem)
{
    snprintf(h->folder.s, sizeof h->folder.s, "%s", folder);
    snprintf(h->stem, sizeof h->stem, "%s", stem);
    pthread_mutex_init(&h->lock, NULL);
}

void wh__history_free(wh__history *h)
{
    pthread_mutex_destroy(&h->lock);
}

static void file_path(const wh__history *h, const char *ending, wh_path *out)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", h->stem, ending);
    if (!wh__path_join(out, h->folder.s, name))
        out->s[0] = 0; /* too long: there is no such file */
}

void wh__history_path(const wh__history *h, uint64_t key, bool fast, wh_path *out)
{
    char ending[40];
    snprintf(ending, sizeof ending, "-%016llx%s", (unsigned long long)key, fast ? ".fast.so" : ".so");
    file_path(h, ending, out);
}

bool wh__history_library(wh__history *h, uint64_t key, wh_path *out, bool *fast)
{
    for (int i = 0; i < 2; i++) {
        wh__history_path(h, key, i == 1, out);
        *fast = i == 1;
        if (wh__file_signature(out->s))
            return true;
    }
    return false;
}

/* ---- lines ---- */

static const char *const state_names[] = {"", "built", "good", "refused", "bad"};

/* One line whatever the text holds, cut where a character of UTF-8 begins. */
static void set_note(wh__record *r, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= sizeof r->note) {
        length = sizeof r->note - 1;
        while (length && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        r->note[i] = (unsigned char)text[i] < 32 || text[i] == 127 ? ' ' : text[i];
    r->note[length] = 0;
}

/* Whole numbers: a host's locale has no say in them. */
static void print_time(char *out, size_t size, double seconds)
{
    const double kept = seconds > 0 && seconds < 1e12 ? seconds : 0;
    const uint64_t whole = (uint64_t)kept, nano = (uint64_t)((kept - (double)whole) * 1e9);
    snprintf(out, size, "%llu.%09llu", (unsigned long long)whole, (unsigned long long)nano);
}

static void put_line(FILE *file, const char *line)
{
    fprintf(file, "%016llx %s\n", (unsigned long long)wh__hash(line, strlen(line), 0), line);
}

static void put_record(FILE *file, const wh__record *r)
{
    char time[40], line[512];
    print_time(time, sizeof time, r->saved);
    snprintf(line, sizeof line, "%u %016llx %s %s %s %s", r->generation, (unsigned long long)r->key, time,
             r->fast ? "fast" : "full", state_names[r->state], r->note);
    put_line(file, line);
}

static bool parse_record(const char *line, wh__record *r)
{
    unsigned long long key, whole, nano;
    char tier[8], state[8];
    int note = 0;
    if (sscanf(line, "%u %llx %llu.%llu %7s %7s%n", &r->generation, &key, &whole, &nano, tier, state, &note) != 6)
        return false;
    r->key = key;
    r->saved = (double)whole + (double)nano * 1e-9;
    r->fast = strcmp(tier, "fast") == 0;
    r->state = strcmp(state, "built") == 0     ? WH_RECORD_BUILT
               : strcmp(state, "good") == 0    ? WH_RECORD_GOOD
               : strcmp(state, "refused") == 0 ? WH_RECORD_REFUSED
                                               : WH_RECORD_BAD;
    set_note(r, line[note] == ' ' ? line + note + 1 : "");
    return r->generation > 0;
}

/* The line behind its hash; NULL for a damaged one. */
static const char *checked(const char *line)
{
    char *rest;
    const unsigned long long hash = strtoull(line, &rest, 16);
    if (rest != line + 16 || *rest != ' ')
        return NULL;
    return wh__hash(rest + 1, strlen(rest + 1), 0) == hash ? rest + 1 : NULL;
}

/* ---- the file ---- */

static void remove_record(wh__records *r, uint32_t index)
{
    memmove(&r->item[index], &r->item[index + 1], (r->count - index - 1) * sizeof *r->item);
    r->count--;
}

static uint32_t newest_good(const wh__records *r)
{
    uint32_t i = r->count;
    while (i && r->item[i - 1].state != WH_RECORD_GOOD)
        i--;
    return i ? r->item[i - 1].generation : 0;
}

/* The oldest goes when the list is full, but for the newest good one. */
static bool append(wh__records *r, const wh__record *record)
{
    if (r->count == MOST_RECORDS)
        remove_record(r, r->item[0].generation == newest_good(r) ? 1 : 0);
    if ((r->count & (r->count - 1)) == 0) { /* room doubles at 0, 1, 2, 4 … */
        wh__record *grown = realloc(r->item, (r->count ? 2 * r->count : 1) * sizeof *grown);
        if (!grown)
            return false;
        r->item = grown;
    }
    r->item[r->count++] = *record;
    return true;
}

static bool take_line(store *s, const char *line)
{
    const char *text = checked(line);
    wh__record record;
    unsigned highest;
    if (!text)
        return true;
    if (sscanf(text, "whorl-history 1 %u", &highest) == 1) {
        s->highest = highest > s->highest ? highest : s->highest;
        return true;
    }
    const uint32_t last = s->records.count ? s->records.item[s->records.count - 1].generation : 0;
    if (!parse_record(text, &record) || record.generation <= last)
        return true;
    s->highest = record.generation > s->highest ? record.generation : s->highest;
    return append(&s->records, &record);
}

/* false: what is there could not be read, and must not be replaced. */
static bool load(const wh__history *h, store *s)
{
    wh_path path;
    *s = (store){0};
    file_path(h, ".history", &path);
    size_t size;
    char *text = wh__read_file(path.s, &size);
    if (!text)
        return errno == ENOENT;
    bool ok = true;
    for (char *line = text, *end = text + size; ok && line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        *stop = 0;
        ok = take_line(s, line);
        line = stop + 1;
    }
    free(text);
    return ok;
}

static bool save(const wh__history *h, const store *s)
{
    wh_path path;
    wh_output out;
    file_path(h, ".history", &path);
    if (!wh__output_open(&out, path.s))
        return false;
    char first[40];
    snprintf(first, sizeof first, "whorl-history 1 %u", s->highest);
    put_line(out.file, first);
    for (uint32_t i = 0; i < s->records.count; i++)
        put_record(out.file, &s->records.item[i]);
    return wh__output_commit(&out);
}

/* ---- reading, and changing under the lock ---- */

wh__records wh__history_read(wh__history *h)
{
    store s;
    load(h, &s); /* the file is always whole: no lock */
    return s.records;
}

/* From begin to end nobody else changes the file: no thread, no process that shares the cache. */
static void *begin(wh__history *h, store *s, bool *ok)
{
    wh_path path;
    file_path(h, ".lock", &path);
    pthread_mutex_lock(&h->lock);
    void *lock = wh__file_lock(path.s);
    *ok = load(h, s);
    return lock;
}

static void end(wh__history *h, store *s, void *lock)
{
    wh__file_unlock(lock);
    pthread_mutex_unlock(&h->lock);
    free(s->records.item);
}

static uint32_t add(store *s, uint64_t key, double saved, bool fast, bool *changed)
{
    wh__record *newest = s->records.count ? &s->records.item[s->records.count - 1] : NULL;
    if (newest && newest->key == key && newest->state < WH_RECORD_REFUSED) {
        *changed = newest->fast && !fast;
        newest->fast = newest->fast && fast;
        return newest->generation;
    }
    const wh__record record = {s->highest + 1, key, saved, fast, WH_RECORD_BUILT, ""};
    *changed = s->highest < UINT32_MAX && append(&s->records, &record);
    return *changed ? ++s->highest : 0;
}

uint32_t wh__history_add(wh__history *h, uint64_t key, double saved, bool fast)
{
    store s;
    bool ok, changed = false;
    void *lock = begin(h, &s, &ok);
    uint32_t generation = ok ? add(&s, key, saved, fast, &changed) : 0;
    if (changed && !save(h, &s))
        generation = 0;
    end(h, &s, lock);
    return generation;
}

static bool take_back(const wh__history *h, store *s, uint32_t generation)
{
    wh_path path;
    const wh__record *newest = s->records.count ? &s->records.item[s->records.count - 1] : NULL;
    if (!newest || newest->generation != generation || !newest->fast || newest->state != WH_RECORD_BUILT)
        return false;
    wh__history_path(h, newest->key, true, &path);
    remove(path.s);
    s->records.count--;
    s->highest -= s->highest == generation; /* nobody has seen the number */
    return true;
}

void wh__history_take_back(wh__history *h, uint32_t generation)
{
    store s;
    bool ok;
    void *lock = begin(h, &s, &ok);
    if (ok && take_back(h, &s, generation))
        save(h, &s);
    end(h, &s, lock);
}

/* A verdict only gets worse: a cook that ends well must not clear what another one found. */
static bool mark(wh__record *r, wh__record_state state, const char *note)
{
    if (state <= r->state)
        return false;
    r->state = state;
    set_note(r, note);
    return true;
}

void wh__history_mark(wh__history *h, uint32_t generation, wh__record_state state, const char *note)
{
    store s;
    bool ok, changed = false;
    void *lock = begin(h, &s, &ok);
    uint32_t at = 0;
    while (at < s.records.count && s.records.item[at].generation != generation)
        at++;
    if (ok && at < s.records.count) {
        const uint64_t key = s.records.item[at].key;
        for (uint32_t i = 0; i < s.records.count; i++)
            if (i == at || (state == WH_RECORD_BAD && s.records.item[i].key == key)) /* the same library */
                changed |= mark(&s.records.item[i], state, note);
    }
    if (changed)
        save(h, &s);
    end(h, &s, lock);
}

static bool is_held(uint32_t generation, const uint32_t *held, uint32_t held_count)
{
    for (uint32_t i = 0; i < held_count; i++)
        if (held[i] == generation)
            return true;
    return false;
}

static void remove_libraries(const wh__history *h, const wh__records *kept, uint64_t key)
{
    for (uint32_t i = 0; i < kept->count; i++)
        if (kept->item[i].key == key)
            return; /* an edit that was undone: another generation is the same library */
    for (int fast = 0; fast < 2; fast++) {
        wh_path path, parts;
        wh__history_path(h, key, fast == 1, &path);
        remove(path.s);
        snprintf(parts.s, sizeof parts.s, "%.4000s" WH_PARTS_ENDING, path.s);
        remove(parts.s);
    }
}

static bool can_run(const wh__record *r)
{
    return r->state < WH_RECORD_REFUSED;
}

/* Those that can run and the others are counted apart: a run of bad saves must not push out what can be gone back to.
 */
void wh__history_trim(wh__history *h, uint32_t most, const uint32_t *held, uint32_t held_count)
{
    store s;
    bool ok;
    void *lock = begin(h, &s, &ok);
    wh__records *r = &s.records;
    uint64_t *gone = ok && r->count ? malloc(r->count * sizeof *gone) : NULL;
    uint32_t gone_count = 0, kept = 0, left[2] = {0, 0};
    const uint32_t good = newest_good(r), count = r->count, room[2] = {MOST_BAD, most};
    for (uint32_t i = 0; i < count; i++)
        left[can_run(&r->item[i])]++;
    for (uint32_t i = 0; gone && i < count; i++) {
        const wh__record *one = &r->item[i];
        const bool runs = can_run(one), fits = left[runs]-- <= room[runs];
        if (fits || one->generation == good || is_held(one->generation, held, held_count))
            r->item[kept++] = *one;
        else
            gone[gone_count++] = one->key;
    }
    r->count = kept;
    if (gone_count && save(h, &s)) /* the other way round, a record could stand without its library */
        for (uint32_t i = 0; i < gone_count; i++)
            remove_libraries(h, r, gone[i]);
    free(gone);
    end(h, &s, lock);
}
