/* SPDX-License-Identifier: MIT */
/* jobs_seen.c - the jobs that watch and ctl can see. */
#include "cli/jobs_seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/size_text.h"
#include "cli/message.h"

enum { PATIENCE = 8 }; /* looks at a damaged segment, which the job mends if it is there */

static bool is_selected(const struct cli_job *job, const char *selector)
{
    uint64_t pid;

    if (selector == NULL)
        return true;
    if (mapproc_number_parse(selector, 1, UINT32_MAX, &pid))
        return job->reader.header.pid == pid;
    return strcmp(job->reader.header.name, selector) == 0;
}

/* Tells why a segment is left out, unless it is one that is nobody's business here. */
static void tell_fault(const struct mapproc_segment_reader *reader,
                       const struct mapproc_error *error)
{
    bool has_gone = error->code == MAPPROC_BAD_DATA && error->system_error == ENOENT;

    if (!reader->is_being_made && !has_gone)
        cli_print_error(error);
}

int cli_jobs_find(const char *selector, bool writable, struct cli_job **jobs, size_t *count)
{
    const char *directory = MAPPROC_PROGRESS_DIRECTORY;
    struct mapproc_segment_name *names;
    struct mapproc_error error;
    struct cli_job *list;
    size_t found;

    *jobs = NULL;
    *count = 0;
    if (mapproc_segments_list(directory, &names, &found, &error) != MAPPROC_OK) {
        cli_print_error(&error);
        return CLI_FAILED;
    }
    list = calloc(found + 1, sizeof(*list));
    if (list == NULL) {
        free(names);
        cli_print_note(NULL, "no memory for a list of jobs");
        return CLI_FAILED;
    }
    for (size_t i = 0; i < found; i++) {
        struct cli_job *job = &list[*count];

        memset(job, 0, sizeof(*job));
        if (mapproc_segment_open(&job->reader, directory, names[i].text, writable, &error) !=
            MAPPROC_OK) {
            tell_fault(&job->reader, &error);
            continue;
        }
        if (!is_selected(job, selector)) {
            mapproc_segment_close(&job->reader);
            continue;
        }
        (void)cli_job_look(job);
        (*count)++;
    }
    free(names);
    *jobs = list;
    return CLI_OK;
}

void cli_jobs_free(struct cli_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mapproc_segment_view_free(&jobs[i].view);
        mapproc_segment_close(&jobs[i].reader);
    }
    free(jobs);
}

enum cli_job_end cli_job_end(const struct cli_job *job)
{
    const struct mapproc_segment_view *view = &job->view;

    if (view->ended)
        return view->snapshot.state == MAPPROC_PROGRESS_DONE ? CLI_JOB_ENDED_WELL
                                                             : CLI_JOB_ENDED_BADLY;
    if (view->life == MAPPROC_LIFE_DEAD)
        return CLI_JOB_DIED;
    return job->failures > PATIENCE ? CLI_JOB_LOST : CLI_JOB_GOES_ON;
}

enum cli_job_end cli_job_look(struct cli_job *job)
{
    struct mapproc_error error;
    const struct mapproc_progress_snapshot *snapshot = &job->view.snapshot;

    if (mapproc_segment_read(&job->reader, &job->view, &error) == MAPPROC_OK) {
        job->failures = 0;
        mapproc_estimate_add(&job->estimate, snapshot->updated_ns, snapshot->done_bytes,
                             snapshot->paused_ns);
    } else if (++job->failures > PATIENCE) {
        cli_print_error(&error);
    }
    cli_figures_make(&job->figures, snapshot, job->reader.header.started_ns, &job->estimate);
    return cli_job_end(job);
}

char *cli_job_name(const struct cli_job *job, char *text)
{
    const struct mapproc_progress_header *header = &job->reader.header;
    char verb[sizeof(header->verb)], name[CLI_JOB_TEXT_MAX - 64] = "";

    /* Verbs are plain words; what is none comes from somebody else. */
    (void)snprintf(verb, sizeof(verb), "%s", header->verb);
    if (verb[0] == '\0' || verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz-")] != '\0')
        (void)snprintf(verb, sizeof(verb), "job");
    if (header->name[0] != '\0')
        (void)mapproc_quote_name(header->name, name, sizeof(name));
    (void)snprintf(text, CLI_JOB_TEXT_MAX, "%s %u%s%s", verb, (unsigned)header->pid,
                   name[0] != '\0' ? " " : "", name);
    return text;
}

double cli_job_age(const struct cli_job *job)
{
    return (double)job->view.age_ns / 1e9;
}

/* How far it came before it ended. */
static void describe_place(const struct cli_job *job, char *text, size_t size)
{
    char percent[CLI_PERCENT_MAX], done[MAPPROC_SIZE_TEXT_MAX];

    if (job->figures.percent >= 0)
        (void)snprintf(text, size, "%s", cli_percent_format(job->figures.percent, percent));
    else
        (void)snprintf(text, size, "%s", mapproc_size_format(job->view.snapshot.done_bytes, done));
}

static void describe_end(const struct cli_job *job, char *text)
{
    const struct mapproc_progress_snapshot *snapshot = &job->view.snapshot;
    char done[MAPPROC_SIZE_TEXT_MAX], rate[MAPPROC_SIZE_TEXT_MAX + 2], time[CLI_DURATION_MAX];
    char place[32];

    describe_place(job, place, sizeof(place));
    if (snapshot->state == MAPPROC_PROGRESS_CANCELLED)
        (void)snprintf(text, CLI_JOB_TEXT_MAX, "cancelled at %s", place);
    else if (snapshot->state == MAPPROC_PROGRESS_FAILED)
        (void)snprintf(text, CLI_JOB_TEXT_MAX, "failed with exit status %d at %s",
                       (int)snapshot->exit_status, place);
    else
        (void)snprintf(text, CLI_JOB_TEXT_MAX, "done, %s in %s, %s",
                       mapproc_size_format(snapshot->done_bytes, done),
                       cli_duration_format(job->figures.elapsed, time),
                       cli_rate_format(job->figures.average, rate));
}

char *cli_job_describe(const struct cli_job *job, char *text)
{
    const struct mapproc_segment_view *view = &job->view;
    char line[CLI_PROGRESS_LINE_MAX], place[32];

    if (view->ended) {
        describe_end(job, text);
    } else if (view->life == MAPPROC_LIFE_DEAD) {
        describe_place(job, place, sizeof(place));
        (void)snprintf(text, CLI_JOB_TEXT_MAX, "died %.0f s ago at %s", cli_job_age(job), place);
    } else {
        cli_progress_describe(line, &view->snapshot, &job->figures);
        (void)snprintf(text, CLI_JOB_TEXT_MAX, "%s%s, %s", cli_state_name(view->snapshot.state),
                       view->life == MAPPROC_LIFE_STOPPED ? ", stopped by a signal"
                       : view->silent                     ? ", tells nothing any more"
                                                          : "",
                       line);
    }
    return text;
}
