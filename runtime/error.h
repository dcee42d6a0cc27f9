/* error.h - one way to fail: a status, and one line of text for this thread. */
#ifndef WH_ERROR_H
#define WH_ERROR_H
#include "whorl.h"

/* Sets this thread's last error and returns status. The text may come from the last error itself. */
__attribute__((format(printf, 2, 3))) wh_status wh__fail(wh_status status, const char *format, ...);
#endif
