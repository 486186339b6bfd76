/* SPDX-License-Identifier: MIT */
/* cmd_checksum.c - mapproc checksum: digests of files, in the form that xxhsum -c reads. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size_text.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "format/checklist.h"

enum { FLUSH_SIZE = 1 << 20 }; /* bytes: results that took so long to get are not kept waiting */

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    const char *algorithm;
    bool tag;
};

/* What the reports add up to. */
struct totals {
    const struct settings *settings;
    uint64_t files;
    uint64_t bytes;
    int status; /* the highest of all files */
};

enum { NAMES_MAX = 512 }; /* bytes of text that lists all algorithms */

/* "xxh128, xxh3 or xxh64", with a text in front and one behind the first name. */
static void list_algorithms(char *text, const char *before, const char *after_first)
{
    const char *name;
    size_t length = (size_t)snprintf(text, NAMES_MAX, "%s", before);

    for (size_t i = 0; (name = mapproc_checksum_algorithm(i)) != NULL && length < NAMES_MAX; i++) {
        const char *separator = i == 0                                      ? ""
                                : mapproc_checksum_algorithm(i + 1) != NULL ? ", "
                                                                            : " or ";

        length += (size_t)snprintf(text + length, NAMES_MAX - length, "%s%s%s", separator, name,
                                   i == 0 ? after_first : "");
    }
}

static const char *apply_algorithm(void *settings, const char *value)
{
    static char wrong[NAMES_MAX];
    struct settings *mine = settings;
    const char *name;

    for (size_t i = 0; (name = mapproc_checksum_algorithm(i)) != NULL; i++) {
        if (strcmp(name, value) == 0) {
            mine->algorithm = name;
            return NULL;
        }
    }
    list_algorithms(wrong, "must be ", "");
    return wrong;
}

static const char *apply_tag(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    mine->tag = true;
    return NULL;
}

static char algorithm_help[NAMES_MAX]; /* filled before it is printed */

static const struct cli_option options[] = {
    {"algorithm", 'a', "ALGO", algorithm_help, apply_algorithm},
    {"tag", '\0', NULL, "write BSD-style lines: XXH128 (name) = digest", apply_tag},
    {NULL, '\0', NULL, NULL, NULL},
};

static int print_checksum(const struct totals *totals, const struct mapproc_checksum *checksum)
{
    const struct mapproc_checklist_entry entry = {
        .name = strcmp(checksum->path, "-") == 0 ? "stdin" : checksum->path,
        .tag = checksum->tag,
        .digest = checksum->digest,
        .digest_size = checksum->digest_size,
        .bsd_form = totals->settings->tag || checksum->always_tagged,
    };
    size_t length;
    char *line = mapproc_checklist_line(&entry, &length);
    bool written;

    if (line == NULL) {
        cli_output_fail(ENOMEM);
        return MAPPROC_FAILED;
    }
    written = cli_output_write(line, length, checksum->size >= FLUSH_SIZE);
    free(line);
    return written ? MAPPROC_OK : MAPPROC_FAILED;
}

static int report(void *user, const struct mapproc_checksum *checksum)
{
    struct totals *totals = user;

    totals->files++;
    totals->bytes += checksum->size;
    if (checksum->error != NULL) {
        int status = cli_status_from_code(checksum->error->code);

        if (status > totals->status)
            totals->status = status;
        cli_print_error(checksum->error);
        return MAPPROC_OK;
    }
    return print_checksum(totals, checksum);
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

static void print_summary(const struct totals *totals, double seconds)
{
    char size[MAPPROC_SIZE_TEXT_MAX], rate[MAPPROC_SIZE_TEXT_MAX];
    char text[128];

    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s, %s in %.3f s, %s/s", totals->files,
                   totals->files == 1 ? "file" : "files", mapproc_size_format(totals->bytes, size),
                   seconds,
                   mapproc_size_format((uint64_t)((double)totals->bytes / (seconds + 1e-9)), rate));
    cli_print_note(NULL, text);
}

static int run(int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    struct settings settings = {.algorithm = mapproc_checksum_algorithm(0)};
    struct totals totals = {.settings = &settings};
    struct mapproc_options *job = &settings.common.job;
    const char *const *paths = standard_input;
    struct mapproc_error error;
    double start = now();
    int count = 1, operands;
    int result = cli_parse_options(&cli_verb_checksum, argc, argv, &settings, &operands);

    if (result != CLI_OK)
        return result;
    if (settings.common.help) {
        list_algorithms(algorithm_help, "", " (default)");
        cli_print_verb_help(&cli_verb_checksum);
        return CLI_OK;
    }
    if (operands < argc) {
        paths = (const char *const *)argv + operands;
        count = argc - operands;
    }
    job->cancel = mapproc_cancel_create();
    if (job->cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(job->cancel);
    if (settings.common.verbose)
        job->note = note;
    result = mapproc_checksum_files(paths, (size_t)count, settings.algorithm, job, report, &totals,
                                    &error);
    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK) {
        if (error.what[0] != '\0') /* else the output failed, and that is told at the end */
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    if (settings.common.verbose)
        print_summary(&totals, now() - start);
    return totals.status;
}

const struct cli_verb cli_verb_checksum = {
    .name = "checksum",
    .operands = "[FILE]...",
    .summary = "Print the standard digest of each FILE, computed on all cores.",
    .details =
        "Without FILE, or when FILE is -, read standard input. The lines are those of xxhsum,\n"
        "md5sum, sha256sum and b2sum, which check them with -c. A file that changes while it is\n"
        "read is an error.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is missing or changed, 2 wrong usage, 3 the machine\n"
        "failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run,
};
