/* SPDX-License-Identifier: MIT */
/* jobs_seen.h - the jobs that watch and ctl can see. */
#ifndef MAPPROC_CLI_JOBS_SEEN_H
#define MAPPROC_CLI_JOBS_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/progress_text.h"
#include "progress/segment_reader.h"

/* A job and what is known about it. */
struct cli_job {
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view;
    struct mapproc_estimate estimate;
    struct cli_figures figures;
    unsigned failures; /* looks in a row at a damaged segment */
};

/* How a job is, for whoever decides what comes next. */
enum cli_job_end {
    CLI_JOB_GOES_ON,
    CLI_JOB_ENDED_WELL,
    CLI_JOB_ENDED_BADLY, /* failed or cancelled */
    CLI_JOB_DIED,
    CLI_JOB_LOST, /* its segment is damaged for good; told */
};

enum { CLI_JOB_TEXT_MAX = 320 };

/*
 * Finds the jobs of which `selector`, a number of a process or a name, or NULL for all, is right,
 * opened and looked at, in memory to be given to cli_jobs_free(). Segments that cannot be read are
 * told. CLI_OK, or an exit status after a message; finding none is no error here.
 */
int cli_jobs_find(const char *selector, bool writable, struct cli_job **jobs, size_t *count);
void cli_jobs_free(struct cli_job *jobs, size_t count);

/* Looks at a job again. */
enum cli_job_end cli_job_look(struct cli_job *job);

/* The same without looking. */
enum cli_job_end cli_job_end(const struct cli_job *job);

/* "checksum 4711 'nightly'", in `text` of CLI_JOB_TEXT_MAX bytes, whatever the segment says. */
char *cli_job_name(const struct cli_job *job, char *text);

/* "63.0 % of 4.0 GiB, 1.2 GiB/s, 0:03 left", "failed with exit status 1, ...", or "died 12 s ago at
 * 63.0 %". */
char *cli_job_describe(const struct cli_job *job, char *text);

/* Seconds since the job told something. */
double cli_job_age(const struct cli_job *job);

#endif
