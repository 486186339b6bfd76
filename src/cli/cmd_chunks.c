/* SPDX-License-Identifier: MIT */
/* cmd_chunks.c - mapproc chunks: where a chunker cuts files, and which chunks are the same. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/chunker_option.h"
#include "cli/chunks_output.h"
#include "cli/job_progress.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "memory/limits.h"
#include "pipeline/budget.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct cli_chunker chunker;
    struct cli_chunks_output output;
    bool stats;
    bool diff;
};

/* A run of the verb over one file after the other. */
struct run {
    const struct settings *settings;
    struct mapproc_options job;
    struct mapproc_chunking chunking;
    uint64_t memory; /* bytes for digests of chunks */
    const char *path;
    struct mapproc_chunk_stats stats;
    int status; /* the highest of all files */
};

static const char *apply_chunker(void *settings, const char *value)
{
    return cli_chunker_apply(&((struct settings *)settings)->chunker, value);
}

static const char *apply_stats(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->stats = true;
    return NULL;
}

static const char *apply_diff(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->diff = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->output.json);
}

static const struct cli_option options[] = {
    {"chunker", '\0', CLI_CHUNKER_ARGUMENT, CLI_CHUNKER_HELP " (default cdc)", apply_chunker},
    {"stats", '\0', NULL, "print sizes and repetitions of all chunks of all files instead",
     apply_stats},
    {"diff", '\0', NULL, "print which bytes of the second file are in no chunk of the first",
     apply_diff},
    {"json", '\0', NULL, "print one JSON object a chunk or range, and one for totals", apply_json},
    {NULL, '\0', NULL, NULL, NULL},
};

static void note(void *user, const char *path, const char *text)
{
    (void)user;
    cli_print_note(path, text);
}

/* ---- the runs ---- */

static int report_chunk(void *user, const struct mapproc_chunk_record *record)
{
    struct run *run = user;

    if (run->settings->stats) {
        mapproc_chunk_stats_add(&run->stats, record);
        return MAPPROC_OK;
    }
    return cli_chunks_print(&run->settings->output, run->path, record) ? MAPPROC_OK
                                                                       : MAPPROC_FAILED;
}

static int report_range(void *user, uint64_t offset, uint64_t length)
{
    const struct run *run = user;

    return cli_chunk_range_print(&run->settings->output, offset, length) ? MAPPROC_OK
                                                                         : MAPPROC_FAILED;
}

/* What becomes of a result. False if going on makes no sense. */
static bool take_result(struct run *run, int result, const struct mapproc_error *error)
{
    int status = cli_status_from_code(result);

    cli_signals_die_if_cancelled();
    if (result == MAPPROC_OK)
        return true;
    if (status > run->status)
        run->status = status;
    if (error->what[0] == '\0') /* the output failed, and that is told at the end */
        return false;
    cli_print_error(error);
    return error->path != NULL; /* else it is not about this file */
}

static void run_files(struct run *run, const char *const *paths, size_t count)
{
    static const char *const standard_input[] = {"-"};
    struct mapproc_error error = {.code = MAPPROC_OK};
    bool going = true;

    if (count == 0) {
        paths = standard_input;
        count = 1;
    }
    mapproc_chunk_stats_init(&run->stats, run->memory);
    for (size_t i = 0; i < count && going; i++) {
        int result;

        run->path = paths[i];
        result = mapproc_chunk_run(run->path, &run->chunking, &run->job, report_chunk, run, &error);
        going = take_result(run, result, &error);
    }
    if (going && run->settings->stats)
        (void)cli_chunk_stats_print(&run->settings->output, &run->stats);
    mapproc_chunk_stats_free(&run->stats);
}

static void run_diff(struct run *run, const char *const *paths)
{
    struct mapproc_error error = {.code = MAPPROC_OK};
    struct mapproc_chunk_diff diff;
    int result = mapproc_chunk_diff_run(paths[0], paths[1], &run->chunking, &run->job, run->memory,
                                        report_range, run, &diff, &error);

    (void)take_result(run, result, &error);
    if (result == MAPPROC_OK)
        (void)cli_chunk_diff_print(&run->settings->output, &diff);
}

/* Half of the memory is for digests, if the user says how much; else there is as much for them as
 * for the rest. */
static void share_memory(struct run *run)
{
    struct mapproc_limits limits;

    if (!run->settings->stats && !run->settings->diff)
        return;
    if (run->job.memory != 0) {
        run->memory = run->job.memory / 2;
        run->job.memory -= run->memory;
        return;
    }
    mapproc_limits_find(&limits, "");
    run->memory = mapproc_budget_default_memory(&limits);
}

static int check_settings(const struct settings *settings, int operands)
{
    if (settings->diff && settings->stats)
        return cli_print_usage_error("chunks", "--stats", "cannot be combined with --diff");
    if (settings->diff && operands != 2)
        return cli_print_usage_error("chunks", "--diff", "needs two files");
    return CLI_OK;
}

static int run_verb(int argc, char **argv)
{
    struct settings settings = {.stats = false};
    struct run run = {.settings = &settings};
    int operands;
    int status = cli_parse_options(&cli_verb_chunks, argc, argv, &settings, &operands);
    const char *const *paths;

    if (status != CLI_OK)
        return status;
    paths = (const char *const *)argv + operands;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_chunks);
        return CLI_OK;
    }
    if (settings.chunker.help) {
        cli_chunkers_print();
        return CLI_OK;
    }
    status = check_settings(&settings, argc - operands);
    if (status != CLI_OK)
        return status;
    settings.output.named = argc - operands > 1;
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    if (settings.common.verbose)
        settings.common.job.note = note;
    status = cli_progress_begin(&cli_verb_chunks, &settings.common, true);
    if (status != CLI_OK)
        return status;
    mapproc_chunking_init(&run.chunking, mapproc_chunker_find("cdc"));
    if (cli_chunker_chosen(&settings.chunker) != NULL)
        run.chunking = *cli_chunker_chosen(&settings.chunker);
    run.job = settings.common.job;
    share_memory(&run);
    if (settings.diff)
        run_diff(&run, paths);
    else
        run_files(&run, paths, (size_t)(argc - operands));
    cli_chunker_close(&settings.chunker);
    return run.status;
}

const struct cli_verb cli_verb_chunks = {
    .name = "chunks",
    .operands = "[FILE]...",
    .summary = "Print where a chunker cuts each FILE, or what is there more than once.",
    .details =
        "One line a chunk: its offset, its length, and the xxh128 digest of its bytes, followed\n"
        "by the name if there are several files. Without FILE, or when FILE is -, read standard\n"
        "input.\n"
        "\n"
        "With --stats, which sizes the chunks of all files have, how many of them are repetitions\n"
        "of earlier ones, and how many bytes would not have to be stored again. With --diff A B,\n"
        "the offset and length of each range of bytes in B that is in no chunk of A, wherever\n"
        "there, and the size that a delta from A to B would have: these bytes, and 16 for each\n"
        "range that is new or copied. Both take chunks with the same 128-bit digest for the same,\n"
        "which files made to deceive can exploit. They keep 24 bytes and some room for each chunk\n"
        "that is different from the others, in half of --memory, or in as much again as is the\n"
        "default; --stats says of how many there was no memory to keep them.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is missing or changed, 2 wrong usage, or a chunker "
        "that\n"
        "breaks its rules, 3 the machine failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
