/* SPDX-License-Identifier: MIT */
/* bench_digest.c - each digest in memory, against a plain scan.
 *
 * One thread digests its own region. All threads do one of two things. A parallel digest is made of
 * one input, the regions of all threads, as a job does it: each thread takes the next chunk and
 * makes its partial, and whoever finishes the lowest chunk folds it and all that wait behind it, in
 * order. A serial digest cannot be shared, so each thread makes one of its own region, as it would
 * be with several files.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/machine.h"
#include "bench/measure.h"
#include "bench/region.h"
#include "bench/scan.h"
#include "digest/digest.h"

enum {
    ROUNDS = 5,
    CHUNK = 1 << 20,      /* bytes, as in a job */
    SLOTS_PER_THREAD = 4, /* partials that may wait for an earlier one */
    YIELDS = 64,          /* waiting, between two looks at whether to stop */
};

#define GROUP      "digest"
#define SIZE_USUAL (UINT64_C(256) << 20) /* bytes a thread */
#define SIZE_LEAST (UINT64_C(64) << 10)
#define TOTAL_MOST (UINT64_C(4) << 30) /* bytes, unless the options ask for more */

/* Bytes a thread of a serial digest, which can be a hundred times slower than a parallel one. */
#define SERIAL_MOST (UINT64_C(64) << 20)

/* One digest with one number of threads. */
struct digest_run {
    const struct mapproc_digest *digest;
    struct mapproc_bench_region region; /* of all threads; borrowed */
    unsigned threads;
    unsigned char *states;                  /* one a thread; a parallel digest uses the first */
    size_t state_stride;                    /* bytes from one state to the next */
    bool *started;                          /* one a state: there is something to release */
    uint8_t (*results)[MAPPROC_DIGEST_MAX]; /* of the first run, one a state */
    bool *have_result;

    /* Of a parallel digest. */
    size_t chunks;
    size_t slots;            /* chunk n has slot n % slots */
    unsigned char *partials; /* one a slot */
    size_t partial_stride;
    atomic_bool *ready; /* one a slot: the partial is made, and not folded yet */
    atomic_size_t next_chunk;
    atomic_size_t next_fold; /* the lowest chunk that is not folded; changed with the lock held */
    pthread_mutex_t lock;
};

static void *state_at(const struct digest_run *run, unsigned index)
{
    return run->states + index * run->state_stride;
}

static void release(struct digest_run *run, unsigned index)
{
    if (run->started[index] && run->digest->release != NULL)
        run->digest->release(state_at(run, index));
    run->started[index] = false;
}

/* Starts a digest, after whatever became of the one before. */
static int start(struct digest_run *run, unsigned index, struct mapproc_error *error)
{
    release(run, index);
    run->started[index] = run->digest->init(run->digest, state_at(run, index));
    if (run->started[index])
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start %s",
                             run->digest->name);
}

/* Ends a digest. Whatever the threads did in whatever order, it is the one of the first run. */
static int finish(struct digest_run *run, unsigned index, struct mapproc_error *error)
{
    uint8_t result[MAPPROC_DIGEST_MAX] = {0};

    if (!run->digest->finish(state_at(run, index), result))
        return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL, "%s has failed",
                                 run->digest->name);
    if (!run->have_result[index]) {
        memcpy(run->results[index], result, sizeof(result));
        run->have_result[index] = true;
    }
    if (memcmp(run->results[index], result, sizeof(result)) == 0)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL,
                             "two runs of %s over the same bytes differ", run->digest->name);
}

/* ---- the work ---- */

static int work_scan(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct digest_run *run = context;
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(&run->region, worker->index, worker->team->threads);
    uint64_t value = 0;

    (void)units;
    for (size_t done = 0; done < part.size; done += CHUNK) {
        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        value ^= mapproc_bench_scan(part.memory + done,
                                    (size_t)mapproc_min_u64(part.size - done, CHUNK));
    }
    mapproc_bench_use(value);
    return MAPPROC_OK;
}

static int work_serial(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct digest_run *run = context;
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(&run->region, worker->index, worker->team->threads);
    void *state = state_at(run, worker->index);
    int result = start(run, worker->index, &worker->error);

    (void)units;
    if (result != MAPPROC_OK)
        return result;
    for (size_t done = 0; done < part.size; done += CHUNK) {
        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        run->digest->update(state, part.memory + done,
                            (size_t)mapproc_min_u64(part.size - done, CHUNK));
    }
    return finish(run, worker->index, &worker->error);
}

