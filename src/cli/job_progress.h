/* SPDX-License-Identifier: MIT */
/* job_progress.h - what the program's own job tells: published, as a bar, and on SIGUSR1. */
#ifndef MAPPROC_CLI_JOB_PROGRESS_H
#define MAPPROC_CLI_JOB_PROGRESS_H

#include <stdbool.h>

#include "cli/options.h"

/*
 * Starts to tell about the job of a verb, as its common options want it, and puts the progress into
 * common->job. With `many_runs` several runs of the pipeline may follow one another. That it cannot
 * be published is told at -v. CLI_OK, or an exit status after a message. Call it once, from the
 * main thread.
 */
int cli_progress_begin(const struct cli_verb *verb, struct cli_common *common, bool many_runs);

/* The program ends with this status. Nothing if nothing was begun. */
void cli_progress_end(int status);

#endif
