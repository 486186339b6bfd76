/* SPDX-License-Identifier: MIT */
/* cmd_cat.c - mapproc cat: the data of plain and compressed files, or a slice of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/size_text.h"
#include "cli/input_options.h"
#include "cli/inputs.h"
#include "cli/job_progress.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "jobs/inflate_run.h"
#include "output/atomic_file.h"
#include "pipeline/cancel.h"

enum { RANGE_TEXT_MAX = 64 }; /* bytes */

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct cli_input_options inputs;
    bool from_end;
    uint64_t offset;
    uint64_t length;
};

/* A run of the verb. */
struct run {
    struct settings *settings;
    struct cli_inputs inputs;
    struct mapproc_atomic_file output; /* standard output */
    bool ended;                        /* there are no more inputs */
    bool one_given;
    int status; /* the highest of all files */
};

/* ---- options ---- */

static const char *apply_range(void *settings, const char *value)
{
    static const char wrong[] = "must be OFFSET:LENGTH, such as 10G:1M, 10G: or -1M:";
    struct settings *mine = settings;
    const char *colon = strchr(value, ':');
    char offset[RANGE_TEXT_MAX];

    mine->from_end = *value == '-';
    value += mine->from_end;
    if (colon == NULL || colon <= value || (size_t)(colon - value) >= sizeof(offset))
        return wrong;
    (void)snprintf(offset, sizeof(offset), "%.*s", (int)(colon - value), value);
    mine->length = UINT64_MAX;
    if (!mapproc_size_parse(offset, &mine->offset) ||
        (colon[1] != '\0' && !mapproc_size_parse(colon + 1, &mine->length)))
        return wrong;
    return NULL;
}

static const struct cli_option options[] = {
    {"range", '\0', "OFFSET:LENGTH", "only these bytes of the data of each FILE", apply_range},
    {"files-from", '\0', "LIST", "take the names in LIST, one a line; - is standard input",
     cli_input_apply_files_from},
    {"null", '0', NULL, "names in LIST end with NUL", cli_input_apply_null},
    {NULL, '\0', NULL, NULL, NULL},
};

/* ---- the run ---- */

/* An input that was ordered, from then until it is reported. */
struct input {
    struct mapproc_entry entry;
    char *index_path;
};

static void free_input(struct input *input)
{
    free(input->entry.path);
    free(input->index_path);
    free(input);
}

/* One order a run: the data of one input must be complete before that of the next. */
static int next_order(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error)
{
    struct run *run = user;
    const struct settings *settings = run->settings;
    struct input *input;
    int result;

    if (run->one_given)
        return 0;
    input = calloc(1, sizeof(*input));
    if (input == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
    result = cli_inputs_next(&run->inputs, &input->entry, error);
    run->ended = result == 0;
    if (result <= 0) {
        free(input);
        return result;
    }
    run->one_given = true;
    if ((settings->offset != 0 || settings->from_end) && input->entry.path != NULL &&
        asprintf(&input->index_path, "%s.gzi", input->entry.path) < 0)
        input->index_path = NULL; /* it is a help, no more */
    *order = (struct mapproc_inflate_order){
        .path = input->entry.path,
        .user = input,
        .failure = input->entry.kind == MAPPROC_ENTRY_ERROR ? &input->entry.error : NULL,
        .takes_plain = true,
        .from_end = settings->from_end,
        .offset = settings->offset,
        .length = settings->length,
        .index_path = input->index_path,
    };
    return 1;
}

/* Holes come only of bad members, which are not passed over here. */
static int write_data(void *user, const struct mapproc_inflate_order *order, const uint8_t *data,
                      uint64_t length, struct mapproc_error *error)
{
    struct run *run = user;

    (void)order;
    return mapproc_atomic_file_write(&run->output, data, (size_t)length, error);
}

static void drop(void *user, const struct mapproc_inflate_order *order)
{
    (void)user;
    free_input(order->user);
}

static int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct run *run = user;

    if (outcome->error != NULL) {
        int status = cli_status_from_code(outcome->error->code);

        if (status > run->status)
            run->status = status;
        cli_print_error(outcome->error);
    }
    drop(user, outcome->order);
    return MAPPROC_OK;
}

static void note(void *user, const char *path, const char *text)
{
    (void)user;
    cli_print_note(path, text);
}

/* Gives the data of all inputs, with those open. */
static int cat_inputs(struct run *run)
{
    struct mapproc_options *job = &run->settings->common.job;
    const struct mapproc_inflate_client client = {
        .user = run, .next = next_order, .write = write_data, .report = report, .drop = drop};
    struct mapproc_error error;
    int result = mapproc_atomic_file_open_stdout(&run->output, "stdout", &error);

    if (run->settings->common.verbose)
        job->note = note;
    while (result == MAPPROC_OK && !run->ended) {
        run->one_given = false;
        result = mapproc_inflate_run(&client, job, &error);
    }
    cli_signals_die_if_cancelled();
    if (result == MAPPROC_OK)
        result = mapproc_atomic_file_commit(&run->output, &error);
    if (result != MAPPROC_OK) {
        mapproc_atomic_file_abort(&run->output);
        if (error.what[0] != '\0')
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    return run->status;
}

static int run_verb(int argc, char **argv)
{
    struct settings settings = {.common.inputs = &settings.inputs, .length = UINT64_MAX};
    struct run run = {.settings = &settings, .output = MAPPROC_ATOMIC_FILE_CLOSED};
    int operands;
    int status = cli_parse_options(&cli_verb_cat, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_cat);
        return CLI_OK;
    }
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    cli_signals_protect_output();
    status =
        cli_inputs_open(&run.inputs, &settings.inputs, "cat", (const char *const *)argv + operands,
                        (size_t)(argc - operands), settings.common.verbose,
                        mapproc_cancel_fd(settings.common.job.cancel));
    if (status != CLI_OK)
        return status;
    /* A bar would be in the way of whatever shows the data. */
    if (settings.common.bar == CLI_BAR_AUTO)
        settings.common.bar = CLI_BAR_NEVER;
    status = cli_progress_begin(&cli_verb_cat, &settings.common, true);
    if (status == CLI_OK)
        status = cat_inputs(&run);
    cli_inputs_close(&run.inputs);
    return status;
}

const struct cli_verb cli_verb_cat = {
    .name = "cat",
    .operands = "[FILE]...",
    .summary = "Write the data of each FILE, gzip or not, to standard output.",
    .details =
        "Without FILE, or when FILE is -, read standard input. What FILE is, its content tells.\n"
        "With --range, only the members are inflated that have some of the bytes; FILE.gzi tells\n"
        "where they are, if it is there and belongs to FILE, or else the members' own sizes, if\n"
        "they state them; any other gzip file is inflated from its beginning. OFFSET and LENGTH\n"
        "take suffixes such as K, M and G; without LENGTH the range ends where the data does; an\n"
        "OFFSET with a '-' counts from there. Beyond the end there is nothing, which is no error.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is corrupt, cut short or missing, 2 wrong usage or\n"
        "refused, 3 the machine failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
