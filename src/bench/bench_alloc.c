/* SPDX-License-Identifier: MIT */
/* bench_alloc.c - the time of one allocation and its release, with each allocator. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/alloc_arenas.h"
#include "bench/alloc_kinds.h"
#include "bench/machine.h"
#include "bench/measure.h"

enum {
    ROUNDS = 7,
    BATCH_OBJECTS = 100000, /* small ones: what is usual in comparisons of allocators */
    MIXED_SLOTS = 4096,
    HANDED_OBJECTS = 1024, /* small ones on their way at the same time */
    HANDED_STEP = 64,
    BLOCK_SLOTS_MAX = 32,
    BLOCK_SLOTS_MIN = 8,
    SMALL_OPERATIONS = 1 << 16, /* in a unit of work: less than a millisecond */
    BLOCK_OPERATIONS = 1024,
    ALLOCATORS = 3, /* the most in a test, and each keeps what it has got */
};

#define GROUP      "alloc"
#define SIZE_USUAL (UINT64_C(128) << 20) /* bytes a thread */
#define SIZE_LEAST (BLOCK_SLOTS_MIN * (UINT64_C(4) << 20))
#define RUN_TIME   0.04          /* seconds */
#define SEED       0x616c6c6f63u /* any: the same numbers in every run */

/* Objects of random sizes, and who can allocate them. */
struct workload {
    const char *text;
    uint32_t least, most; /* bytes */
    bool logarithmic;     /* all orders of magnitude are equally likely, not all sizes */
    unsigned kinds;       /* bit n: MAPPROC_ALLOC_... n */
};

#define BIT(kind)  (1u << (kind))
#define GENERAL    (BIT(MAPPROC_ALLOC_GLIBC) | BIT(MAPPROC_ALLOC_JEMALLOC))
#define KIB(count) ((count) << 10)

static const struct workload workloads[] = {
    {"1B-1K", 1, 1024, false, GENERAL},
    {"128B", 128, 128, false, GENERAL | BIT(MAPPROC_ALLOC_SLAB)},
    {"64K-4M", KIB(64), KIB(4096), true, GENERAL | BIT(MAPPROC_ALLOC_BUDDY)},
    {"256K-4M", KIB(256), KIB(4096), true, GENERAL | BIT(MAPPROC_ALLOC_BUDDY)},
};

static const char *const pattern_names[MAPPROC_ALLOC_PATTERNS] = {
    [MAPPROC_ALLOC_BATCH] = "batch",
    [MAPPROC_ALLOC_MIXED] = "mixed",
    [MAPPROC_ALLOC_HANDED] = "handed over",
};

/* How a pattern is applied to a workload. */
struct plan {
    size_t count;      /* objects of a thread, or in the ring of a pair of threads */
    size_t step;       /* of the ring */
    size_t operations; /* in a unit of work, see struct mapproc_alloc_lane */
    size_t live;       /* objects of a thread in use at the same time, at most */
    double pairs;      /* allocations, each with its release, that a unit of work comes to */
};

/* What a test has of one allocator. */
struct candidate {
    const struct mapproc_alloc_kind *kind;
    struct mapproc_alloc_lanes lanes;
    struct mapproc_alloc_ring *rings; /* one for two threads */
    void **objects;                   /* of all threads */
    void *state;                      /* the allocator's */
    bool open;
};

struct test {
    const struct mapproc_bench_options *options;
    const struct mapproc_bench_machine *machine;
    struct mapproc_bench_team *team;
    const struct workload *workload;
    enum mapproc_alloc_pattern pattern;
    uint64_t size;  /* bytes that a thread may take */
    uint64_t asked; /* the same, or less if less was asked for: then the runs are short */
    struct mapproc_alloc_sequence *sequence;
};

