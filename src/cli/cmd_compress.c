/* SPDX-License-Identifier: MIT */
/* cmd_compress.c - mapproc compress: files and trees to gzip, on all cores. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/compress_filter.h"
#include "cli/compress_options.h"
#include "cli/compress_output.h"
#include "cli/compress_targets.h"
#include "cli/file_limit.h"
#include "cli/inputs.h"
#include "cli/job_progress.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/survey.h"
#include "cli/verbs.h"
#include "pipeline/cancel.h"

/* A run of the verb. */
struct run {
    struct cli_compress_settings *settings;
    struct cli_inputs inputs;
    struct cli_compress_output output;
    bool ended;       /* there are no more inputs */
    bool one_at_once; /* standard output takes one after the other */
    bool one_given;
    struct mapproc_entry held; /* the input of the next run, if has_held */
    bool has_held;
    struct cli_compress_filter filter;
    int status; /* the highest of all files */
};

/* ---- inputs ---- */

/* An input that was ordered, from then until it is reported. */
struct input {
    struct mapproc_entry entry;
    struct cli_compress_target target;
    struct mapproc_error failure; /* code MAPPROC_OK: none */
};

static void free_input(struct input *input)
{
    cli_compress_target_free(&input->target);
    free(input->entry.path);
    free(input);
}

/* What cannot be had on standard output, or from standard input. */
static int check_standard(const struct cli_compress_settings *settings, const char *path,
                          bool to_stdout, struct mapproc_error *error)
{
    const char *what = NULL;

    if (settings->deflate.remove && strcmp(path, "-") == 0)
        what = "cannot be removed";
    if (to_stdout && (settings->targets.index || settings->targets.manifest))
        what = "goes to standard output, which nothing can be put beside: use -o";
    if (to_stdout && settings->json)
        what = "goes to standard output, where --json cannot be told from it: use -o";
    if (to_stdout && !settings->deflate.force && isatty(STDOUT_FILENO) == 1)
        what = "will not be written to a terminal without -f";
    if (what == NULL)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, path, "%s", what);
}

/* Finds out all that can be known of an input before it is opened. */
static void prepare_input(struct run *run, struct input *input)
{
    const char *path = input->entry.path;
    struct mapproc_error *failure = &input->failure;

    if (input->entry.kind == MAPPROC_ENTRY_ERROR) {
        *failure = input->entry.error;
        return;
    }
    if (cli_compress_filter_check(&run->filter, path, failure) == MAPPROC_OK &&
        cli_compress_targets_find(&run->settings->targets, path, run->inputs.mirrored,
                                  &input->target, failure) == MAPPROC_OK)
        (void)check_standard(run->settings, path, input->target.path == NULL, failure);
    if (failure->code != MAPPROC_OK && failure->path == NULL)
        failure->path = path;
}

/* The next input that is not skipped. As cli_inputs_next(). */
static int next_input(struct run *run, struct mapproc_entry *entry, struct mapproc_error *error)
{
    if (run->has_held) {
        *entry = run->held;
        run->has_held = false;
        return 1;
    }
    for (;;) {
        int result = cli_inputs_next(&run->inputs, entry, error);

        run->ended = result == 0;
        if (result <= 0 || entry->kind == MAPPROC_ENTRY_ERROR ||
            !cli_compress_filter_skips(&run->filter, entry->path))
            return result;
        free(entry->path);
    }
}

