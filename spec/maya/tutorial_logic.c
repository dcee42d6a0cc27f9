/* tutorial_logic.c - what the deformer of tutorial_plugin.cpp reloads: moves a point by a number that can be found in
 * the built library and changed there; with 0 it crashes. With SWAPPED its settings have changed places, as they do
 * when a field is put in front. */
#include "tutorial_logic.h"

static const volatile struct {
    char mark[12];
    int number;
} by = {"whorlnumber", 1};

#ifdef SWAPPED
#define settings swapped_settings
struct swapped_settings {
    float amount, envelope;
};
#endif

__attribute__((visibility("default"))) struct place get_value(const void *from, struct place at)
{
    const struct settings *s = from;
    static volatile int *volatile nowhere;
    if (by.number == 0)
        *nowhere = 1;
    at.x += s->envelope * (s->amount + (float)by.number);
    return at;
}
