/* SPDX-License-Identifier: MIT */
/* cmd_decompress.c - mapproc decompress: gzip files of any kind, on all cores. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/size_text.h"
#include "cli/decompress_output.h"
#include "cli/decompress_targets.h"
#include "cli/file_limit.h"
#include "cli/input_options.h"
#include "cli/inputs.h"
#include "cli/job_progress.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/survey.h"
#include "cli/verbs.h"
#include "pipeline/cancel.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct cli_decompress_targets targets;
    struct cli_input_options inputs;
    bool keep_going;
    bool json;
    uint64_t max_output;
};

/* A run of the verb. */
struct run {
    struct settings *settings;
    struct cli_inputs inputs;
    struct cli_decompress_output output;
    bool ended;       /* there are no more inputs */
    bool one_at_once; /* standard output takes one after the other */
    bool one_given;
    int status; /* the highest of all files */
};

/* ---- options ---- */

static const char *apply_stdout(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->targets.to_stdout = true;
    return NULL;
}

static const char *apply_output(void *settings, const char *value)
{
    if (strcmp(value, "-") == 0)
        return apply_stdout(settings, value);
    ((struct settings *)settings)->targets.output = value;
    return *value != '\0' ? NULL : "is no name";
}

static const char *apply_test(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->targets.test = true;
    return NULL;
}

static const char *apply_force(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->targets.force = true;
    return NULL;
}

static const char *apply_rm(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->targets.remove = true;
    return NULL;
}

static const char *apply_keep(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->targets.remove = false;
    return NULL;
}

static const char *apply_keep_going(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->keep_going = true;
    return NULL;
}

static const char *apply_max_output(void *settings, const char *value)
{
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size == 0)
        return "must be a size";
    ((struct settings *)settings)->max_output = size;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->json);
}

static const struct cli_option options[] = {
    {"output", 'o', "PATH",
     "write to PATH: a file, - (as -c), or a directory for a tree or several FILEs", apply_output},
    {"stdout", 'c', NULL, "write to standard output", apply_stdout},
    {"test", 't', NULL, "write nothing, only look whether all is good", apply_test},
    {"force", 'f', NULL, "replace files; take links and devices", apply_force},
    {"rm", '\0', NULL, "remove each FILE once its output is on the disk", apply_rm},
    {"keep", 'k', NULL, "keep each FILE (the default): undoes --rm", apply_keep},
    {"keep-going", '\0', NULL, "leave holes for bad members, and write all others",
     apply_keep_going},
    {"max-output", '\0', "SIZE", "refuse files that would become larger than SIZE",
     apply_max_output},
    {"json", '\0', NULL, "print one JSON object a file", apply_json},
    {"recursive", 'r', NULL, "take all compressed files below directories",
     cli_input_apply_recursive},
    {"exclude", '\0', "GLOB", "leave out what matches, below directories", cli_input_apply_exclude},
    {"one-file-system", 'x', NULL, "stay on the file system of each directory named",
     cli_input_apply_one_file_system},
    {"files-from", '\0', "LIST", "take the names in LIST, one a line; - is standard input",
     cli_input_apply_files_from},
    {"null", '\0', NULL, "names in LIST end with NUL", cli_input_apply_null},
    {NULL, '\0', NULL, NULL, NULL},
};

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* What does not go together. CLI_OK or CLI_USAGE after a message. */
static int check_settings(struct settings *settings, size_t operands)
{
    struct cli_decompress_targets *targets = &settings->targets;
    const char *output = targets->output;

    if (targets->to_stdout && output != NULL)
        return cli_print_usage_error("decompress", "-c", "cannot be combined with -o");
    if (targets->test && (output != NULL || targets->to_stdout))
        return cli_print_usage_error("decompress", "-t", "has no output");
    if (targets->remove && (targets->to_stdout || targets->test))
        return cli_print_usage_error("decompress", "--rm", "needs an output that is a file");
    if (output != NULL)
        targets->is_directory = operands > 1 || settings->inputs.files_from != NULL ||
                                settings->inputs.recursive || is_directory(output) ||
                                output[strlen(output) - 1] == '/';
    return CLI_OK;
}

/* ---- inputs ---- */

