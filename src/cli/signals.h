/* SPDX-License-Identifier: MIT */
/* signals.h - ending a job when the user or the system asks for it. */
#ifndef MAPPROC_CLI_SIGNALS_H
#define MAPPROC_CLI_SIGNALS_H

#include "mapproc.h"
#include "progress/progress.h"

/*
 * From now on SIGINT, SIGTERM and SIGHUP, unless they were ignored at start, request `cancel`. The
 * job has 150 ms to stop; if it hangs in the kernel, or the signal comes again, the process dies at
 * once. Call it once; the token must live as long as the process.
 */
void cli_signals_cancel(struct mapproc_cancel *cancel);

/*
 * To be called before output files are opened. Signals that end the process remove the temporaries
 * of output/temporaries.h first: those above do so in any case, now SIGPIPE, SIGQUIT and SIGXCPU do
 * too, unless they were ignored. A file that grows too large is an error and no signal.
 */
void cli_signals_protect_output(void);

/*
 * From now on SIGUSR1, unless it was ignored at start, prints a line of progress and ends nothing;
 * as long as there is no more to tell, one that says for how long `verb` has been running.
 */
void cli_signals_report(const char *verb);

/* SIGUSR1 makes this progress tell how it is, and a signal that ends the process ends it. NULL: no
 * more. */
void cli_signals_tell(struct mapproc_progress *progress);

/* If a signal asked to stop, dies by the same signal, as if it had never been caught. */
void cli_signals_die_if_cancelled(void);

#endif
