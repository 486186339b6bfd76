/* SPDX-License-Identifier: MIT */
/* progress_text.h - how far a job has come, in figures and in words. */
#ifndef MAPPROC_CLI_PROGRESS_TEXT_H
#define MAPPROC_CLI_PROGRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "mapproc_progress.h"
#include "progress/estimate.h"

enum {
    CLI_DURATION_MAX = 32, /* bytes of text that hold any duration */
    CLI_PERCENT_MAX = 16,
    CLI_PROGRESS_LINE_MAX = 256,
};

/* What a snapshot comes to. What is not known is negative. */
struct cli_figures {
    double percent; /* 100 only if all is done */
    double rate;    /* of late, bytes per second */
    double average; /* since the start, without pauses */
    double left;    /* seconds */
    double elapsed; /* seconds since the start */
    double ratio;   /* of output to what was done; negative without output */
};

/* Works out the figures of a job that started at `started_ns`. The snapshot is one that may be
 * hostile. */
void cli_figures_make(struct cli_figures *figures, const struct mapproc_progress_snapshot *snapshot,
                      uint64_t started_ns, const struct mapproc_estimate *estimate);

/* "0:07", "1:02:33", "12d 04:11:00"; "?" if negative. Returns `text`, of CLI_DURATION_MAX bytes. */
char *cli_duration_format(double seconds, char *text);

/* "63.0 %", or "?" if negative. Returns `text`, of CLI_PERCENT_MAX bytes. */
char *cli_percent_format(double percent, char *text);

/* "1.2 GiB/s", or "?" if negative. Returns `text`, of 2 + MAPPROC_SIZE_TEXT_MAX bytes. */
char *cli_rate_format(double rate, char *text);

/* "running" and so on. */
const char *cli_state_name(uint32_t state);
const char *cli_worker_state_name(uint32_t state);

/* "63.0 % of 4.0 GiB, 2 of 3 files, 1.2 GiB/s, 0:03 left", in `text` of CLI_PROGRESS_LINE_MAX
 * bytes. */
void cli_progress_describe(char *text, const struct mapproc_progress_snapshot *snapshot,
                           const struct cli_figures *figures);

#endif
