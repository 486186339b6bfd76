/* SPDX-License-Identifier: MIT */
/* bench_file.c - the ways to read a file, from the page cache and from the device. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/file_cache.h"
#include "bench/file_made.h"
#include "bench/file_scan.h"
#include "bench/machine.h"
#include "bench/measure.h"

enum {
    ROUNDS_HOT = 5,
    ROUNDS_COLD = 3,
    READ_SIZE = 1 << 20, /* bytes at a time where nothing is measured */
};

#define GROUP      "file"
#define SIZE_USUAL (UINT64_C(1) << 30)
#define SIZE_LEAST (UINT64_C(64) << 10)
#define HOT        0.99 /* the part in the page cache from which on a file is hot */

/* What all measurements of the group are about. */
struct file_run {
    const struct mapproc_bench_options *options;
    const struct mapproc_source *source;
    uint64_t size;
    const struct mapproc_bench_machine *machine;
};

/* ---- the file ---- */

int mapproc_bench_check_file(const char *path, struct mapproc_error *error)
{
    struct mapproc_source source;
    int result = mapproc_source_open(&source, path, error);

    if (result == MAPPROC_OK && source.kind != MAPPROC_SOURCE_EXTENT)
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, path,
                                   "cannot be measured: it is empty, or no regular file");
    mapproc_source_close(&source);
    return result;
}

/* Reads the file once. It need not stay in the cache. */
static int read_all(const struct file_run *run, struct mapproc_error *error)
{
    unsigned char *buffer = malloc(READ_SIZE);
    int result = MAPPROC_OK;

    if (buffer == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, run->source->path, "cannot read");
    for (uint64_t offset = 0; offset < run->size && result == MAPPROC_OK; offset += READ_SIZE) {
        size_t length = (size_t)mapproc_min_u64(run->size - offset, READ_SIZE);

        result = mapproc_bench_cancelled(run->options->job.cancel)
                     ? MAPPROC_CANCELLED
                     : mapproc_source_read_at(run->source, offset, buffer, length, error);
    }
    free(buffer);
    return result;
}

/* Fails if the file no longer has its last byte. What was cut is not in the page cache either, but
 * that is no reason to leave a measurement out. */
static int check_not_cut(const struct mapproc_source *source, uint64_t size,
                         struct mapproc_error *error)
{
    unsigned char last;

    return mapproc_source_read_at(source, size - 1, &last, 1, error);
}

/* ---- the measurements ---- */

static int make_cold(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    const struct mapproc_file_scan *scan = subject->context;
    const char *why = mapproc_file_cache_drop(scan->source, scan->size);

    if (why == NULL)
        return MAPPROC_OK;
    mapproc_bench_skip(subject, "%s", why);
    return check_not_cut(scan->source, scan->size, error);
}

/* A number of threads, and what they need. */
struct crew {
    struct mapproc_bench_team team;
    struct mapproc_file_scan scan;
};

static int open_crew(struct crew *crew, const struct file_run *run, unsigned threads,
                     struct mapproc_error *error)
{
    int result =
        mapproc_bench_machine_team(run->machine, &crew->team, threads, run->options, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_file_scan_open(&crew->scan, run->source, run->size, threads, error);
    if (result != MAPPROC_OK) {
        mapproc_file_scan_close(&crew->scan);
        mapproc_bench_team_stop(&crew->team);
    }
    return result;
}

static void close_crew(struct crew *crew)
{
    mapproc_bench_team_stop(&crew->team);
    mapproc_file_scan_close(&crew->scan);
}

/* Adds a subject for every way to read. */
static void add_subjects(struct mapproc_bench_set *set, struct crew *crew, bool cold,
                         const char *not_hot)
{
    const struct mapproc_file_method *method;

    for (size_t i = 0; (method = mapproc_file_method_at(i)) != NULL; i++) {
        struct mapproc_bench_subject *subject = &set->subjects[set->count++];

        *subject = (struct mapproc_bench_subject){
            .test = cold ? "cold" : "hot",
            .name = method->name,
            .size = crew->scan.size,
            .unit = MAPPROC_BENCH_GB_S,
            .baseline = &set->subjects[0], /* read(), one thread */
            .team = &crew->team,
            .work = method->work,
            .context = &crew->scan,
            .amount = (double)crew->scan.size,
            .units = 1,
            .prepare = cold ? make_cold : NULL,
        };
        if (not_hot != NULL)
            mapproc_bench_skip(subject, "%s", not_hot);
        else
            mapproc_file_scan_try(&crew->scan, method, subject);
    }
}

/* Brings the file into the page cache. *why tells if it does not stay there. */
static int make_hot(const struct file_run *run, const char **why, struct mapproc_error *error)
{
    double part;
    int result;

    *why = NULL;
    mapproc_bench_prepare_progress(run->options, GROUP, "reading the file");
    result = read_all(run, error);
    if (result != MAPPROC_OK || !mapproc_file_cache_part(run->source, run->size, &part) ||
        part >= HOT)
        return result;
    *why = "not all of it stays in the page cache";
    return check_not_cut(run->source, run->size, error);
}

/* All ways with all numbers of threads, in turn, as they have one baseline. */
static int run_set(const struct file_run *run, struct crew *crews, unsigned count, bool cold,
                   struct mapproc_error *error)
{
    struct mapproc_bench_set set = {.group = GROUP, .rounds = cold ? ROUNDS_COLD : ROUNDS_HOT};
    const char *not_hot = NULL;
    size_t methods = 0;
    int result = MAPPROC_OK;

