/* SPDX-License-Identifier: MIT */
/* cmd_ctl.c - mapproc ctl: pauses, resumes, cancels or slows down a running job. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/jobs_seen.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/verbs.h"

enum {
    LOOK_NS = 20 * 1000 * 1000, /* between two looks whether the job has obeyed */
    LOOKS = 250,                /* before giving up: 5 s */
};

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
};

static const struct cli_option options[] = {{NULL, '\0', NULL, NULL, NULL}};

/* What can be wished for. */
struct command {
    const char *word;
    size_t field; /* of the control */
    uint64_t value;
    bool (*is_done)(const struct cli_job *job, uint64_t value);
};

static bool is_paused(const struct cli_job *job, uint64_t value)
{
    (void)value;
    return job->view.snapshot.state == MAPPROC_PROGRESS_PAUSED;
}

static bool is_resumed(const struct cli_job *job, uint64_t value)
{
    return !is_paused(job, value);
}

static bool is_over(const struct cli_job *job, uint64_t value)
{
    (void)value;
    return cli_job_end(job) != CLI_JOB_GOES_ON;
}

static bool has_rate(const struct cli_job *job, uint64_t value)
{
    return job->view.snapshot.limit_rate == value;
}

static const struct command commands[] = {
    {"pause", offsetof(struct mapproc_progress_control, pause), MAPPROC_CONTROL_PAUSE, is_paused},
    {"resume", offsetof(struct mapproc_progress_control, pause), 0, is_resumed},
    {"cancel", offsetof(struct mapproc_progress_control, cancel), MAPPROC_CONTROL_CANCEL, is_over},
    {"rate", offsetof(struct mapproc_progress_control, limit_rate), 0, has_rate},
};

/* Reads the command from the operands behind JOB. CLI_OK or CLI_USAGE after a message. */
static int parse_command(int count, char **words, struct command *command)
{
    bool has_value;

    command->word = NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(words[0], commands[i].word) == 0)
            *command = commands[i];
    if (command->word == NULL)
        return cli_print_usage_error("ctl", words[0],
                                     "unknown command: must be pause, resume, cancel or rate");
    has_value = command->is_done == has_rate;
    if (count < 1 + has_value)
        return cli_print_usage_error("ctl", "rate", "needs a size per second, or off");
    if (count > 1 + has_value)
        return cli_print_usage_error("ctl", words[1 + has_value], "is one operand too many");
    if (has_value && strcmp(words[1], "off") != 0 && !cli_rate_parse(words[1], &command->value))
        return cli_print_usage_error("ctl", words[1],
                                     "must be a size of at least 1K per second, or off");
    return CLI_OK;
}

/* The only living one of the jobs; NULL, after a message, if there is no such. */
static struct cli_job *choose(struct cli_job *jobs, size_t count, const char *selector)
{
    struct cli_job *chosen = NULL;

    for (size_t i = 0; i < count; i++) {
        if (cli_job_end(&jobs[i]) != CLI_JOB_GOES_ON)
            continue;
        if (chosen != NULL) {
            cli_print_note(selector, "is the name of several jobs: say which by its number");
            return NULL;
        }
        chosen = &jobs[i];
    }
    if (chosen == NULL)
        cli_print_note(selector, count > 0 ? "is not running any more" : "no such job is running");
    return chosen;
}

static int command_job(struct cli_job *job, const struct command *command, const char *selector)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    struct mapproc_error error;

    if (mapproc_segment_control(&job->reader, command->field, command->value, &error) !=
        MAPPROC_OK) {
        cli_print_error(&error);
        return cli_status_from_code(error.code);
    }
    for (int i = 0; i < LOOKS; i++) {
        bool is_cancel = command->is_done == is_over;

        (void)cli_job_look(job);
        if (command->is_done(job, command->value))
            return CLI_OK;
        if (cli_job_end(job) != CLI_JOB_GOES_ON && !is_cancel) {
            cli_print_note(selector, "has ended");
            return CLI_USAGE;
        }
        (void)nanosleep(&pause, NULL);
    }
    cli_print_note(selector, job->view.life == MAPPROC_LIFE_STOPPED
                                 ? "is stopped by a signal, and does not obey before it goes on"
                                 : "does not obey");
    return CLI_FAILED;
}

static int run(int argc, char **argv)
{
    struct settings settings = {.common = {.verbose = false}};
    struct command command = {.word = NULL};
    struct cli_job *jobs, *job;
    size_t count;
    int operands;
    int status = cli_parse_options(&cli_verb_ctl, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_ctl);
        return CLI_OK;
    }
    if (argc - operands < 2)
        return cli_print_usage_error("ctl", NULL, "a job and a command are needed");
    status = parse_command(argc - operands - 1, argv + operands + 1, &command);
    if (status == CLI_OK)
        status = cli_jobs_find(argv[operands], true, &jobs, &count);
    if (status != CLI_OK)
        return status;
    job = choose(jobs, count, argv[operands]);
    status = job != NULL ? command_job(job, &command, argv[operands]) : CLI_USAGE;
    cli_jobs_free(jobs, count);
    return status;
}

const struct cli_verb cli_verb_ctl = {
    .name = "ctl",
    .operands = "JOB pause|resume|cancel|rate SIZE/s|rate off",
    .summary = "Pause, resume, cancel or slow down a running job.",
    .details =
        "JOB is the number of its process, or the name it was given by --job-name. Only the\n"
        "job's user and root may do so. A paused job uses no CPU. A job that is cancelled\n"
        "leaves nothing half-written. Returns when the job has obeyed.\n"
        "\n"
        "Exit status: 0 it has obeyed, 2 no such job or wrong usage, 3 it does not obey.\n",
    .options = options,
    .run = run,
};