static uint64_t draw(uint64_t *state)
{
    /* xorshift64 */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill_sequence(struct mapproc_alloc_sequence *sequence, const struct workload *workload,
                          size_t slots)
{
    uint64_t random = SEED;
    double octaves = log2((double)workload->most / workload->least);

    for (size_t i = 0; i < MAPPROC_ALLOC_DRAWN; i++) {
        double part = (double)(draw(&random) >> 11) * 0x1p-53; /* 0 to 1 */

        sequence->sizes[i] =
            workload->logarithmic
                ? (uint32_t)(workload->least * exp2(octaves * part))
                : workload->least + (uint32_t)(part * (workload->most - workload->least + 1));
        sequence->slots[i] = (uint16_t)((draw(&random) >> 32) % slots);
    }
}

static size_t clamp(uint64_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : (size_t)value;
}

static size_t floor_power_of_two(size_t n)
{
    while ((n & (n - 1)) != 0)
        n &= n - 1;
    return n;
}

static struct plan make_plan(const struct test *test)
{
    const struct workload *workload = test->workload;
    bool blocks = workload->logarithmic;
    size_t block_slots = clamp(test->size / workload->most, BLOCK_SLOTS_MIN, BLOCK_SLOTS_MAX);
    struct plan plan = {.operations = blocks ? BLOCK_OPERATIONS : SMALL_OPERATIONS};

    switch (test->pattern) {
    case MAPPROC_ALLOC_BATCH:
        plan.count = blocks ? block_slots : clamp(test->size / 1024, 1, BATCH_OBJECTS);
        plan.operations = plan.count;
        plan.pairs = (double)plan.count;
        break;
    case MAPPROC_ALLOC_MIXED:
        plan.count = blocks ? block_slots : MIXED_SLOTS;
        plan.pairs = (double)plan.operations / 2; /* half of them are releases */
        break;
    default:
        plan.count = blocks ? floor_power_of_two(block_slots) / 2 : HANDED_OBJECTS;
        plan.step = blocks ? 1 : HANDED_STEP;
        plan.operations /= 4;
        plan.pairs = (double)plan.operations;
        break;
    }
    plan.live = plan.count + 2; /* one is on its way into the ring, one out of it */
    return plan;
}

static void close_candidate(struct candidate *candidate)
{
    if (candidate->open && candidate->kind->close != NULL)
        candidate->kind->close(candidate->state);
    free(candidate->lanes.lanes);
    free(candidate->rings);
    free(candidate->objects);
}

/* Undo it with close_candidate(), even where it fails. */
static int open_candidate(struct candidate *candidate, const struct test *test,
                          const struct plan *plan, struct mapproc_error *error)
{
    const struct mapproc_alloc_demand demand = {
        .threads = test->team->threads,
        .most = test->workload->most,
        .live = plan->live,
    };
    unsigned threads = test->team->threads;
    struct mapproc_alloc_lane *lanes = calloc(threads, sizeof(*lanes));
    bool handed = test->pattern == MAPPROC_ALLOC_HANDED;
    int result;

    candidate->lanes.lanes = lanes;
    candidate->objects = calloc(threads, plan->count * sizeof(void *));
    candidate->rings = aligned_alloc(_Alignof(struct mapproc_alloc_ring),
                                     (threads / 2 + 1) * sizeof(*candidate->rings));
    if (lanes == NULL || candidate->objects == NULL || candidate->rings == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare a test");
    for (unsigned i = 0; i < threads; i++) {
        void **objects = candidate->objects + i * plan->count;
        struct mapproc_alloc_ring *ring = &candidate->rings[i / 2];

        lanes[i] = (struct mapproc_alloc_lane){
            .sequence = test->sequence,
            .objects = objects,
            .count = handed ? 0 : plan->count,
            .ring = handed ? ring : NULL,
            .operations = plan->operations,
            .whole = !test->workload->logarithmic,
        };
        if (i % 2 == 0)
            *ring = (struct mapproc_alloc_ring){
                .objects = objects, .capacity = plan->count, .step = plan->step};
    }
    result = candidate->kind->open == NULL
                 ? MAPPROC_OK
                 : candidate->kind->open(&candidate->state, lanes, &demand, error);
    candidate->open = result == MAPPROC_OK;
    return result;
}

/* One workload in one pattern. */
static int run_test(const struct test *test, struct mapproc_error *error)
{
    struct candidate candidates[MAPPROC_ALLOC_KINDS] = {0};
    struct mapproc_bench_subject subjects[MAPPROC_ALLOC_KINDS] = {0};
    const struct plan plan = make_plan(test);
    struct mapproc_bench_set set = {
        .group = GROUP,
        .subjects = subjects,
        .rounds = ROUNDS,
        .run_time = RUN_TIME * (double)test->asked / (double)SIZE_USUAL,
    };
    char name[32];
    int result = MAPPROC_OK;

    (void)snprintf(name, sizeof(name), "%s, %s", pattern_names[test->pattern],
                   test->workload->text);
    fill_sequence(test->sequence, test->workload, plan.count);
    for (unsigned i = 0; i < MAPPROC_ALLOC_KINDS && result == MAPPROC_OK; i++) {
        const struct mapproc_alloc_kind *kind = &mapproc_alloc_kinds[i];
        struct mapproc_bench_subject *subject = &subjects[set.count];
        struct candidate *candidate = &candidates[set.count];
        const char *missing = kind->missing();

        if ((test->workload->kinds & BIT(i)) == 0)
            continue;
        *subject = (struct mapproc_bench_subject){
            .test = name,
            .name = kind->name,
            .size = test->workload->most,
            .unit = MAPPROC_BENCH_NS,
            .baseline = &subjects[0], /* glibc is in every test */
            .team = test->team,
            .work = kind->work[test->pattern],
            .context = &candidate->lanes,
            .amount = plan.pairs,
        };
        candidate->kind = kind;
        set.count++;
        if (missing != NULL)
            mapproc_bench_skip(subject, "%s", missing);
        else
            result = open_candidate(candidate, test, &plan, error);
    }
    if (result == MAPPROC_OK)
        result = mapproc_bench_measure(&set, test->options, error);
    for (size_t i = 0; i < set.count; i++) {
        if (candidates[i].open)
            (void)mapproc_bench_team_run(test->team, candidates[i].kind->clear,
                                         &candidates[i].lanes, 0, NULL, NULL);
        close_candidate(&candidates[i]);
    }
    return result;
}

static int run_tests(struct test *test, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    for (size_t w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++) {
        for (unsigned p = 0; p < MAPPROC_ALLOC_PATTERNS && result == MAPPROC_OK; p++) {
            test->workload = &workloads[w];
            test->pattern = (enum mapproc_alloc_pattern)p;
            /* It takes pairs of threads. */
            if (test->pattern != MAPPROC_ALLOC_HANDED || test->team->threads % 2 == 0)
                result = run_test(test, error);
        }
    }
    return result;
}

static int run_with_threads(struct test *test, unsigned threads, struct mapproc_error *error)
{
    struct mapproc_bench_team team;
    struct mapproc_alloc_arenas arenas;
    int result = mapproc_bench_machine_team(test->machine, &team, threads, test->options, error);

    if (result != MAPPROC_OK)
        return result;
    test->team = &team;
    result = mapproc_alloc_arenas_open(&arenas, &team, error);
    if (result == MAPPROC_OK)
        result = run_tests(test, error);
    mapproc_bench_team_stop(&team);
    mapproc_alloc_arenas_close(&arenas);
    return result;
}

static int run(const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    struct mapproc_bench_machine machine;
    struct test test = {.options = options, .machine = &machine};
    int result = mapproc_bench_machine_open(&machine, options, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_bench_choose_size(
        &machine, options,
        &(struct mapproc_bench_sizes){.group = GROUP,
                                      .usual = SIZE_USUAL,
                                      .least = SIZE_LEAST,
                                      .most = SIZE_USUAL,
                                      .count = machine.threads * ALLOCATORS},
        &test.size, error);
    test.asked = options->size != 0 ? mapproc_min_u64(options->size, test.size) : test.size;
    test.sequence = malloc(sizeof(*test.sequence));
    if (result == MAPPROC_OK && test.sequence == NULL)
        result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare a test");
    for (unsigned threads = 0; result == MAPPROC_OK && (threads = mapproc_bench_next_threads(
                                                            threads, machine.threads)) != 0;)
        result = run_with_threads(&test, threads, error);
    free(test.sequence);
    mapproc_bench_machine_close(&machine);
    return result;
}

const struct mapproc_bench_group mapproc_bench_group_alloc = {
    .name = GROUP,
    .summary = "one allocation and its release, first (and, if small, last) byte touched",
    .baseline = "glibc",
    .size_help = "the largest object; --size: what a thread may take, 32M to 128M",
    .run = run,
};