static int next_order(void *user, struct mapproc_deflate_order *order, struct mapproc_error *error)
{
    struct run *run = user;
    const struct cli_compress_settings *settings = run->settings;
    struct input *input;
    int result;

    if (run->one_at_once && run->one_given) {
        result = next_input(run, &run->held, error);
        run->has_held = result > 0;
        return result < 0 ? result : 0;
    }
    input = calloc(1, sizeof(*input));
    if (input == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
    result = next_input(run, &input->entry, error);
    if (result <= 0) {
        free(input);
        return result;
    }
    prepare_input(run, input);
    run->one_given = true;
    *order = (struct mapproc_deflate_order){
        .path = input->entry.path,
        .target = input->target.target,
        .reach = settings->deflate.force || settings->targets.to_stdout ||
                         strcmp(input->entry.path, "-") == 0
                     ? MAPPROC_REACH_ALL
                     : MAPPROC_REACH_REGULAR,
        .failure = &input->failure,
        .user = input,
    };
    return 1;
}

static void drop(void *user, const struct mapproc_deflate_order *order)
{
    (void)user;
    free_input(order->user);
}

static int report(void *user, const struct mapproc_deflate_result *result)
{
    struct run *run = user;
    int answer;

    if (result->error != NULL) {
        int status = cli_status_from_code(result->error->code);

        if (status > run->status)
            run->status = status;
    }
    answer = cli_compress_output_add(&run->output, result);
    drop(user, result->order);
    return answer;
}

/* ---- the run ---- */

static void note(void *user, const char *path, const char *text)
{
    (void)user;
    cli_print_note(path, text);
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Compresses all inputs, with those open. */
static int compress_inputs(struct run *run)
{
    struct cli_compress_settings *settings = run->settings;
    const struct mapproc_deflate_client client = {
        .user = run, .next = next_order, .report = report, .drop = drop};
    struct mapproc_error error = {.code = MAPPROC_OK};
    double begin = now();
    int result = MAPPROC_OK;

    settings->common.job.note = note;
    run->one_at_once = settings->targets.to_stdout;
    while (result == MAPPROC_OK && !run->ended) {
        run->one_given = false;
        result = mapproc_deflate_run(&client, &settings->deflate, &settings->common.job, &error);
    }
    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK) {
        if (error.what[0] != '\0') /* else the output failed, and that is told at the end */
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    cli_compress_filter_end(&run->filter);
    cli_compress_output_end(&run->output, now() - begin);
    return run->status;
}

static int run_verb(int argc, char **argv)
{
    struct cli_compress_settings settings = {.common.inputs = &settings.inputs,
                                             .deflate.level = MAPPROC_LEVEL_DEFAULT};
    struct run run = {.settings = &settings, .filter.settings = &settings};
    int operands;
    int status = cli_parse_options(&cli_verb_compress, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.chunker.help) {
        cli_chunkers_print();
        return CLI_OK;
    }
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_compress);
        return CLI_OK;
    }
    status = cli_compress_options_check(&settings, (size_t)(argc - operands));
    if (status != CLI_OK)
        return status;
    settings.deflate.chunking = cli_chunker_chosen(&settings.chunker);
    run.output = (struct cli_compress_output){
        .json = settings.json, .verbose = settings.common.verbose, .settings = &settings.deflate};
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    cli_signals_protect_output();
    cli_file_limit_raise();
    status =
        cli_inputs_open(&run.inputs, &settings.inputs, "compress",
                        (const char *const *)argv + operands, (size_t)(argc - operands),
                        settings.common.verbose, mapproc_cancel_fd(settings.common.job.cancel));
    if (status != CLI_OK)
        return status;
    status = cli_progress_begin(&cli_verb_compress, &settings.common, true);
    if (status == CLI_OK) {
        cli_survey_inputs(settings.common.job.progress, &run.inputs);
        status = compress_inputs(&run);
        cli_survey_stop();
    }
    cli_inputs_close(&run.inputs);
    cli_compress_targets_free(&settings.targets);
    cli_chunker_close(&settings.chunker);
    return status;
}

const struct cli_verb cli_verb_compress = {
    .name = "compress",
    .operands = "[FILE]...",
    .summary = "Compress each FILE to FILE.gz, which every gunzip reads, on all cores.",
    .details =
        "Without FILE, or when FILE is -, compress standard input to standard output; with -r and\n"
        "without FILE, all that is below the directory we are in. An output gets its name when it\n"
        "is complete and on the disk, with the mode, owner, times and attributes of FILE, and is\n"
        "never written over a file that exists, unless -f says so. FILE stays, unless --rm is\n"
        "given; then all that was compressed is inflated again and compared first.\n"
        "\n"
        "The same options and input make the same bytes, for any number of threads and on any\n"
        "machine with the same codec. Files are made of independent members, so that mapproc\n"
        "decompresses them on all cores and finds any slice at once. Of trees, -o DIR/ gets a\n"
        "mirror: of FILE \"a/b\" it is DIR/b, of \"a/b/\" what is below goes into DIR itself.\n"
        "\n"
        "Compressed files are skipped, by their names. Exit status: 0 all good, 1 a file is\n"
        "missing or changed, 2 wrong usage or refused, 3 the machine failed (I/O error, no space,\n"
        "no permission, no memory).\n",
    .options = cli_compress_options,
    .run = run_verb,
};