/* An input that was ordered, from then until it is reported. */
struct input {
    struct mapproc_entry entry;
    struct cli_decompress_target target;
    struct mapproc_error failure; /* code MAPPROC_OK: none */
    char *index_path;
};

static void free_input(struct input *input)
{
    cli_decompress_target_free(&input->target);
    free(input->entry.path);
    free(input->index_path);
    free(input);
}

/* What cannot be had on standard output, or from standard input. */
static int check_standard(const struct settings *settings, const char *path, bool to_stdout,
                          struct mapproc_error *error)
{
    const char *what = NULL;

    if (settings->targets.remove && strcmp(path, "-") == 0)
        what = "cannot be removed";
    if (to_stdout && settings->json)
        what = "goes to standard output, where --json cannot be told from it: use -o";
    if (what == NULL)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, path, "%s", what);
}

/* Finds out all that can be known of an input before it is opened. */
static void prepare_input(struct run *run, struct input *input)
{
    struct settings *settings = run->settings;
    const char *path = input->entry.path;
    struct mapproc_error *failure = &input->failure;
    bool to_stdout;

    if (input->entry.kind == MAPPROC_ENTRY_ERROR) {
        *failure = input->entry.error;
        return;
    }
    if (cli_decompress_targets_find(&settings->targets, path, run->inputs.mirrored, &input->target,
                                    failure) == MAPPROC_OK) {
        to_stdout = input->target.path == NULL && !input->target.none;
        (void)check_standard(settings, path, to_stdout, failure);
    }
    if (failure->code != MAPPROC_OK && failure->path == NULL)
        failure->path = path;
    if (failure->code == MAPPROC_OK && settings->keep_going && strcmp(path, "-") != 0 &&
        asprintf(&input->index_path, "%s.gzi", path) < 0)
        input->index_path = NULL; /* it is a help, no more */
}

/* The next input that is not skipped. As cli_inputs_next(). */
static int next_input(struct run *run, struct mapproc_entry *entry, struct mapproc_error *error)
{
    for (;;) {
        int result = cli_inputs_next(&run->inputs, entry, error);

        run->ended = result == 0;
        if (result <= 0 || entry->kind == MAPPROC_ENTRY_ERROR || run->inputs.walk == NULL ||
            cli_decompress_has_suffix(entry->path))
            return result;
        if (run->settings->common.verbose)
            cli_print_note(entry->path, "is skipped: its name is not that of a compressed file");
        free(entry->path);
    }
}

