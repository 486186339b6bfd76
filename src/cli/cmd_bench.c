/* SPDX-License-Identifier: MIT */
/* cmd_bench.c - mapproc bench: measurements of this machine, as a table or as JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/size_text.h"
#include "bench/bench.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/verbs.h"

enum {
    COLUMNS = 80,
    REASON_COLUMN = 50, /* where the reason starts if it fits on the line of its row */
    LINE_MAX_SIZE = 256,
    NUMBER_MAX = 24,
};

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    bool json;
    bool cold;
    unsigned rounds;
    uint64_t size;
};

/* What the callbacks share. */
struct report {
    bool json;
    bool progress;                           /* standard error is a terminal */
    bool on_line;                            /* a line of progress stands there */
    const struct mapproc_bench_group *group; /* that runs */
    bool headed;                             /* the heading of `group` has been printed */
    bool started;                            /* one of a group has */
};

/* ---- options ---- */

static const char *apply_json(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    return cli_json_apply(&mine->json);
}

static const char *apply_cold(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    mine->cold = true;
    return NULL;
}

static const char *apply_rounds(void *settings, const char *value)
{
    struct settings *mine = settings;
    uint64_t rounds;

    if (!mapproc_number_parse(value, 1, MAPPROC_BENCH_ROUNDS_MAX, &rounds))
        return "must be a number from 1 to 1000";
    mine->rounds = (unsigned)rounds;
    return NULL;
}

static const char *apply_size(void *settings, const char *value)
{
    struct settings *mine = settings;
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size == 0 || size > INT64_MAX)
        return "must be a size";
    mine->size = size;
    return NULL;
}

static const struct cli_option options[] = {
    {"size", '\0', "SIZE", "bytes to measure with: see the groups", apply_size},
    {"rounds", '\0', "N", "repeat each measurement N times, 1 to 1000 (default 3 to 7)",
     apply_rounds},
    {"cold", '\0', NULL, "file: also from the device, not from the page cache", apply_cold},
    {"json", '\0', NULL, "print one JSON object for each row", apply_json},
    {NULL, '\0', NULL, NULL, NULL},
};

/* ---- progress ---- */

static void erase_progress(struct report *report)
{
    if (report->on_line)
        (void)fputs("\r\033[K", stderr);
    report->on_line = false;
}

static void show_progress(void *user, const char *group, const char *test, unsigned round,
                          unsigned rounds)
{
    struct report *report = user;
    char state[48] = "";

    if (!report->progress)
        return;
    if (round > 0)
        (void)snprintf(state, sizeof(state), ": round %u of %u", round, rounds);
    erase_progress(report);
    (void)fprintf(stderr, "%s: %.30s%s", group, test, state);
    report->on_line = true;
}

/* ---- rows ---- */

/* Three significant digits or a little more, in at most 8 columns up to 10^8. */
static const char *format_number(double number, char text[NUMBER_MAX])
{
    (void)snprintf(text, NUMBER_MAX, "%.*f", number < 100 ? 2 : number < 10000 ? 1 : 0, number);
    return text;
}

static void format_ratio(double ratio, char text[NUMBER_MAX])
{
    if (ratio == 0)
        (void)snprintf(text, NUMBER_MAX, "-");
    else
        (void)snprintf(text, NUMBER_MAX, "%.*fx", ratio < 10 ? 2 : ratio < 1000 ? 1 : 0, ratio);
}

/* The rest of a row of compression, in place of the spread and the ratio to the baseline. */
static int format_packing(const struct mapproc_bench_row *row, char *text, size_t size)
{
    const struct mapproc_bench_packing *packing = row->packing;
    const char *unit = mapproc_bench_unit_name(row->unit);
    char compress[NUMBER_MAX], inflate[NUMBER_MAX];

    return snprintf(text, size, "%9s %s %9s %s %7.3f%s\n",
                    format_number(row->value.median, compress), unit,
                    format_number(packing->inflate.median, inflate), unit, packing->ratio,
                    packing->frontier ? " *" : "");
}

