/* SPDX-License-Identifier: MIT */
/* watch_lines.c - showing a job line by line, as text or as JSON. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/output.h"
#include "cli/watch.h"

static enum cli_watch_wish pass(const struct cli_job *job, double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};

    (void)job;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    (void)nanosleep(&time, NULL);
    return CLI_WATCH_ON;
}

static bool show_line(const struct cli_job *job)
{
    char name[CLI_JOB_TEXT_MAX], text[CLI_JOB_TEXT_MAX], line[2 * CLI_JOB_TEXT_MAX + 8];

    (void)snprintf(line, sizeof(line), "%s: %s\n", cli_job_name(job, name),
                   cli_job_describe(job, text));
    return cli_output_write(line, strlen(line), true);
}

const struct cli_watch_view cli_watch_lines = {.show = show_line, .wait = pass};

/* ---- JSON ---- */

/* A figure that may not be known. */
static void put_real(struct cli_json *json, const char *key, double number)
{
    if (number >= 0)
        cli_json_real(json, key, number);
    else
        cli_json_null(json, key);
}

static const char *end_name(const struct cli_job *job)
{
    switch (cli_job_end(job)) {
    case CLI_JOB_DIED:
        return "died";
    case CLI_JOB_LOST:
        return "lost";
    default:
        return cli_state_name(job->view.snapshot.state);
    }
}

static void put_text(struct cli_json *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        cli_json_name(json, key, text);
    else
        cli_json_null(json, key);
}

static void put_workers(struct cli_json *json, const struct mapproc_segment_view *view)
{
    cli_json_open_array(json, "workers");
    for (uint32_t i = 0; i < view->snapshot.worker_count; i++) {
        const struct mapproc_progress_worker *worker = &view->workers[i];

        cli_json_open_object(json, NULL);
        cli_json_text(json, "state", cli_worker_state_name(worker->state));
        cli_json_unsigned(json, "bytes", worker->bytes);
        cli_json_unsigned(json, "source", worker->source);
        cli_json_unsigned(json, "offset", worker->offset);
        if (worker->node >= 0)
            cli_json_unsigned(json, "node", (uint64_t)worker->node);
        else
            cli_json_null(json, "node");
        if (worker->cpu >= 0)
            cli_json_unsigned(json, "cpu", (uint64_t)worker->cpu);
        else
            cli_json_null(json, "cpu");
        cli_json_close(json);
    }
    cli_json_close(json);
}

static bool show_json(const struct cli_job *job)
{
    const struct mapproc_progress_header *header = &job->reader.header;
    const struct mapproc_progress_snapshot *snapshot = &job->view.snapshot;
    bool known = (snapshot->flags & MAPPROC_PROGRESS_TOTAL_KNOWN) != 0;
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_unsigned(&json, "pid", header->pid);
    cli_json_name(&json, "verb", header->verb);
    put_text(&json, "name", header->name);
    cli_json_text(&json, "state", end_name(job));
    cli_json_boolean(&json, "stopped", job->view.life == MAPPROC_LIFE_STOPPED);
    put_real(&json, "percent", job->figures.percent);
    cli_json_unsigned(&json, "done_bytes", snapshot->done_bytes);
    cli_json_unsigned(&json, "total_bytes", snapshot->total_bytes);
    cli_json_unsigned(&json, "done_files", snapshot->done_files);
    cli_json_unsigned(&json, "total_files", snapshot->total_files);
    cli_json_boolean(&json, "total_known", known);
    cli_json_unsigned(&json, "output_bytes", snapshot->output_bytes);
    cli_json_unsigned(&json, "errors", snapshot->errors);
    put_real(&json, "rate", job->figures.rate);
    put_real(&json, "average_rate", job->figures.average);
    put_real(&json, "eta_seconds", job->figures.left);
    put_real(&json, "elapsed_seconds", job->figures.elapsed);
    put_real(&json, "paused_seconds", (double)snapshot->paused_ns / 1e9);
    put_real(&json, "age_seconds", cli_job_age(job));
    if (snapshot->limit_rate != 0)
        cli_json_unsigned(&json, "limit_rate", snapshot->limit_rate);
    else
        cli_json_null(&json, "limit_rate");
    put_text(&json, "current", snapshot->current);
    if (snapshot->exit_status >= 0 && job->view.ended)
        cli_json_unsigned(&json, "exit_status", (uint64_t)snapshot->exit_status);
    else
        cli_json_null(&json, "exit_status");
    put_workers(&json, &job->view);
    return cli_json_print(&json);
}

const struct cli_watch_view cli_watch_json = {.show = show_json, .wait = pass};
