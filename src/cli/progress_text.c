/* SPDX-License-Identifier: MIT */
/* progress_text.c - how far a job has come, in figures and in words. */
#include "cli/progress_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/size_text.h"

static double find_percent(const struct mapproc_progress_snapshot *snapshot)
{
    double percent;

    if ((snapshot->flags & MAPPROC_PROGRESS_TOTAL_KNOWN) == 0)
        return -1;
    if (snapshot->done_bytes >= snapshot->total_bytes)
        return snapshot->done_files >= snapshot->total_files ? 100 : 99.9;
    /* Cut, not rounded: 100 means all. */
    percent = floor(1000.0 * (double)snapshot->done_bytes / (double)snapshot->total_bytes) / 10;
    return percent < 99.9 ? percent : 99.9;
}

void cli_figures_make(struct cli_figures *figures, const struct mapproc_progress_snapshot *snapshot,
                      uint64_t started_ns, const struct mapproc_estimate *estimate)
{
    uint64_t elapsed = snapshot->updated_ns > started_ns ? snapshot->updated_ns - started_ns : 0;
    uint64_t paused = snapshot->paused_ns < elapsed ? snapshot->paused_ns : elapsed;
    uint64_t left = snapshot->total_bytes > snapshot->done_bytes
                        ? snapshot->total_bytes - snapshot->done_bytes
                        : 0;
    bool known = (snapshot->flags & MAPPROC_PROGRESS_TOTAL_KNOWN) != 0 &&
                 snapshot->state == MAPPROC_PROGRESS_RUNNING;

    figures->percent = find_percent(snapshot);
    figures->elapsed = (double)elapsed / 1e9;
    figures->average =
        elapsed > paused ? (double)snapshot->done_bytes / ((double)(elapsed - paused) / 1e9) : -1;
    if (snapshot->state == MAPPROC_PROGRESS_PAUSED)
        figures->rate = 0;
    else if (!mapproc_estimate_rate(estimate, &figures->rate))
        figures->rate = -1;
    if (!known || !mapproc_estimate_left(estimate, left, &figures->left))
        figures->left = -1;
    figures->ratio = snapshot->output_bytes > 0 && snapshot->done_bytes > 0
                         ? (double)snapshot->output_bytes / (double)snapshot->done_bytes
                         : -1;
}

char *cli_duration_format(double seconds, char *text)
{
    const double most = 1e9; /* seconds: 31 years */
    unsigned long long whole;

    if (!(seconds >= 0)) {
        (void)snprintf(text, CLI_DURATION_MAX, "?");
        return text;
    }
    whole = (unsigned long long)(seconds < most ? seconds : most);
    if (whole >= 86400)
        (void)snprintf(text, CLI_DURATION_MAX, "%llud %02llu:%02llu:%02llu", whole / 86400,
                       whole / 3600 % 24, whole / 60 % 60, whole % 60);
    else if (whole >= 3600)
        (void)snprintf(text, CLI_DURATION_MAX, "%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60,
                       whole % 60);
    else
        (void)snprintf(text, CLI_DURATION_MAX, "%llu:%02llu", whole / 60, whole % 60);
    return text;
}

char *cli_percent_format(double percent, char *text)
{
    if (percent < 0)
        (void)snprintf(text, CLI_PERCENT_MAX, "?");
    else
        (void)snprintf(text, CLI_PERCENT_MAX, "%.1f %%", percent);
    return text;
}

char *cli_rate_format(double rate, char *text)
{
    const double most = 1e18;
    char size[MAPPROC_SIZE_TEXT_MAX];

    if (!(rate >= 0))
        (void)snprintf(text, MAPPROC_SIZE_TEXT_MAX + 2, "?");
    else
        (void)snprintf(text, MAPPROC_SIZE_TEXT_MAX + 2, "%s/s",
                       mapproc_size_format((uint64_t)(rate < most ? rate : most), size));
    return text;
}

const char *cli_state_name(uint32_t state)
{
    static const char *const names[] = {
        [MAPPROC_PROGRESS_PLANNING] = "planning",   [MAPPROC_PROGRESS_RUNNING] = "running",
        [MAPPROC_PROGRESS_PAUSED] = "paused",       [MAPPROC_PROGRESS_FINISHING] = "finishing",
        [MAPPROC_PROGRESS_DONE] = "done",           [MAPPROC_PROGRESS_FAILED] = "failed",
        [MAPPROC_PROGRESS_CANCELLED] = "cancelled",
    };

    return state < sizeof(names) / sizeof(names[0]) && names[state] != NULL ? names[state]
                                                                            : "starting";
}

const char *cli_worker_state_name(uint32_t state)
{
    static const char *const names[] = {
        [MAPPROC_WORKER_ABSENT] = "ended",  [MAPPROC_WORKER_IDLE] = "idle",
        [MAPPROC_WORKER_BUSY] = "busy",     [MAPPROC_WORKER_LIMITED] = "limited",
        [MAPPROC_WORKER_PAUSED] = "paused",
    };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

void cli_progress_describe(char *text, const struct mapproc_progress_snapshot *snapshot,
                           const struct cli_figures *figures)
{
    char done[MAPPROC_SIZE_TEXT_MAX], total[MAPPROC_SIZE_TEXT_MAX], percent[CLI_PERCENT_MAX];
    char rate[MAPPROC_SIZE_TEXT_MAX + 2], left[CLI_DURATION_MAX];
    char amount[64], files[64] = "", errors[48] = "", time[64] = "";

    if (figures->percent >= 0)
        (void)snprintf(amount, sizeof(amount), "%s of %s",
                       cli_percent_format(figures->percent, percent),
                       mapproc_size_format(snapshot->total_bytes, total));
    else
        (void)snprintf(amount, sizeof(amount), "%s",
                       mapproc_size_format(snapshot->done_bytes, done));
    if (snapshot->total_files > 1)
        (void)snprintf(files, sizeof(files), ", %" PRIu64 "%s%.0" PRIu64 " files",
                       snapshot->done_files, figures->percent >= 0 ? " of " : "",
                       figures->percent >= 0 ? snapshot->total_files : 0);
    if (snapshot->errors > 0)
        (void)snprintf(errors, sizeof(errors), ", %" PRIu64 " bad", snapshot->errors);
    if (figures->left >= 0)
        (void)snprintf(time, sizeof(time), ", %s left", cli_duration_format(figures->left, left));
    (void)snprintf(text, CLI_PROGRESS_LINE_MAX, "%s%s%s, %s%s", amount, files, errors,
                   cli_rate_format(figures->rate >= 0 ? figures->rate : figures->average, rate),
                   time);
}