/* Folds whatever is its turn; after the last chunk the digest is finished. */
static int fold_ready(struct digest_run *run, struct mapproc_error *error)
{
    int result = MAPPROC_OK;
    size_t next;

    (void)pthread_mutex_lock(&run->lock);
    next = atomic_load_explicit(&run->next_fold, memory_order_relaxed);
    while (next < run->chunks &&
           atomic_load_explicit(&run->ready[next % run->slots], memory_order_acquire)) {
        size_t slot = next % run->slots;

        run->digest->fold(run->states, run->partials + slot * run->partial_stride);
        atomic_store_explicit(&run->ready[slot], false, memory_order_relaxed);
        next++;
        atomic_store_explicit(&run->next_fold, next, memory_order_release);
        if (next == run->chunks)
            result = finish(run, 0, error);
    }
    (void)pthread_mutex_unlock(&run->lock);
    return result;
}

/* Waits until the chunk's slot is free. False if the run is to be stopped. */
static bool wait_slot(struct digest_run *run, size_t chunk, const struct mapproc_cancel *cancel)
{
    for (unsigned tries = 0;
         chunk - atomic_load_explicit(&run->next_fold, memory_order_acquire) >= run->slots;
         tries++) {
        if (tries % YIELDS == 0 && mapproc_bench_cancelled(cancel))
            return false;
        (void)sched_yield();
    }
    return true;
}

static int work_parallel(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct digest_run *run = context;
    size_t chunk;
    int result = MAPPROC_OK;

    (void)units;
    while (result == MAPPROC_OK && (chunk = atomic_fetch_add(&run->next_chunk, 1)) < run->chunks) {
        size_t slot = chunk % run->slots, offset = chunk * CHUNK;
        void *partial = run->partials + slot * run->partial_stride;

        if (mapproc_bench_cancelled(worker->team->cancel) ||
            !wait_slot(run, chunk, worker->team->cancel))
            return MAPPROC_CANCELLED;
        run->digest->partial_init(partial, offset);
        run->digest->partial_update(partial, run->region.memory + offset,
                                    (size_t)mapproc_min_u64(run->region.size - offset, CHUNK));
        atomic_store_explicit(&run->ready[slot], true, memory_order_release);
        result = fold_ready(run, &worker->error);
    }
    return result;
}

static int begin_parallel(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    struct digest_run *run = subject->context;

    for (size_t i = 0; i < run->slots; i++) /* where the run before was stopped */
        atomic_store(&run->ready[i], false);
    atomic_store(&run->next_chunk, 0);
    atomic_store(&run->next_fold, 0);
    return start(run, 0, error);
}

/* ---- what it needs ---- */

/* Memory for `count` objects of `size` bytes, each aligned as digests want it; NULL without. */
static unsigned char *allocate(size_t count, size_t size, size_t *stride)
{
    size_t total;

    if (!mapproc_round_up_size(size, MAPPROC_DIGEST_ALIGNMENT, stride) ||
        !mapproc_multiply_size(count, *stride, &total) || total == 0)
        return NULL;
    return aligned_alloc(MAPPROC_DIGEST_ALIGNMENT, total);
}

static void close_run(struct digest_run *run)
{
    if (run->digest == NULL)
        return;
    for (unsigned i = 0; run->started != NULL && i < run->threads; i++)
        release(run, i);
    free(run->started);
    (void)pthread_mutex_destroy(&run->lock);
    free(run->states);
    free(run->results);
    free(run->have_result);
    free(run->partials);
    free(run->ready);
}

/* Undo it with close_run(), even after a failure. `digest` is NULL for the scan. */
static int open_run(struct digest_run *run, const struct mapproc_digest *digest,
                    const struct mapproc_bench_region *region, unsigned threads,
                    struct mapproc_error *error)
{
    bool complete;

    *run = (struct digest_run){.region = *region, .threads = threads};
    if (digest == NULL)
        return MAPPROC_OK;
    if (pthread_mutex_init(&run->lock, NULL) != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL, "cannot prepare %s", digest->name);
    run->digest = digest;
    run->states = allocate(threads, digest->state_size, &run->state_stride);
    run->results = calloc(threads, sizeof(*run->results));
    run->have_result = calloc(threads, sizeof(*run->have_result));
    run->started = calloc(threads, sizeof(*run->started));
    complete = run->states != NULL && run->results != NULL && run->have_result != NULL &&
               run->started != NULL;
    if (digest->fold != NULL) {
        run->chunks = (region->size + CHUNK - 1) / CHUNK;
        run->slots = (size_t)threads * SLOTS_PER_THREAD;
        run->partials = allocate(run->slots, digest->partial_size(CHUNK), &run->partial_stride);
        run->ready = calloc(run->slots, sizeof(*run->ready));
        complete = complete && run->partials != NULL && run->ready != NULL;
    }
    return complete ? MAPPROC_OK
                    : mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare %s",
                                        digest->name);
}