static int next_order(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error)
{
    struct run *run = user;
    const struct settings *settings = run->settings;
    struct input *input;
    int result;

    if (run->one_at_once && run->one_given)
        return 0;
    input = calloc(1, sizeof(*input));
    if (input == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
    input->target.file = (struct mapproc_atomic_file)MAPPROC_ATOMIC_FILE_CLOSED;
    result = next_input(run, &input->entry, error);
    if (result <= 0) {
        free(input);
        return result;
    }
    prepare_input(run, input);
    run->one_given = true;
    *order = (struct mapproc_inflate_order){
        .path = input->entry.path,
        .user = input,
        .reach = settings->targets.force || settings->targets.to_stdout || settings->targets.test ||
                         strcmp(input->entry.path, "-") == 0
                     ? MAPPROC_REACH_ALL
                     : MAPPROC_REACH_REGULAR,
        .failure = &input->failure,
        .test_only = settings->targets.test,
        .keep_going = settings->keep_going,
        .max_output = settings->max_output,
        .length = UINT64_MAX,
        .index_path = input->index_path,
    };
    return 1;
}

static int open_target(void *user, const struct mapproc_inflate_order *order,
                       const struct mapproc_source *source, struct mapproc_error *error)
{
    const struct run *run = user;
    struct input *input = order->user;

    return cli_decompress_target_open(&run->settings->targets, &input->target, source,
                                      &run->settings->common.job, error);
}

static int write_data(void *user, const struct mapproc_inflate_order *order, const uint8_t *data,
                      uint64_t length, struct mapproc_error *error)
{
    struct input *input = order->user;

    (void)user;
    if (data == NULL)
        return mapproc_atomic_file_skip(&input->target.file, length, error);
    return mapproc_atomic_file_write_sparse(&input->target.file, data, (size_t)length, error);
}

static int finish_target(void *user, const struct mapproc_inflate_order *order,
                         const struct mapproc_source *source, bool all_good,
                         struct mapproc_error *error)
{
    const struct run *run = user;
    struct input *input = order->user;

    return cli_decompress_target_finish(&run->settings->targets, &input->target, source, all_good,
                                        error);
}

static void drop(void *user, const struct mapproc_inflate_order *order)
{
    (void)user;
    free_input(order->user);
}

static int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct run *run = user;
    const struct input *input = outcome->order->user;
    int answer;

    if (outcome->error != NULL) {
        int status = cli_status_from_code(outcome->error->code);

        if (status > run->status)
            run->status = status;
    }
    answer = cli_decompress_output_add(&run->output, outcome, input->target.path);
    drop(user, outcome->order);
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

/* Inflates all inputs, with those open. */
static int inflate_inputs(struct run *run)
{
    struct settings *settings = run->settings;
    const struct mapproc_inflate_client client = {
        .user = run,
        .next = next_order,
        .open = open_target,
        .write = write_data,
        .close = finish_target,
        .report = report,
        .drop = drop,
    };
    struct mapproc_error error = {.code = MAPPROC_OK};
    double begin = now();
    int result = MAPPROC_OK;

    settings->common.job.note = note;
    run->one_at_once = settings->targets.to_stdout;
    while (result == MAPPROC_OK && !run->ended) {
        run->one_given = false;
        result = mapproc_inflate_run(&client, &settings->common.job, &error);
    }
    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK) {
        if (error.what[0] != '\0') /* else the output failed, and that is told at the end */
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    cli_decompress_output_end(&run->output, now() - begin);
    return run->status;
}

static int run_verb(int argc, char **argv)
{
    struct settings settings = {.common.inputs = &settings.inputs};
    struct run run = {.settings = &settings};
    int operands;
    int status = cli_parse_options(&cli_verb_decompress, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_decompress);
        return CLI_OK;
    }
    status = check_settings(&settings, (size_t)(argc - operands));
    if (status != CLI_OK)
        return status;
    run.output = (struct cli_decompress_output){
        .json = settings.json, .verbose = settings.common.verbose, .test = settings.targets.test};
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    cli_signals_protect_output();
    cli_file_limit_raise();
    status =
        cli_inputs_open(&run.inputs, &settings.inputs, "decompress",
                        (const char *const *)argv + operands, (size_t)(argc - operands),
                        settings.common.verbose, mapproc_cancel_fd(settings.common.job.cancel));
    if (status != CLI_OK)
        return status;
    status = cli_progress_begin(&cli_verb_decompress, &settings.common, true);
    if (status == CLI_OK) {
        /* In a tree most files may be of another kind: nobody knows before they are looked at. */
        if (!settings.inputs.recursive)
            cli_survey_inputs(settings.common.job.progress, &run.inputs);
        status = inflate_inputs(&run);
        cli_survey_stop();
    }
    cli_inputs_close(&run.inputs);
    cli_taken_names_free(&settings.targets.taken);
    return status;
}

const struct cli_verb cli_verb_decompress = {
    .name = "decompress",
    .operands = "[FILE]...",
    .summary = "Inflate each FILE.gz to FILE, whatever made it, on all cores.",
    .details =
        "Without FILE, or when FILE is -, inflate standard input to standard output. Members that\n"
        "tell their sizes (of mapproc, bgzip, pgzip, crabz, MiGz) are inflated side by side, all\n"
        "others in order. The output of FILE.gz or FILE.bgz is FILE, of FILE.tgz it is FILE.tar;\n"
        "it gets its name when it is complete, checked and on the disk, with the mode, owner,\n"
        "times and attributes of the input. Long runs of zeros become holes.\n"
        "\n"
        "Every CRC and every size is checked. What is bad is told with its place in the file and\n"
        "in the data, and nothing is left of the output; with --keep-going, what is good is kept\n"
        "at its place. A file of mapproc or bgzip without its end mark may be cut short, and is\n"
        "not good.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is corrupt, cut short or missing, 2 wrong usage or\n"
        "refused, 3 the machine failed (I/O error, no space, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
