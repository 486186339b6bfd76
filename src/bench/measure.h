/* SPDX-License-Identifier: MIT */
/* measure.h - the measuring core: subjects in turn, round after round, and what they come to.
 *
 * A load of the machine, or a CPU that gets hot, must not fall on one subject alone: so the
 * subjects of a set take turns, A B C A B C, and what is compared is the median of the rounds. Each
 * subject runs once or more before the first round, not counted, which makes memory and caches what
 * they will be, and finds out how much work lasts long enough to be timed.
 */
#ifndef MAPPROC_BENCH_MEASURE_H
#define MAPPROC_BENCH_MEASURE_H

#include "bench/bench.h"
#include "bench/team.h"

enum { MAPPROC_BENCH_REASON_MAX = 96 };

struct mapproc_bench_set;

/* One thing to be measured. */
struct mapproc_bench_subject {
    /* as in struct mapproc_bench_row */
    const char *test;
    const char *name;
    uint64_t size;
    enum mapproc_bench_unit unit;
    unsigned threads; /* only for a subject without a team: one that is skipped from the start */

    const struct mapproc_bench_subject *baseline; /* in the same set; NULL: it has none */

    struct mapproc_bench_team *team; /* borrowed; does the work: see mapproc_bench_team_run() */
    int (*work)(struct mapproc_bench_worker *worker, void *context, uint64_t units);
    void *context;

    /* What one unit of work comes to: operations that one thread does, or bytes that all threads
     * together go through. */
    double amount;
    uint64_t
        units; /* of work in a run; 0: as many as take the time of mapproc_bench_set.run_time */

    /* Called before each run, outside of the time; may set `skipped`. NULL: nothing to prepare. */
    int (*prepare)(struct mapproc_bench_subject *subject, struct mapproc_error *error);

    char skipped[MAPPROC_BENCH_REASON_MAX]; /* why it is not measured; empty: it is */

    bool hidden; /* it gets no row: that of another subject tells of it */

    /* Adds to the row of the set's subject number `index`, when all of the set are measured. NULL:
     * nothing to add. */
    void (*describe)(const struct mapproc_bench_set *set, size_t index,
                     struct mapproc_bench_row *row);
    struct mapproc_bench_summary summary; /* filled by then */

    double *values; /* private */
};

/* Subjects that are measured in turn. */
struct mapproc_bench_set {
    const char *group;
    struct mapproc_bench_subject *subjects;
    size_t count;
    unsigned rounds; /* where the options do not say */
    double run_time; /* seconds that one run of one subject should take, where it can be chosen */
};

/*
 * Measures all subjects of the set and hands over a row for each, in their order. Returns
 * MAPPROC_OK, MAPPROC_CANCELLED, what the row function returned (then error->what is empty), or
 * what a subject's work or prepare function failed with.
 */
int mapproc_bench_measure(const struct mapproc_bench_set *set,
                          const struct mapproc_bench_options *options, struct mapproc_error *error);

/* Tells whoever listens what is being prepared. */
void mapproc_bench_prepare_progress(const struct mapproc_bench_options *options, const char *group,
                                    const char *what);

/* Says in printf's way why a subject is not measured. */
void mapproc_bench_skip(struct mapproc_bench_subject *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Median, least and most of `count` values, at least 1, which get sorted. */
struct mapproc_bench_summary mapproc_bench_summarize(double *values, unsigned count);

/* How many times better a value is than the baseline's. */
double mapproc_bench_ratio(enum mapproc_bench_unit unit, double value, double baseline);

/*
 * The numbers of threads to measure with when `most` are allowed, one after the other: 1, 2, 4 and
 * so on, at last `most`. Returns the one that follows `threads` (0 for the first), or 0 at the end.
 */
unsigned mapproc_bench_next_threads(unsigned threads, unsigned most);

#endif
