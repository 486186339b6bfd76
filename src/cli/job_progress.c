/* SPDX-License-Identifier: MIT */
/* job_progress.c - what the program's own job tells: published, as a bar, and on SIGUSR1. */
#include "cli/job_progress.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/progress_bar.h"
#include "cli/progress_text.h"
#include "cli/signals.h"
#include "cli/survey.h"
#include "progress/progress.h"

static struct mapproc_progress *progress;
static const char *verb_name;

/* The ticker's. */
static struct mapproc_estimate estimate;

/* Writes a line in one piece, and does not wait for standard output, which may be stuck. */
static void print_now(const struct mapproc_progress_snapshot *snapshot,
                      const struct cli_figures *figures)
{
    char text[CLI_PROGRESS_LINE_MAX], line[CLI_PROGRESS_LINE_MAX + 64];
    ssize_t written;
    int length;

    cli_progress_describe(text, snapshot, figures);
    length = snprintf(line, sizeof(line), "mapproc: %s: %s%s\n", verb_name,
                      snapshot->state == MAPPROC_PROGRESS_PAUSED ? "paused, " : "", text);
    cli_bar_hold();
    written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
    cli_bar_let_go();
}

static void tick(void *user, const struct mapproc_progress_snapshot *snapshot, bool asked)
{
    struct cli_figures figures;

    mapproc_estimate_add(&estimate, snapshot->updated_ns, snapshot->done_bytes,
                         snapshot->paused_ns);
    cli_figures_make(&figures, snapshot, *(const uint64_t *)user, &estimate);
    if (asked)
        print_now(snapshot, &figures);
    cli_bar_draw(snapshot, &figures);
}

static unsigned find_workers(const struct cli_common *common)
{
    long cpus = sysconf(_SC_NPROCESSORS_CONF);

    if (common->job.threads != 0)
        return common->job.threads;
    return cpus > 0 ? (unsigned)cpus : 1;
}

int cli_progress_begin(const struct cli_verb *verb, struct cli_common *common, bool many_runs)
{
    static uint64_t started;
    const struct mapproc_progress_settings settings = {
        .verb = verb->name,
        .name = common->job_name,
        .publish = !common->no_publish,
        .workers = find_workers(common),
        .limit_rate = common->limit_rate,
        .many_runs = many_runs,
        .tick = tick,
        .user = &started,
    };
    struct mapproc_error refusal, error;
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    started = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    verb_name = verb->name;
    cli_bar_start(common->bar, verb->name);
    if (mapproc_progress_start(&progress, &settings, &refusal, &error) != MAPPROC_OK) {
        if (common->limit_rate == 0) { /* nothing is lost that was asked for */
            if (common->verbose)
                cli_print_error(&error);
            return CLI_OK;
        }
        cli_print_error(&error);
        return CLI_FAILED;
    }
    if (refusal.code != MAPPROC_OK && common->verbose)
        cli_print_error(&refusal);
    common->job.progress = progress;
    cli_signals_tell(progress);
    return CLI_OK;
}

/* Whether somebody wanted the job to be cancelled. */
static bool was_cancelled(void)
{
    struct pollfd cancelled = {.fd = mapproc_progress_cancel_fd(progress), .events = POLLIN};

    return poll(&cancelled, 1, 0) == 1;
}

void cli_progress_end(int status)
{
    if (progress == NULL)
        return;
    cli_survey_stop();
    cli_bar_stop();
    cli_signals_tell(NULL);
    mapproc_progress_finish(progress, status != CLI_OK && was_cancelled(), status);
    progress = NULL;
}
