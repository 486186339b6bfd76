/* SPDX-License-Identifier: MIT */
/* bench_chunker.c - how fast each chunker that reads finds its borders, against a plain scan.
 *
 * Every thread cuts its own region, in views as a job gives them. What a chunker skips counts as
 * cut: so it is for a user, who has a file to be cut and not bytes to be looked at.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/machine.h"
#include "bench/measure.h"
#include "bench/region.h"
#include "bench/scan.h"
#include "pipeline/chunking.h"

enum {
    ROUNDS = 5,
    STEP = 256 << 10, /* bytes by which a view grows, as in a job */
};

#define GROUP      "chunker"
#define SIZE_USUAL (UINT64_C(256) << 20) /* bytes a thread */
#define SIZE_LEAST (UINT64_C(64) << 10)
#define TOTAL_MOST (UINT64_C(4) << 30) /* bytes, unless the options ask for more */

/* One chunker with one number of threads. */
struct chunker_run {
    struct mapproc_chunking chunking;   /* of no chunker for the scan */
    struct mapproc_bench_region region; /* of all threads; borrowed */
};

static int work_scan(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct chunker_run *run = context;
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(&run->region, worker->index, worker->team->threads);
    uint64_t value = 0;

    (void)units;
    for (size_t done = 0; done < part.size; done += STEP) {
        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        value ^=
            mapproc_bench_scan(part.memory + done, (size_t)mapproc_min_u64(part.size - done, STEP));
    }
    mapproc_bench_use(value);
    return MAPPROC_OK;
}

static int work_chunker(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct chunker_run *run = context;
    const struct mapproc_chunker *chunker = run->chunking.chunker;
    const struct mapproc_chunker_settings settings = {.options = run->chunking.options};
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(&run->region, worker->index, worker->team->threads);
    _Alignas(16) unsigned char state[MAPPROC_CHUNKER_STATE_MAX];
    const char *wrong = chunker->init(state, &settings);
    size_t begin = 0, seen = 0;

    (void)units;
    if (wrong != NULL)
        return mapproc_error_set(&worker->error, MAPPROC_FAILED, 0, NULL, "%s: %s", chunker->name,
                                 wrong);
    while (begin < part.size) {
        size_t answer = MAPPROC_CHUNKER_MORE;

        if (seen > begin)
            answer = chunker->next(state, part.memory + begin, seen - begin, seen == part.size);
        if (answer == MAPPROC_CHUNKER_MORE) {
            seen += (size_t)mapproc_min_u64(STEP, part.size - seen);
            if (mapproc_bench_cancelled(worker->team->cancel))
                return MAPPROC_CANCELLED;
            continue;
        }
        begin += answer;
    }
    return MAPPROC_OK;
}

/* ---- the group ---- */

struct chunker_group {
    const struct mapproc_bench_options *options;
    const struct mapproc_bench_machine *machine;
    uint64_t size; /* bytes a thread */
    struct mapproc_bench_set set;
    struct chunker_run *runs; /* one a subject */
};

/* Adds one chunker, or with NULL the scan, as the last subject of the set. */
static void add_subject(struct chunker_group *group, const struct mapproc_chunker *chunker,
                        struct mapproc_bench_team *team, const struct mapproc_bench_region *region)
{
    struct chunker_run *run = &group->runs[group->set.count];

    run->region = (struct mapproc_bench_region){.memory = region->memory,
                                                .size = (size_t)group->size * team->threads};
    if (chunker != NULL)
        mapproc_chunking_init(&run->chunking, chunker);
    group->set.subjects[group->set.count++] = (struct mapproc_bench_subject){
        .test = "a region a thread",
        .name = chunker != NULL ? chunker->name : "plain scan",
        .size = group->size,
        .unit = MAPPROC_BENCH_GB_S,
        .team = team,
        .work = chunker != NULL ? work_chunker : work_scan,
        .context = run,
        .amount = (double)run->region.size,
        .units = 1,
    };
}

/* Adds the scan and all chunkers that read, with the threads of one team. */
static void add_subjects(struct chunker_group *group, struct mapproc_bench_team *team,
                         const struct mapproc_bench_region *region)
{
    const size_t scan = group->set.count;
    const struct mapproc_chunker *chunker;

    add_subject(group, NULL, team, region);
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++)
        if (chunker->reads_data)
            add_subject(group, chunker, team, region);
    for (size_t i = scan; i < group->set.count; i++)
        group->set.subjects[i].baseline = &group->set.subjects[scan];
}

/* Measures with each of the teams, the first of which has one thread, and the last has all. */
static int run_teams(struct chunker_group *group, struct mapproc_bench_team *teams, unsigned count,
                     struct mapproc_error *error)
{
    struct mapproc_bench_region region;
    int result =
        mapproc_bench_region_open(&region, (size_t)group->size * teams[count - 1].threads, error);

    if (result != MAPPROC_OK)
        return result;
    mapproc_bench_prepare_progress(group->options, GROUP, "filling memory");
    result = mapproc_bench_region_fill(&region, &teams[count - 1], error);
    for (unsigned i = 0; i < count && result == MAPPROC_OK; i++)
        add_subjects(group, &teams[i], &region);
    if (result == MAPPROC_OK)
        result = mapproc_bench_measure(&group->set, group->options, error);
    mapproc_bench_region_close(&region);
    return result;
}

static int run_group(struct chunker_group *group, struct mapproc_error *error)
{
    const unsigned threads = group->machine->threads;
    const unsigned sizes[] = {1, threads};
    const unsigned wanted = threads > 1 ? 2 : 1;
    struct mapproc_bench_team teams[2];
    unsigned count = 0;
    size_t chunkers = 0;
    int result = MAPPROC_OK;

    while (mapproc_chunker_at(chunkers) != NULL)
        chunkers++;
    group->set.subjects = calloc(wanted * (chunkers + 1), sizeof(*group->set.subjects));
    group->runs = calloc(wanted * (chunkers + 1), sizeof(*group->runs));
    if (group->set.subjects == NULL || group->runs == NULL)
        result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare chunkers");
    while (result == MAPPROC_OK && count < wanted) {
        result = mapproc_bench_machine_team(group->machine, &teams[count], sizes[count],
                                            group->options, error);
        count += result == MAPPROC_OK;
    }
    if (result == MAPPROC_OK)
        result = run_teams(group, teams, count, error);
    while (count > 0)
        mapproc_bench_team_stop(&teams[--count]);
    free(group->runs);
    free(group->set.subjects);
    return result;
}

static int run(const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    struct chunker_group group = {.options = options, .set = {.group = GROUP, .rounds = ROUNDS}};
    struct mapproc_bench_machine machine;
    int result = mapproc_bench_machine_open(&machine, options, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_bench_choose_size(
        &machine, options,
        &(struct mapproc_bench_sizes){.group = GROUP,
                                      .usual =
                                          mapproc_min_u64(SIZE_USUAL, TOTAL_MOST / machine.threads),
                                      .least = SIZE_LEAST,
                                      .most = SIZE_MAX / 2 / machine.threads,
                                      .count = machine.threads},
        &group.size, error);
    group.size = mapproc_round_down(group.size, SIZE_LEAST);
    group.machine = &machine;
    if (result == MAPPROC_OK)
        result = run_group(&group, error);
    mapproc_bench_machine_close(&machine);
    return result;
}

const struct mapproc_bench_group mapproc_bench_group_chunker = {
    .name = GROUP,
    .summary = "chunkers that read, over noise in memory",
    .baseline = "plain scan, as many threads",
    .size_help = "the region of a thread; --size: the same, default 256M",
    .run = run,
};
