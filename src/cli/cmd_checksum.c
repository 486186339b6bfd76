/* SPDX-License-Identifier: MIT */
/* cmd_checksum.c - mapproc checksum: digests of files and trees, as lists that other tools read. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/size_text.h"
#include "cli/checksum_output.h"
#include "cli/chunker_option.h"
#include "cli/input_options.h"
#include "cli/inputs.h"
#include "cli/job_progress.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/survey.h"
#include "cli/verbs.h"
#include "pipeline/cancel.h"

enum {
    ALGORITHMS_TEXT_MAX = 512,  /* bytes of text that lists all algorithms */
    PIECE_SIZE_LEAST = 4 << 10, /* bytes: smaller ones would make lists larger than files */
};

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    const char *algorithms;
    struct cli_checksum_output output;
    struct cli_input_options inputs;
    const char *output_path;
    bool from_disk;
    struct cli_chunker chunker;
};

/* A run of the verb. */
struct run {
    struct settings *settings;
    struct cli_inputs inputs;
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    size_t digest_count;
    uint64_t files; /* the reports' */
    uint64_t bytes;
    int status; /* the highest of all files */
};

/* ---- options ---- */

/* "xxh128, xxh3 or xxh64", with a text in front and one behind the first name. */
static void list_algorithms(char *text, const char *before, const char *after_first)
{
    const char *name;
    size_t length = (size_t)snprintf(text, ALGORITHMS_TEXT_MAX, "%s", before);

    for (size_t i = 0;
         (name = mapproc_checksum_algorithm(i)) != NULL && length < ALGORITHMS_TEXT_MAX; i++) {
        const char *separator = i == 0                                      ? ""
                                : mapproc_checksum_algorithm(i + 1) != NULL ? ", "
                                                                            : " or ";

        length += (size_t)snprintf(text + length, ALGORITHMS_TEXT_MAX - length, "%s%s%s", separator,
                                   name, i == 0 ? after_first : "");
    }
}

static const char *apply_algorithm(void *settings, const char *value)
{
    static char wrong[sizeof(((struct mapproc_error *)NULL)->what) + ALGORITHMS_TEXT_MAX];
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    struct settings *mine = settings;
    struct mapproc_error error;
    size_t count;

    mine->algorithms = value;
    if (mapproc_digests_select(value, digests, &count, &error) == MAPPROC_OK)
        return NULL;
    (void)snprintf(wrong, sizeof(wrong), "%s; there are ", error.what);
    list_algorithms(wrong + strlen(wrong), "", "");
    return wrong;
}

static const char *apply_tag(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->output.tag = true;
    return NULL;
}

static const char *apply_zero(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->output.nul_ended = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->output.json);
}

static const char *apply_manifest(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->output.manifest = true;
    return NULL;
}

static const char *apply_piece(void *settings, const char *value)
{
    struct settings *mine = settings;
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size < PIECE_SIZE_LEAST || size > INT64_MAX ||
        size % MAPPROC_PIECE_ALIGNMENT != 0)
        return "must be a multiple of 1K and at least 4K";
    mine->output.piece_size = size;
    return NULL;
}

static const char *apply_output(void *settings, const char *value)
{
    ((struct settings *)settings)->output_path = value;
    return NULL;
}

static const char *apply_from_disk(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->from_disk = true;
    return NULL;
}

static const char *apply_chunker(void *settings, const char *value)
{
    return cli_chunker_apply(&((struct settings *)settings)->chunker, value);
}

static char algorithm_help[ALGORITHMS_TEXT_MAX]; /* filled before it is printed */