/* ---- the group ---- */

struct digest_group {
    const struct mapproc_bench_options *options;
    const struct mapproc_bench_machine *machine;
    uint64_t size; /* bytes a thread */
    struct mapproc_bench_set set;
    struct digest_run *runs; /* one a subject */
};

/* Adds one digest, or with NULL the scan, as the last subject of the set. */
static int add_subject(struct digest_group *group, const struct mapproc_digest *digest,
                       struct mapproc_bench_team *team, const struct mapproc_bench_region *region,
                       struct mapproc_error *error)
{
    const bool parallel = digest != NULL && digest->fold != NULL;
    const bool serial = digest != NULL && !parallel;
    const uint64_t size = serial ? mapproc_min_u64(group->size, SERIAL_MOST) : group->size;
    const struct mapproc_bench_region part = {.memory = region->memory,
                                              .size = (size_t)size * team->threads};
    struct digest_run *run = &group->runs[group->set.count];
    struct mapproc_bench_subject *subject = &group->set.subjects[group->set.count++];
    int result =
        digest != NULL && digest->prepare != NULL ? digest->prepare(digest, error) : MAPPROC_OK;

    *subject = (struct mapproc_bench_subject){
        .test = serial && team->threads > 1 ? "an input a thread" : "one input",
        .name = digest != NULL ? digest->name : "plain scan",
        .size = size,
        .unit = MAPPROC_BENCH_GB_S,
        .team = team,
        .work = serial     ? work_serial
                : parallel ? work_parallel
                           : work_scan,
        .context = run,
        .amount = (double)part.size,
        .units = 1,
        .prepare = parallel ? begin_parallel : NULL,
    };
    if (result == MAPPROC_REFUSED) {
        mapproc_bench_skip(subject, "%s", error->what);
        return MAPPROC_OK;
    }
    return result == MAPPROC_OK ? open_run(run, digest, &part, team->threads, error) : result;
}

/* Adds the scan and all digests with the threads of one team. */
static int add_subjects(struct digest_group *group, struct mapproc_bench_team *team,
                        const struct mapproc_bench_region *region, struct mapproc_error *error)
{
    const size_t scan = group->set.count;
    const struct mapproc_digest *digest;
    int result = add_subject(group, NULL, team, region, error);

    for (size_t i = 0; result == MAPPROC_OK && (digest = mapproc_digest_at(i)) != NULL; i++)
        result = add_subject(group, digest, team, region, error);
    for (size_t i = scan; i < group->set.count; i++)
        group->set.subjects[i].baseline = &group->set.subjects[scan];
    return result;
}

/* Measures with each of the teams, the first of which has one thread, and the last has all. */
static int run_teams(struct digest_group *group, struct mapproc_bench_team *teams, unsigned count,
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
        result = add_subjects(group, &teams[i], &region, error);
    if (result == MAPPROC_OK)
        result = mapproc_bench_measure(&group->set, group->options, error);
    for (size_t i = 0; i < group->set.count; i++)
        close_run(&group->runs[i]);
    mapproc_bench_region_close(&region);
    return result;
}

static int run_group(struct digest_group *group, struct mapproc_error *error)
{
    const unsigned threads = group->machine->threads;
    const unsigned sizes[] = {1, threads};
    const unsigned wanted = threads > 1 ? 2 : 1;
    struct mapproc_bench_team teams[2];
    unsigned count = 0;
    size_t digests = 0;
    int result = MAPPROC_OK;

    while (mapproc_digest_at(digests) != NULL)
        digests++;
    group->set.subjects = calloc(wanted * (digests + 1), sizeof(*group->set.subjects));
    group->runs = calloc(wanted * (digests + 1), sizeof(*group->runs));
    if (group->set.subjects == NULL || group->runs == NULL)
        result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare digests");
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
    struct digest_group group = {.options = options, .set = {.group = GROUP, .rounds = ROUNDS}};
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

const struct mapproc_bench_group mapproc_bench_group_digest = {
    .name = GROUP,
    .summary = "digests in memory, 1 MiB at a time",
    .baseline = "plain scan, as many threads",
    .size_help = "the input of a thread; --size: the same, default 256M",
    .run = run,
};
