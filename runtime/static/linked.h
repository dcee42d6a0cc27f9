/* linked.h - the kernels that are part of this library. CMake writes the table from the WH_KERNEL lines of the sources.
 */
#ifndef WH_LINKED_H
#define WH_LINKED_H
#include "whorl_kernel.h"

typedef struct {
    const char *word, *symbol; /* "twist", of the file or folder; "wh_kernel_deform_twist" */
    const wh_kernel *kernel;
} wh__linked;

extern const wh__linked wh__linked_kernels[]; /* kernels of one word stand together; ends with word NULL */
#endif
