/* keys.h - one key at a time from the terminal, which is as it was at every way out. */
#ifndef WH_CLI_KEYS_H
#define WH_CLI_KEYS_H
#include "whorl.h"

/* Once, before there are sessions or threads. */
void keys_catch_signals(void);
/* From now on each key wakes the session. false: stdin and stdout are not both a terminal. */
bool keys_start(wh_session *s);
/* Before that session is closed; fine without a start. */
void keys_stop(void);
/* The next key that was pressed; 0: none. */
char keys_next(void);
/* For ways out that do not come past keys_stop. Safe in a signal handler. */
void keys_restore_terminal(void);
#endif