static const struct cli_option options[] = {
    {"algorithm", 'a', "LIST", algorithm_help, apply_algorithm},
    {"tag", '\0', NULL, "write BSD-style lines: XXH128 (name) = digest", apply_tag},
    {"zero", 'z', NULL, "end lines with NUL, and leave names as they are", apply_zero},
    {"json", '\0', NULL, "print one JSON object a file", apply_json},
    {"manifest", '\0', NULL, "also write the digests of pieces, for verify", apply_manifest},
    {"piece", '\0', "SIZE", "bytes per piece (default: at most 16384 pieces a file)", apply_piece},
    {"output", 'o', "FILE", "write to FILE, which is complete or not there", apply_output},
    {"recursive", 'r', NULL, "take all files below directories", cli_input_apply_recursive},
    {"exclude", '\0', "GLOB", "leave out what matches, below directories", cli_input_apply_exclude},
    {"one-file-system", 'x', NULL, "stay on the file system of each directory named",
     cli_input_apply_one_file_system},
    {"files-from", '\0', "FILE", "take the names in FILE, one a line; - is standard input",
     cli_input_apply_files_from},
    {"null", '0', NULL, "names in FILE end with NUL", cli_input_apply_null},
    {"from-disk", '\0', NULL, "drop files from the page cache first: read the medium",
     apply_from_disk},
    {"chunker", '\0', CLI_CHUNKER_ARGUMENT, CLI_CHUNKER_HELP, apply_chunker},
    {NULL, '\0', NULL, NULL, NULL},
};

/* What does not go together. CLI_OK or CLI_USAGE after a message. */
static int check_settings(struct settings *settings)
{
    struct cli_checksum_output *output = &settings->output;

    if (output->json && (output->tag || output->nul_ended || output->manifest))
        return cli_print_usage_error("checksum", "--json", "is a form of its own");
    if (output->manifest && output->nul_ended)
        return cli_print_usage_error("checksum", "-z", "cannot be combined with --manifest");
    if (output->piece_size != 0 && !output->manifest)
        return cli_print_usage_error("checksum", "--piece", "has a meaning only with --manifest");
    if (output->manifest && output->piece_size == 0)
        output->piece_size = MAPPROC_PIECE_SIZE_AUTO;
    return CLI_OK;
}

/* ---- the run ---- */

/* A source that was ordered, from then until it is reported. */
struct input {
    struct mapproc_entry entry;
};

static int next_order(void *user, struct mapproc_digest_order *order, struct mapproc_error *error)
{
    struct run *run = user;
    struct input *input = malloc(sizeof(*input));
    int result;

    if (input == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
    result = cli_inputs_next(&run->inputs, &input->entry, error);
    if (result <= 0) {
        free(input);
        return result;
    }
    *order = (struct mapproc_digest_order){
        .path = input->entry.path,
        .digests = run->digests,
        .digest_count = run->digest_count,
        .piece_size = run->settings->output.piece_size,
        .user = input,
        .failure = input->entry.kind == MAPPROC_ENTRY_ERROR ? &input->entry.error : NULL,
    };
    return 1;
}

static void drop(void *user, const struct mapproc_digest_order *order)
{
    struct input *input = order->user;

    (void)user;
    free(input->entry.path);
    free(input);
}

static int report(void *user, const struct mapproc_digest_result *result)
{
    struct run *run = user;
    int answer;

    run->files++;
    run->bytes += result->size;
    if (result->error != NULL) {
        int status = cli_status_from_code(result->error->code);

        if (status > run->status)
            run->status = status;
        cli_print_error(result->error);
    }
    answer = cli_checksum_output_add(&run->settings->output, result);
    drop(user, result->order);
    return answer;
}

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

static void print_summary(const struct run *run, double seconds)
{
    char size[MAPPROC_SIZE_TEXT_MAX], rate[MAPPROC_SIZE_TEXT_MAX];
    char text[128];

    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s, %s in %.3f s, %s/s", run->files,
                   run->files == 1 ? "file" : "files", mapproc_size_format(run->bytes, size),
                   seconds,
                   mapproc_size_format((uint64_t)((double)run->bytes / (seconds + 1e-9)), rate));
    cli_print_note(NULL, text);
}

