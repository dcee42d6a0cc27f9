/* layout.h - what is where in a kernel's parameters or prepared state, and how values cross from one layout to another:
 * by name. */
#ifndef WH_LAYOUT_H
#define WH_LAYOUT_H
#include "whorl_kernel.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ffi-begin: lua/whorl/schema.lua writes these */
typedef enum {
    WH_MEMBER_FLOAT = 1, /* the first four as wh_param_type in whorl.h */
    WH_MEMBER_INT,
    WH_MEMBER_BOOL,
    WH_MEMBER_CHOICE, /* an int */
    WH_MEMBER_STRING  /* char [count] */
} wh__member_type;

typedef struct {
    char name[64], was[64]; /* was: its name in earlier generations, or "" */
    wh__member_type type;
    uint32_t offset, count; /* bytes from the start; components, or bytes of a string */
    double init[4], min, max;
    char *text;    /* a string's default, else NULL */
    char *choices; /* "x|y|z", else NULL */
    bool attribute;
} wh__member;
/* ffi-end */

typedef struct {
    atomic_uint users;
    uint32_t size, count; /* of the struct; of members */
    wh__member *member;
} wh__layout;

/* Reads the text of WH_PARAMS with lua/whorl/schema.lua, and holds it against the compiled size. NULL: why says what is
 * wrong, without the file. [any] */
wh__layout *wh__layout_read(const char *kernel, const char *text, uint32_t size, char *why, size_t why_size);
wh__layout *wh__layout_keep(wh__layout *l);
void wh__layout_drop(wh__layout *l); /* NULL is fine */

const wh__member *wh__layout_find(const wh__layout *l, const char *name); /* NULL: no such member */
/* The member of `to` that a member of `from` lives on in: by its name, else by the `was` of either, for generations go
 * back too; and where a member of `to` comes from. NULL: none. */
const wh__member *wh__layout_heir(const wh__layout *to, const wh__member *m);
const wh__member *wh__layout_origin(const wh__layout *from, const wh__member *m);

void wh__layout_defaults(const wh__layout *l, void *params);
/* Fills params of layout `to`: each member from its origin in old, made to fit (numbers rounded, clamped; a choice by
 * its word; a text by length; missing components from the default), else its default. */
void wh__layout_migrate(const wh__layout *from, const void *old, const wh__layout *to, void *params);
/* One line on how `to` differs: "added a, removed b, renamed c to d, retyped e, e.g. float to int, new range of f"; ""
 * when they are the same. */
void wh__layout_difference(const wh__layout *from, const wh__layout *to, char *text, size_t size);
#endif