    while (mapproc_file_method_at(methods) != NULL)
        methods++;
    set.subjects = calloc(count, methods * sizeof(*set.subjects));
    if (set.subjects == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare to read");
    if (!cold)
        result = make_hot(run, &not_hot, error);
    if (result == MAPPROC_OK) {
        for (unsigned i = 0; i < count; i++)
            add_subjects(&set, &crews[i], cold, not_hot);
        result = mapproc_bench_measure(&set, run->options, error);
    }
    free(set.subjects);
    return result;
}

static int run_sets(const struct file_run *run, struct mapproc_error *error)
{
    unsigned count = 0, open = 0;
    struct crew *crews;
    int result = MAPPROC_OK;

    for (unsigned threads = 0;
         (threads = mapproc_bench_next_threads(threads, run->machine->threads)) != 0;)
        count++;
    crews = calloc(count, sizeof(*crews));
    if (crews == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare to read");
    for (unsigned threads = 0;
         result == MAPPROC_OK &&
         (threads = mapproc_bench_next_threads(threads, run->machine->threads)) != 0;) {
        result = open_crew(&crews[open], run, threads, error);
        open += result == MAPPROC_OK;
    }
    if (result == MAPPROC_OK)
        result = run_set(run, crews, count, false, error);
    if (result == MAPPROC_OK && run->options->cold)
        result = run_set(run, crews, count, true, error);
    while (open > 0)
        close_crew(&crews[--open]);
    free(crews);
    return result;
}

static int run_with_machine(const struct mapproc_bench_options *options,
                            const struct mapproc_bench_machine *machine,
                            struct mapproc_error *error)
{
    struct mapproc_source source;
    struct file_run run = {.options = options, .source = &source, .machine = machine};
    int result;

    result = mapproc_bench_choose_size(machine, options,
                                       &(struct mapproc_bench_sizes){.group = GROUP,
                                                                     .usual = SIZE_USUAL,
                                                                     .least = SIZE_LEAST,
                                                                     .most = INT64_MAX,
                                                                     .count = 1},
                                       &run.size, error);
    if (result != MAPPROC_OK)
        return result;
    if (options->file == NULL) {
        mapproc_bench_prepare_progress(options, GROUP, "making a file");
        result = mapproc_file_made_open(&source, run.size, options->job.cancel, error);
        if (result != MAPPROC_OK)
            return result;
    } else {
        result = mapproc_bench_check_file(options->file, error);
        if (result != MAPPROC_OK)
            return result;
        result = mapproc_source_open(&source, options->file, error);
        run.size = mapproc_min_u64(run.size, source.size);
    }
    if (result == MAPPROC_OK)
        result = run_sets(&run, error);
    mapproc_source_close(&source);
    return result;
}

static int run(const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    struct mapproc_bench_machine machine;
    int result = mapproc_bench_machine_open(&machine, options, error);

    if (result != MAPPROC_OK)
        return result;
    result = run_with_machine(options, &machine, error);
    mapproc_bench_machine_close(&machine);
    return result;
}

const struct mapproc_bench_group mapproc_bench_group_file = {
    .name = GROUP,
    .summary = "reading a file, every byte touched, the threads each a part of it",
    .baseline = "read, 1 thread",
    .size_help = "the file; --size: the made file's, or the most of FILE, default 1G",
    .takes_file = true,
    .run = run,
};
