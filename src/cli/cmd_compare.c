/* SPDX-License-Identifier: MIT */
/* cmd_compare.c - mapproc compare: in which bytes two files, or the files of two lists, differ. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/size_text.h"
#include "cli/compare_output.h"
#include "cli/job_progress.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/verbs.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    bool manifest;
    bool json;
};

static const char *apply_manifest(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    mine->manifest = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    return cli_json_apply(&mine->json);
}

static const struct cli_option options[] = {
    {"manifest", '\0', NULL, "compare what two manifests say about files, and read no file",
     apply_manifest},
    {"json", '\0', NULL, "print one JSON object, or with --manifest one a name", apply_json},
    {NULL, '\0', NULL, NULL, NULL},
};

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

/* ---- files ---- */

static void print_file_summary(uint64_t bytes, double seconds)
{
    char size[MAPPROC_SIZE_TEXT_MAX], rate[MAPPROC_SIZE_TEXT_MAX];
    char text[128];

    (void)snprintf(text, sizeof(text), "%s of each compared in %.3f s, %s/s",
                   mapproc_size_format(bytes, size), seconds,
                   mapproc_size_format((uint64_t)((double)bytes / (seconds + 1e-9)), rate));
    cli_print_note(NULL, text);
}

static int compare_files(const struct settings *settings, const struct cli_compare_output *output,
                         struct mapproc_error *error)
{
    struct mapproc_comparison comparison;
    double start = now();
    int result = mapproc_compare_run(output->paths[0], output->paths[1], &settings->common.job,
                                     &comparison, error);
    int status;

    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK)
        return cli_status_from_code(result);
    (void)cli_compare_print(output, &comparison); /* a failure is told at the end */
    if (settings->common.verbose)
        print_file_summary(comparison.common, now() - start);
    status = comparison.same ? CLI_OK : CLI_BAD_DATA;
    mapproc_comparison_free(&comparison);
    return status;
}

/* ---- lists ---- */

/* What the reports add up to. */
struct totals {
    const struct cli_compare_output *output;
    uint64_t counts[MAPPROC_FILE_UNKNOWN + 1]; /* of files, by verdict */
    uint64_t problems;
};

static int report_listed(void *user, const struct mapproc_listed_comparison *comparison)
{
    struct totals *totals = user;

    totals->counts[comparison->verdict]++;
    return cli_compare_print_listed(totals->output, comparison) ? MAPPROC_OK : MAPPROC_FAILED;
}

static void report_problem(void *user, const char *path, uint64_t line, const char *what)
{
    struct totals *totals = user;
    char text[256];

    totals->problems++;
    (void)snprintf(text, sizeof(text), "line %" PRIu64 " %s", line, what);
    cli_print_note(strcmp(path, "-") == 0 ? "stdin" : path, text);
}

static void print_list_summary(const struct totals *totals)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " the same, %" PRIu64 " different, %" PRIu64
                   " only in the first list, %" PRIu64 " only in the second, %" PRIu64
                   " not to be compared",
                   totals->counts[MAPPROC_FILE_SAME], totals->counts[MAPPROC_FILE_DIFFERENT],
                   totals->counts[MAPPROC_FILE_ONLY_IN_A], totals->counts[MAPPROC_FILE_ONLY_IN_B],
                   totals->counts[MAPPROC_FILE_UNKNOWN]);
    cli_print_note(NULL, text);
}

static int compare_lists(const struct settings *settings, const struct cli_compare_output *output,
                         struct mapproc_error *error)
{
    struct totals totals = {.output = output};
    const struct mapproc_manifests_client client = {
        .user = &totals,
        .report = report_listed,
        .problem = report_problem,
    };
    bool all_same = true;
    int result = mapproc_compare_manifests(output->paths[0], output->paths[1],
                                           settings->common.job.cancel, &client, error);

    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK)
        return cli_status_from_code(result);
    if (settings->common.verbose)
        print_list_summary(&totals);
    for (int verdict = MAPPROC_FILE_SAME + 1; verdict <= MAPPROC_FILE_UNKNOWN; verdict++)
        all_same &= totals.counts[verdict] == 0;
    return all_same && totals.problems == 0 ? CLI_OK : CLI_BAD_DATA;
}

/* ---- the verb ---- */

static int run(int argc, char **argv)
{
    struct settings settings = {.manifest = false};
    struct mapproc_options *job = &settings.common.job;
    struct cli_compare_output output = {.json = false};
    struct mapproc_error error = {.code = MAPPROC_OK};
    int operands, status;
    int result = cli_parse_options(&cli_verb_compare, argc, argv, &settings, &operands);

    if (result != CLI_OK)
        return result;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_compare);
        return CLI_OK;
    }
    if (argc - operands < 2)
        return cli_print_usage_error("compare", NULL, "two files are needed");
    if (argc - operands > 2)
        return cli_print_usage_error("compare", argv[operands + 2], "is one operand too many");
    output.paths[0] = argv[operands];
    output.paths[1] = argv[operands + 1];
    output.json = settings.json;
    output.tell_same = settings.common.verbose;
    job->cancel = mapproc_cancel_create();
    if (job->cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(job->cancel);
    if (settings.common.verbose)
        job->note = note;
    status = cli_progress_begin(&cli_verb_compare, &settings.common, false);
    if (status != CLI_OK)
        return status;
    status = settings.manifest ? compare_lists(&settings, &output, &error)
                               : compare_files(&settings, &output, &error);
    if (error.code != MAPPROC_OK && error.what[0] != '\0') {
        cli_print_error(&error);
        (void)cli_compare_print_error(&output, &error);
    }
    return status;
}

const struct cli_verb cli_verb_compare = {
    .name = "compare",
    .operands = "A B",
    .summary = "Compare two files on all cores and list the bytes in which they differ.",
    .details =
        "Prints nothing if they are the same. The first 1000 ranges of bytes that differ are "
        "listed,\n"
        "counted from 0, the others counted. One of the two may be a pipe, or - for standard "
        "input.\n"
        "\n"
        "With --manifest, A and B are manifests (mapproc checksum --manifest) or other lists of\n"
        "digests. Files are compared by name and digest, and where both lists have digests of\n"
        "pieces, the pieces that differ are listed. No file is read but the lists.\n"
        "\n"
        "Exit status: 0 the same, 1 different, or a file is missing or changed, 2 wrong usage, 3 "
        "the\n"
        "machine failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run,
};