static bool print_text_row(const struct mapproc_bench_row *row)
{
    char line[LINE_MAX_SIZE], median[NUMBER_MAX], least[NUMBER_MAX], most[NUMBER_MAX],
        ratio[NUMBER_MAX];
    int length =
        snprintf(line, sizeof(line), "%-20s %-13s %4u ", row->test, row->subject, row->threads);

    if (row->skipped != NULL) {
        bool fits = REASON_COLUMN + strlen(row->skipped) <= COLUMNS;

        length += snprintf(line + length, sizeof(line) - (size_t)length, " skipped:%s%s\n",
                           fits ? " " : "\n    ", row->skipped);
    } else if (row->packing != NULL) {
        length += format_packing(row, line + length, sizeof(line) - (size_t)length);
    } else {
        format_ratio(row->ratio, ratio);
        length += snprintf(
            line + length, sizeof(line) - (size_t)length, "%9s %-4s %8s-%-8s %6s\n",
            format_number(row->value.median, median), mapproc_bench_unit_name(row->unit),
            format_number(row->value.least, least), format_number(row->value.most, most), ratio);
    }
    return cli_output_write(line, (size_t)length, true);
}

static void add_packing(struct cli_json *json, const struct mapproc_bench_packing *packing)
{
    cli_json_real(json, "packing", packing->ratio);
    cli_json_real(json, "inflate_median", packing->inflate.median);
    cli_json_real(json, "inflate_least", packing->inflate.least);
    cli_json_real(json, "inflate_most", packing->inflate.most);
    cli_json_boolean(json, "frontier", packing->frontier);
}

static bool print_json_row(const struct mapproc_bench_row *row)
{
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_text(&json, "group", row->group);
    cli_json_text(&json, "test", row->test);
    cli_json_text(&json, "subject", row->subject);
    cli_json_unsigned(&json, "threads", row->threads);
    cli_json_unsigned(&json, "size", row->size);
    cli_json_text(&json, "skipped", row->skipped);
    if (row->skipped == NULL) {
        cli_json_text(&json, "unit", mapproc_bench_unit_name(row->unit));
        cli_json_unsigned(&json, "rounds", row->value.rounds);
        cli_json_real(&json, "median", row->value.median);
        cli_json_real(&json, "least", row->value.least);
        cli_json_real(&json, "most", row->value.most);
        if (row->ratio > 0)
            cli_json_real(&json, "ratio", row->ratio);
        else
            cli_json_null(&json, "ratio");
    }
    if (row->packing != NULL)
        add_packing(&json, row->packing);
    return cli_json_print(&json);
}

/* The lines above the first row of a group. */
static bool print_heading(struct report *report)
{
    const struct mapproc_bench_group *group = report->group;
    char text[2 * LINE_MAX_SIZE];
    int length = snprintf(text, sizeof(text), "%s%s: %s\n", report->started ? "\n" : "",
                          group->name, group->summary);

    if (group->packs)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "*: with chunks of that size nothing else is both faster and smaller\n"
                           "%-20s %-13s %4s %14s %14s %7s\n",
                           "test", "with", "thr.", "compress    ", "inflate    ", "packing");
    else
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "ratio: how many times better than %s\n"
                           "%-20s %-13s %4s %14s %17s %6s\n",
                           group->baseline, "test", "with", "thr.", "median    ", "least-most    ",
                           "ratio");
    report->headed = true;
    report->started = true;
    return cli_output_write(text, (size_t)length, true);
}

static int take_row(void *user, const struct mapproc_bench_row *row)
{
    struct report *report = user;
    bool written;

    erase_progress(report);
    if (report->json)
        written = print_json_row(row);
    else
        written = (report->headed || print_heading(report)) && print_text_row(row);
    return written ? MAPPROC_OK : MAPPROC_FAILED;
}

/* ---- the verb ---- */

static void print_groups(void)
{
    const struct mapproc_bench_group *group;

    (void)printf("\nGroups (and \"all\", which they are by default):\n");
    for (size_t i = 0; (group = mapproc_bench_group_at(i)) != NULL; i++)
        (void)printf("  %-8s %s\n           ratio to: %s\n           size: %s\n", group->name,
                     group->summary, group->baseline, group->size_help);
}

