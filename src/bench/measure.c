/* SPDX-License-Identifier: MIT */
/* measure.c - the measuring core: subjects in turn, round after round, and what they come to. */
#include "bench/measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum { GROWTH_MAX = 16 }; /* of the work from one trial run to the next */

const char *mapproc_bench_unit_name(enum mapproc_bench_unit unit)
{
    static const char *const names[] = {
        [MAPPROC_BENCH_NS] = "ns",
        [MAPPROC_BENCH_GB_S] = "GB/s",
        [MAPPROC_BENCH_MB_S] = "MB/s",
    };

    return names[unit];
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct mapproc_bench_summary mapproc_bench_summarize(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return (struct mapproc_bench_summary){
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .least = values[0],
        .most = values[count - 1],
        .rounds = count,
    };
}

double mapproc_bench_ratio(enum mapproc_bench_unit unit, double value, double baseline)
{
    return unit == MAPPROC_BENCH_NS ? baseline / value : value / baseline;
}

unsigned mapproc_bench_next_threads(unsigned threads, unsigned most)
{
    if (threads == 0)
        return 1;
    if (threads >= most)
        return 0;
    return threads > most / 2 ? most : threads * 2;
}

void mapproc_bench_skip(struct mapproc_bench_subject *subject, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(subject->skipped, sizeof(subject->skipped), format, arguments);
    va_end(arguments);
}

static bool is_skipped(const struct mapproc_bench_subject *subject)
{
    return subject->skipped[0] != '\0';
}

void mapproc_bench_prepare_progress(const struct mapproc_bench_options *options, const char *group,
                                    const char *what)
{
    if (options->progress != NULL)
        options->progress(options->user, group, what, 0, 0);
}

static int run_once(struct mapproc_bench_subject *subject, double *seconds,
                    const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    int result;

    if (mapproc_bench_cancelled(options->job.cancel))
        return mapproc_error_set(error, MAPPROC_CANCELLED, 0, NULL, "cancelled");
    if (subject->prepare != NULL) {
        result = subject->prepare(subject, error);
        if (result != MAPPROC_OK || is_skipped(subject))
            return result;
    }
    result = mapproc_bench_team_run(subject->team, subject->work, subject->context, subject->units,
                                    seconds, error);
    if (result == MAPPROC_OK && *seconds < 1e-9) /* less than the clock can tell */
        *seconds = 1e-9;
    return result;
}

/* Runs the subject once, and on until its work is known to last. */
static int warm_up(struct mapproc_bench_subject *subject, double run_time,
                   const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    bool choose = subject->units == 0;
    double seconds, again;
    int result;

    if (choose)
        subject->units = 1;
    result = run_once(subject, &seconds, options, error);
    while (choose && result == MAPPROC_OK && !is_skipped(subject)) {
        double growth;

        /* The shorter time of two: the first run takes memory, and any may have had to wait. */
        for (int i = 0; i < 2; i++) {
            result = run_once(subject, &again, options, error);
            if (result != MAPPROC_OK || is_skipped(subject))
                return result;
            seconds = i == 0 || again < seconds ? again : seconds;
        }
        if (seconds >= run_time / 2)
            break;
        growth = run_time / seconds;
        growth = growth < GROWTH_MAX ? growth : GROWTH_MAX;
        subject->units = (uint64_t)((double)subject->units * growth) + 1;
    }
    return result;
}

static double value_of(const struct mapproc_bench_subject *subject, double seconds)
{
    double amount = subject->amount * (double)subject->units;

    if (subject->unit == MAPPROC_BENCH_NS)
        return 1e9 * seconds / amount;
    return (subject->unit == MAPPROC_BENCH_GB_S ? 1e-9 : 1e-6) * amount / seconds;
}

static void tell_progress(const struct mapproc_bench_set *set,
                          const struct mapproc_bench_subject *subject, unsigned round,
                          unsigned rounds, const struct mapproc_bench_options *options)
{
    if (options->progress != NULL)
        options->progress(options->user, set->group, subject->test, round, rounds);
}

static int run_rounds(const struct mapproc_bench_set *set, unsigned rounds,
                      const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    double seconds;

    for (unsigned round = 0; round <= rounds; round++) {
        for (size_t i = 0; i < set->count; i++) {
            struct mapproc_bench_subject *subject = &set->subjects[i];
            int result;

            if (is_skipped(subject))
                continue;
            tell_progress(set, subject, round, rounds, options);
            result = round == 0 ? warm_up(subject, set->run_time, options, error)
                                : run_once(subject, &seconds, options, error);
            if (result != MAPPROC_OK)
                return result;
            if (round > 0 && !is_skipped(subject))
                subject->values[round - 1] = value_of(subject, seconds);
        }
    }
    return MAPPROC_OK;
}

static int hand_over(const struct mapproc_bench_set *set, unsigned rounds,
                     const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    for (size_t i = 0; i < set->count; i++)
        if (!is_skipped(&set->subjects[i]))
            set->subjects[i].summary = mapproc_bench_summarize(set->subjects[i].values, rounds);
    for (size_t i = 0; i < set->count; i++) {
        const struct mapproc_bench_subject *subject = &set->subjects[i];
        const struct mapproc_bench_subject *baseline = subject->baseline;
        struct mapproc_bench_row row = {
            .group = set->group,
            .test = subject->test,
            .subject = subject->name,
            .threads = subject->team != NULL ? subject->team->threads : subject->threads,
            .size = subject->size,
            .skipped = is_skipped(subject) ? subject->skipped : NULL,
            .unit = subject->unit,
            .value = subject->summary,
        };
        int result;

        if (subject->hidden)
            continue;
        if (baseline != NULL && !is_skipped(subject) && !is_skipped(baseline))
            row.ratio = mapproc_bench_ratio(subject->unit, subject->summary.median,
                                            baseline->summary.median);
        if (subject->describe != NULL && !is_skipped(subject))
            subject->describe(set, i, &row);
        result = options->row(options->user, &row);
        if (result != MAPPROC_OK) {
            mapproc_error_set(error, result, 0, NULL, "%s", "");
            return result;
        }
    }
    return MAPPROC_OK;
}

int mapproc_bench_measure(const struct mapproc_bench_set *set,
                          const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    unsigned rounds = options->rounds != 0 ? options->rounds : set->rounds;
    double *values = calloc(set->count, rounds * sizeof(*values));
    int result;

    if (values == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start to measure");
    for (size_t i = 0; i < set->count; i++)
        set->subjects[i].values = values + i * rounds;
    result = run_rounds(set, rounds, options, error);
    if (result == MAPPROC_OK)
        result = hand_over(set, rounds, options, error);
    free(values);
    return result;
}
