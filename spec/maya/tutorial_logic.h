/* tutorial_logic.h - what the plug-in and the library that it reloads agree on, when both are built from it. */
#ifndef TUTORIAL_LOGIC_H
#define TUTORIAL_LOGIC_H

struct place {
    float x, y, z;
};

struct settings {
    float envelope, amount;
};

typedef struct place get_value_function(const void *settings, struct place at);

#endif
