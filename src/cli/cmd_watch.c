/* SPDX-License-Identifier: MIT */
/* cmd_watch.c - mapproc watch: how far running jobs have come. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/watch.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    bool once;
    bool json;
    bool clean;
    double interval; /* seconds; 0: as suits the view */
};

static const double interval_least = 0.02, interval_most = 3600;

static const char *apply_once(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->once = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->json);
}

static const char *apply_clean(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->clean = true;
    return NULL;
}

static const char *apply_interval(void *settings, const char *value)
{
    double seconds;
    char *end;

    if (value[strspn(value, "0123456789.")] != '\0')
        return "must be seconds, from 0.02 to 3600";
    seconds = strtod(value, &end);
    if (*end != '\0' || !(seconds >= interval_least && seconds <= interval_most))
        return "must be seconds, from 0.02 to 3600";
    ((struct settings *)settings)->interval = seconds;
    return NULL;
}

static const struct cli_option options[] = {
    {"once", '\0', NULL, "tell how things are, and end", apply_once},
    {"json", '\0', NULL, "print one JSON object a look", apply_json},
    {"interval", 'n', "S", "seconds from look to look (default 1; on a screen 0.2)",
     apply_interval},
    {"clean", '\0', NULL, "remove what your dead jobs have left behind", apply_clean},
    {NULL, '\0', NULL, NULL, NULL},
};

static int status_of(enum cli_job_end end)
{
    static const int statuses[] = {
        [CLI_JOB_GOES_ON] = CLI_OK,           [CLI_JOB_ENDED_WELL] = CLI_OK,
        [CLI_JOB_ENDED_BADLY] = CLI_BAD_DATA, [CLI_JOB_DIED] = CLI_FAILED,
        [CLI_JOB_LOST] = CLI_BAD_DATA,
    };

    return statuses[end];
}

/* ---- one job ---- */

static const struct cli_watch_view *choose_view(const struct settings *settings)
{
    if (settings->json)
        return &cli_watch_json;
    if (!settings->once && cli_output_is_terminal() && cli_watch_screen != NULL &&
        cli_watch_screen->begin())
        return cli_watch_screen;
    return &cli_watch_lines;
}

static int watch_one(const struct settings *settings, struct cli_job *job)
{
    const struct cli_watch_view *view = choose_view(settings);
    double interval = settings->interval > 0     ? settings->interval
                      : view == cli_watch_screen ? 0.2
                                                 : 1;
    enum cli_watch_wish wish = CLI_WATCH_ON;
    bool written = view->show(job);

    while (written && !settings->once && wish == CLI_WATCH_ON &&
           cli_job_end(job) == CLI_JOB_GOES_ON) {
        wish = view->wait(job, interval);
        (void)cli_job_look(job);
        written = view->show(job);
    }
    if (view->end != NULL)
        view->end();
    if (view == cli_watch_screen && wish == CLI_WATCH_ON)
        (void)cli_watch_lines.show(job);
    return status_of(cli_job_end(job));
}

/* ---- several ---- */

static bool print_table(const struct cli_job *jobs, size_t count)
{
    bool written = true;

    for (size_t i = 0; i < count && written; i++)
        written = cli_watch_lines.show(&jobs[i]);
    return written;
}

static int worst(const struct cli_job *jobs, size_t count)
{
    int status = CLI_OK;

    for (size_t i = 0; i < count; i++)
        if (status_of(cli_job_end(&jobs[i])) > status)
            status = status_of(cli_job_end(&jobs[i]));
    return status;
}

/* One object a job and look, until all have ended. */
static int watch_all_json(const struct settings *settings, struct cli_job *jobs, size_t count)
{
    double interval = settings->interval > 0 ? settings->interval : 1;
    bool *over = calloc(count, sizeof(*over));
    size_t left = count;

    if (over == NULL)
        return CLI_FAILED;
    while (left > 0) {
        for (size_t i = 0; i < count; i++) {
            if (over[i])
                continue;
            if (!cli_watch_json.show(&jobs[i]))
                left = 0;
            over[i] = settings->once || cli_job_end(&jobs[i]) != CLI_JOB_GOES_ON;
            left -= over[i] && left > 0;
        }
        if (left == 0)
            break;
        (void)cli_watch_json.wait(&jobs[0], interval);
        for (size_t i = 0; i < count; i++)
            if (!over[i])
                (void)cli_job_look(&jobs[i]);
    }
    free(over);
    return worst(jobs, count);
}

/* The one that is meant if no other is named: the only one, or the only one that runs. */
static struct cli_job *find_only(struct cli_job *jobs, size_t count)
{
    struct cli_job *only = NULL;

    if (count == 1)
        return &jobs[0];
    for (size_t i = 0; i < count; i++) {
        if (cli_job_end(&jobs[i]) != CLI_JOB_GOES_ON)
            continue;
        if (only != NULL)
            return NULL;
        only = &jobs[i];
    }
    return only;
}

static int watch(const struct settings *settings, const char *selector)
{
    struct cli_job *jobs, *only;
    size_t count;
    int status = cli_jobs_find(selector, true, &jobs, &count);

    if (status != CLI_OK)
        return status;
    only = find_only(jobs, count);
    if (count == 0) {
        cli_print_note(selector, selector != NULL ? "no such job is running" : "no job is running");
        status = CLI_USAGE;
    } else if (only != NULL) {
        status = watch_one(settings, only);
    } else if (settings->json) {
        status = watch_all_json(settings, jobs, count);
    } else {
        (void)print_table(jobs, count);
        status = worst(jobs, count);
    }
    cli_jobs_free(jobs, count);
    return status;
}

/* ---- the verb ---- */

static void tell_removed(void *user, const char *path)
{
    const bool *verbose = user;

    if (*verbose)
        cli_print_note(path, "removed: its job is dead");
}

static int run(int argc, char **argv)
{
    struct settings settings = {.once = false};
    int operands;
    int status = cli_parse_options(&cli_verb_watch, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_watch);
        return CLI_OK;
    }
    if (argc - operands > 1)
        return cli_print_usage_error("watch", argv[operands + 1], "is one operand too many");
    if (settings.clean) {
        if (operands < argc || settings.json || settings.once)
            return cli_print_usage_error("watch", "--clean", "is done by itself");
        (void)mapproc_segments_clean(MAPPROC_PROGRESS_DIRECTORY, tell_removed,
                                     &settings.common.verbose);
        return CLI_OK;
    }
    return watch(&settings, operands < argc ? argv[operands] : NULL);
}

const struct cli_verb cli_verb_watch = {
    .name = "watch",
    .operands = "[JOB]",
    .summary = "Show how far a running job has come, from anywhere on the machine.",
    .details =
        "JOB is the number of its process, or the name it was given by --job-name. Without JOB, "
        "the\n"
        "only job that is running, or a table of all. On a terminal the whole screen is used: p\n"
        "pauses and resumes the job, c cancels it, q quits. Else a line is printed every "
        "interval.\n"
        "Ends with the job; to watch it costs it nothing. README.md explains the fields of "
        "--json.\n"
        "\n"
        "Exit status: 0 the job was well, 1 it failed or was cancelled, 2 wrong usage or no such\n"
        "job, 3 it died.\n",
    .options = options,
    .run = run,
};