/* Digests all inputs, with the output begun. */
static int digest_inputs(struct run *run)
{
    struct mapproc_options *job = &run->settings->common.job;
    const struct mapproc_digest_client client = {
        .user = run, .next = next_order, .report = report, .drop = drop};
    const struct mapproc_digest_settings settings = {
        .serial = mapproc_digests_any_serial(run->digests, run->digest_count),
        .from_disk = run->settings->from_disk,
        .chunking = cli_chunker_chosen(&run->settings->chunker),
    };
    struct mapproc_error error;
    double start = now();
    int result;

    if (run->settings->common.verbose || run->settings->from_disk)
        job->note = note;
    result = mapproc_digest_run(&client, &settings, job, &error);
    cli_signals_die_if_cancelled();
    cli_checksum_output_end(&run->settings->output, result == MAPPROC_OK);
    if (result != MAPPROC_OK) {
        cli_output_discard();
        if (error.what[0] != '\0') /* else the output failed, and that is told at the end */
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    if (run->settings->common.verbose)
        print_summary(run, now() - start);
    return run->status;
}

/* With the inputs open. */
static int run_inputs(struct run *run)
{
    struct settings *settings = run->settings;
    int status = CLI_OK;

    if (settings->output_path != NULL)
        status = cli_output_open(settings->output_path);
    if (status == CLI_OK)
        status = cli_checksum_output_begin(&settings->output, run->digests, run->digest_count);
    if (status == CLI_OK)
        status = cli_inputs_check(&run->inputs);
    if (status == CLI_OK)
        status = cli_progress_begin(&cli_verb_checksum, &settings->common, false);
    if (status != CLI_OK) {
        cli_output_discard();
        return status;
    }
    cli_survey_inputs(settings->common.job.progress, &run->inputs);
    status = digest_inputs(run);
    cli_survey_stop();
    return status;
}

static int run_verb(int argc, char **argv)
{
    struct settings settings = {.common.inputs = &settings.inputs};
    struct run run = {.settings = &settings};
    struct mapproc_error error;
    int operands;
    int status = cli_parse_options(&cli_verb_checksum, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        list_algorithms(algorithm_help, "", " (default)");
        cli_print_verb_help(&cli_verb_checksum);
        return CLI_OK;
    }
    if (settings.chunker.help) {
        cli_chunkers_print();
        return CLI_OK;
    }
    status = check_settings(&settings);
    if (status != CLI_OK)
        return status;
    if (mapproc_digests_select(settings.algorithms, run.digests, &run.digest_count, &error) !=
        MAPPROC_OK) {
        cli_print_error(&error);
        return cli_status_from_code(error.code);
    }
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    status =
        cli_inputs_open(&run.inputs, &settings.inputs, "checksum",
                        (const char *const *)argv + operands, (size_t)(argc - operands),
                        settings.common.verbose, mapproc_cancel_fd(settings.common.job.cancel));
    if (status != CLI_OK)
        return status;
    status = run_inputs(&run);
    cli_inputs_close(&run.inputs);
    cli_chunker_close(&settings.chunker);
    return status;
}

const struct cli_verb cli_verb_checksum = {
    .name = "checksum",
    .operands = "[FILE]...",
    .summary = "Print the standard digests of each FILE, computed on all cores.",
    .details =
        "Without FILE, or when FILE is -, read standard input; with -r and without FILE, walk the\n"
        "directory we are in. The lines are those of xxhsum, md5sum, sha256sum and so on, which\n"
        "check them with -c; several algorithms (-a md5,sha256) are computed in one reading. A\n"
        "file that changes while it is read is an error.\n"
        "\n"
        "Below directories symbolic links are not followed, and only regular files are read; the\n"
        "order is that of `LC_ALL=C sort`, whatever the number of threads.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is missing or changed, 2 wrong usage, 3 the machine\n"
        "failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
