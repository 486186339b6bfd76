/* SPDX-License-Identifier: MIT */
/* progress_bar.h - the last line of the terminal, while a job runs. */
#ifndef MAPPROC_CLI_PROGRESS_BAR_H
#define MAPPROC_CLI_PROGRESS_BAR_H

#include "cli/progress_text.h"

enum cli_bar_when { CLI_BAR_AUTO, CLI_BAR_ALWAYS, CLI_BAR_NEVER };

/* Lets there be a bar on standard error: always, or if it is a terminal. */
void cli_bar_start(enum cli_bar_when when, const char *verb);

/* Draws it anew, unless somebody is printing, or it is too early for one, or the terminal does not
 * take it now or belongs to others. From one thread. */
void cli_bar_draw(const struct mapproc_progress_snapshot *snapshot,
                  const struct cli_figures *figures);

/* Around everything that is printed and may end up on the same terminal: takes the bar away. */
void cli_bar_hold(void);
void cli_bar_let_go(void);

/* Takes it away for good. */
void cli_bar_stop(void);

/* Safe in a signal handler of a process that is about to die. */
void cli_bar_wipe(void);

#endif