/* Runs one group. The exit status; *go_on tells whether others can follow. */
static int run_group(const struct mapproc_bench_group *group, struct report *report,
                     const struct mapproc_bench_options *bench, bool *go_on)
{
    struct mapproc_error error = {0};
    int result;

    report->group = group;
    report->headed = false;
    result = group->run(bench, &error);
    erase_progress(report);
    cli_signals_die_if_cancelled();
    *go_on = result == MAPPROC_OK;
    if (*go_on)
        return CLI_OK;
    *go_on = error.what[0] != '\0'; /* else the output failed, and that is told at the end */
    if (*go_on)
        cli_print_error(&error);
    return cli_status_from_code(result);
}

static int run_groups(const struct mapproc_bench_group *only, struct report *report,
                      const struct mapproc_bench_options *bench)
{
    const struct mapproc_bench_group *group;
    bool go_on = true;
    int status = CLI_OK;

    for (size_t i = 0; go_on && (group = mapproc_bench_group_at(i)) != NULL; i++) {
        int result;

        if (only != NULL && group != only)
            continue;
        result = run_group(group, report, bench, &go_on);
        status = result > status ? result : status;
    }
    return status;
}

/* Reads the operands: a group (NULL: all of them), then a file. CLI_OK, or a status after a
 * message. */
static int read_operands(char **operands, int count, const struct mapproc_bench_group **group,
                         const char **file)
{
    struct mapproc_error error;
    int result;

    *group = count > 0 ? mapproc_bench_group_find(operands[0]) : NULL;
    if (count > 0 && *group == NULL && strcmp(operands[0], "all") != 0)
        return cli_print_usage_error("bench", operands[0], "unknown group");
    if (count > 2)
        return cli_print_usage_error("bench", operands[2], "only one FILE at a time");
    *file = count > 1 ? operands[1] : NULL;
    if (*file == NULL)
        return CLI_OK;
    if (*group != NULL && !(*group)->takes_file)
        return cli_print_usage_error("bench", *file, "this group takes no FILE");
    result = mapproc_bench_check_file(*file, &error);
    if (result != MAPPROC_OK)
        cli_print_error(&error);
    return cli_status_from_code(result);
}

static int run(int argc, char **argv)
{
    struct settings settings = {0};
    struct report report = {.progress = isatty(STDERR_FILENO) == 1};
    struct mapproc_bench_options bench = {
        .row = take_row, .progress = show_progress, .user = &report};
    const struct mapproc_bench_group *group;
    int operands;
    int result = cli_parse_options(&cli_verb_bench, argc, argv, &settings, &operands);

    if (result != CLI_OK)
        return result;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_bench);
        print_groups();
        return CLI_OK;
    }
    result = read_operands(argv + operands, argc - operands, &group, &bench.file);
    if (result != CLI_OK)
        return result;
    report.json = settings.json;
    bench.job = settings.common.job;
    bench.rounds = settings.rounds;
    bench.size = settings.size;
    bench.cold = settings.cold;
    bench.job.cancel = mapproc_cancel_create();
    if (bench.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(bench.job.cancel);
    return run_groups(group, &report, &bench);
}

const struct cli_verb cli_verb_bench = {
    .name = "bench",
    .operands = "[GROUP [FILE]]",
    .summary = "Measure what this machine does with memory, files, digests and codecs.",
    .details =
        "What is compared takes turns, round after round, so that other load of the machine hits\n"
        "all alike. A row shows the number of threads, the median, the least and the most of the\n"
        "rounds, and how many times better than the baseline of its test it is: ns are per\n"
        "operation, GB/s 10^9 and MB/s 10^6 bytes per second. Of codecs it shows how fast they\n"
        "compress and inflate, and packing: how many bytes became one. Without FILE the group "
        "file\n"
        "makes one in $TMPDIR that goes away by itself, and codec makes up its data. All of it\n"
        "takes about two minutes on two cores, less with a smaller --size.\n"
        "\n"
        "Fields of a row in JSON: group, test, subject (what it was done with), threads, size (in\n"
        "bytes, see the groups), skipped (why there is no result, or null); and if there is one:\n"
        "unit (ns, GB/s, MB/s), rounds, median, least, most, ratio (or null); of codecs besides:\n"
        "packing, inflate_median, inflate_least, inflate_most, frontier (true or false).\n"
        "\n"
        "Exit status: 0 all good, 1 FILE is missing or was cut, 2 wrong usage, 3 the machine\n"
        "failed (I/O error, no space, no memory).\n",
    .options = options,
    .run = run,
};
