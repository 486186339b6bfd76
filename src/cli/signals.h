/* SPDX-License-Identifier: MIT */
/* signals.h - ending a job when the user or the system asks for it. */
#ifndef MAPPROC_CLI_SIGNALS_H
#define MAPPROC_CLI_SIGNALS_H

#include "mapproc.h"
#include "output/atomic_file.h"

/*
 * From now on SIGINT, SIGTERM and SIGHUP, unless they were ignored at start, request `cancel`. The
 * job has 150 ms to stop; if it hangs in the kernel, or the signal comes again, the process dies at
 * once. Call it once; the token must live as long as the process.
 */
void cli_signals_cancel(struct mapproc_cancel *cancel);

/* From now on, whenever a signal ends the process, the temporary of `file` is removed first. The
 * file must live as long as the process. */
void cli_signals_protect(const struct mapproc_atomic_file *file);

/* If a signal asked to stop, dies by the same signal, as if it had never been caught. */
void cli_signals_die_if_cancelled(void);

#endif
