/* layout.c - carries values from one declaration of a kernel's parameters to another: layout READINGS FROM SIZE TO
 * SIZE [name=value[,value …] …], where FROM and TO are files with the text of WH_PARAMS, each read so many times under
 * other names, and the values those of the old parameters, in place of their defaults. Prints how they differ, where
 * each old parameter lives on, and the new values. */
#include "layout.h"
#include "os.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wh__layout *read_layout(int readings, const char *path, const char *size)
{
    size_t length;
    char why[1024], *text = wh__read_file(path, &length);
    wh__layout *l = NULL;
    if (!text) {
        perror(path);
        return NULL;
    }
    for (int i = 0; i < readings; i++) {
        char name[32];
        snprintf(name, sizeof name, "deform_t%d", i);
        wh__layout_drop(l);
        l = wh__layout_read(name, text, (uint32_t)atoi(size), why, sizeof why);
    }
    if (!l)
        puts(why);
    free(text);
    return l;
}

static void set_one(const wh__member *m, unsigned char *at, uint32_t k, double v)
{
    const float f = (float)v;
    const int32_t i = m->type == WH_MEMBER_FLOAT ? 0 : (int32_t)v;
    if (m->type == WH_MEMBER_FLOAT)
        memcpy(at + 4 * k, &f, 4);
    else if (m->type == WH_MEMBER_BOOL)
        at[k] = i != 0;
    else
        memcpy(at + 4 * k, &i, 4);
}

static void set(const wh__layout *l, unsigned char *params, char *assignment)
{
    char *value = strchr(assignment, '=');
    *value++ = 0;
    const wh__member *m = wh__layout_find(l, assignment);
    unsigned char *at = params + m->offset;
    if (m->type == WH_MEMBER_STRING) {
        memset(at, 0, m->count);
        memcpy(at, value, strlen(value) < m->count ? strlen(value) : m->count);
        return;
    }
    for (uint32_t k = 0; k < m->count; k++) {
        set_one(m, at, k, strtod(value, &value));
        value += *value == ',';
    }
}

static void print_number(const wh__member *m, const unsigned char *at, uint32_t k)
{
    float f = 0;
    int32_t i = 0;
    memcpy(&f, at + 4 * k, m->type == WH_MEMBER_FLOAT ? 4 : 0);
    memcpy(&i, at + 4 * k, m->type == WH_MEMBER_INT || m->type == WH_MEMBER_CHOICE ? 4 : 0);
    if (m->type == WH_MEMBER_FLOAT)
        printf(" %.9g", (double)f);
    else
        printf(" %d", m->type == WH_MEMBER_BOOL ? at[k] : i);
}

static void print_member(const wh__member *m, const unsigned char *params)
{
    const unsigned char *at = params + m->offset;
    printf("%s =", m->name);
    if (m->type == WH_MEMBER_STRING)
        printf(" %s", (const char *)at);
    for (uint32_t k = 0; m->type != WH_MEMBER_STRING && k < m->count; k++)
        print_number(m, at, k);
    putchar('\n');
}

static void print_heirs(const wh__layout *from, const wh__layout *to)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const wh__member *heir = wh__layout_heir(to, &from->member[i]);
        printf("%s -> %s\n", from->member[i].name, heir ? heir->name : "nothing");
    }
}

int main(int count, char **argument)
{
    if (count < 6)
        return 2;
    const int readings = atoi(argument[1]);
    wh__layout *from = read_layout(readings, argument[2], argument[3]);
    wh__layout *to = from ? read_layout(readings, argument[4], argument[5]) : NULL;
    int status = 1;
    if (to) {
        unsigned char *old = malloc(from->size + 1), *params = malloc(to->size + 1);
        char text[1024];
        memset(params, 0xee, to->size);
        wh__layout_defaults(from, old);
        for (int i = 6; i < count; i++)
            set(from, old, argument[i]);
        wh__layout_migrate(from, old, to, params);
        wh__layout_difference(from, to, text, sizeof text);
        puts(text);
        print_heirs(from, to);
        for (uint32_t i = 0; i < to->count; i++)
            print_member(&to->member[i], params);
        free(old);
        free(params);
        status = 0;
    }
    wh__layout_drop(from);
    wh__layout_drop(to);
    return status;
}
