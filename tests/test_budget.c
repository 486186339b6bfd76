/* SPDX-License-Identifier: MIT */
/* test_budget.c - that what a job is given never comes to more than the memory it may hold. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "input/mapping.h"
#include "memory/buddy.h"
#include "pipeline/budget.h"
#include "pipeline/pipeline.h"
#include "random.h"

#define MEBIBYTE (UINT64_C(1) << 20)

static struct test_random rng;

enum { MUCH_MORE = 32 << 20 }; /* bytes */

static size_t a_sixteenth(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    return length / 16;
}

static size_t as_much(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    return length;
}

static size_t nothing(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    (void)length;
    return 0;
}

static size_t much_more(void *context)
{
    (void)context;
    return MUCH_MORE;
}

static const struct mapproc_job jobs[] = {
    {.scratch_size = a_sixteenth},
    {.scratch_size = as_much, .keeps_data = true},
    {.scratch_size = nothing, .keeps_data = true, .spreads = true},
    {.scratch_size = as_much, .copies = true, .largest = much_more},
    {.scratch_size = as_much, .copies = true, .chunk_size = 4 << 20},
};

enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };

static const struct mapproc_limits big_machine = {.machine_memory = 256 * 1024 * MEBIBYTE};

static struct mapproc_budget_request make_request(const struct mapproc_job *job)
{
    return (struct mapproc_budget_request){
        .job = job,
        .limits = &big_machine,
        .default_threads = 2,
        .nodes = 1,
        .maps = !job->copies,
    };
}

/* Adds up anew, from what the pipeline does with the numbers, what a job can come to hold. */
static void check_sum(const struct mapproc_budget *budget,
                      const struct mapproc_budget_request *request)
{
    size_t scratch = request->job->scratch_size(NULL, NULL, budget->chunk_size);
    uint64_t per_chunk = mapproc_buddy_block_size(budget->chunk_size) +
                         (scratch > 0 ? mapproc_buddy_block_size(scratch) : 0);
    uint64_t arenas = (uint64_t)budget->scratch * request->nodes;

    assert_true(budget->memory >=
                arenas + budget->mapped + budget->workers * (UINT64_C(256) << 10));
    /* All chunks in flight fit into the arenas together, and one into each of them. */
    assert_true(arenas >= per_chunk * budget->in_flight);
    assert_true(budget->scratch >= per_chunk);
    /* A chunk fits into a window wherever it begins, and a window into what may be mapped. */
    assert_true(budget->window_size % MAPPROC_MAPPING_ALIGNMENT == 0);
    assert_true(budget->window_size >= budget->chunk_size + MAPPROC_MAPPING_ALIGNMENT - 1);
    assert_true(request->maps ? budget->mapped >= budget->window_size : budget->mapped == 0);
    /* The largest chunk that a job can ask for fits into each arena. */
    if (request->job->largest != NULL)
        assert_true(budget->scratch >= request->job->largest(NULL));
    /* Everybody has work, and there is always one chunk that waits. */
    assert_true(budget->workers >= 1 && budget->in_flight > budget->workers);
    assert_in_range(budget->chunk_size, MAPPROC_CHUNK_SIZE_MIN, MAPPROC_CHUNK_SIZE_MAX);
}

static void a_job_gets_the_chunk_size_it_wants(void **state)
{
    struct mapproc_budget_request request = make_request(&jobs[JOBS - 1]);
    struct mapproc_budget budget;

    (void)state;
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_int_equal(budget.chunk_size, 4 << 20);
    request.chunk_size = 1 << 20; /* the user's word goes first */
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_int_equal(budget.chunk_size, 1 << 20);
    request.chunk_size = 0;
    request.memory = 24 * MEBIBYTE; /* and the memory before that of the job */
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_true(budget.chunk_size < 4 << 20);
}

static void the_memory_is_never_exceeded(void **state)
{
    unsigned good = 0, refused = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct mapproc_budget_request request = make_request(&jobs[test_random_below(&rng, JOBS)]);
        struct mapproc_budget budget;
        int result;

        request.default_threads = 1 + (unsigned)test_random_below(&rng, 300);
        request.nodes = 1 + (unsigned)test_random_below(&rng, 8);
        request.memory = 1 + (test_random_next(&rng) >> (24 + test_random_below(&rng, 40)));
        if (test_random_below(&rng, 2) != 0)
            request.threads = 1 + (unsigned)test_random_below(&rng, MAPPROC_THREADS_MAX);
        if (test_random_below(&rng, 2) != 0)
            request.chunk_size =
                MAPPROC_CHUNK_SIZE_MIN +
                (size_t)(test_random_next(&rng) >> (34 + test_random_below(&rng, 20)));
        if (request.chunk_size > MAPPROC_CHUNK_SIZE_MAX)
            request.chunk_size = MAPPROC_CHUNK_SIZE_MAX;
        result = mapproc_budget_make(&budget, &request, NULL);
        if (result != MAPPROC_OK) {
            assert_int_equal(result, MAPPROC_REFUSED);
            refused++;
            continue;
        }
        good++;
        assert_true(budget.memory <= request.memory);
        if (request.threads != 0)
            assert_int_equal(budget.workers, request.threads);
        else
            assert_in_range(budget.workers, 1, request.default_threads);
        if (request.chunk_size != 0)
            assert_int_equal(budget.chunk_size, request.chunk_size);
        check_sum(&budget, &request);
    }
    assert_true(good > 1000 && refused > 1000);
}

/* The refusal names a number of MiB: that many work, and one less do not. */
static void a_refusal_says_what_works(void **state)
{
    static const unsigned threads[] = {0, 1, 2, 16, 500};
    static const size_t chunk_sizes[] = {0, 1500, 1 << 20, 4 << 20, 64 << 20};

    (void)state;
    for (size_t i = 0; i < JOBS * 5 * 5; i++) {
        struct mapproc_budget_request request = make_request(&jobs[i % JOBS]);
        struct mapproc_budget budget;
        struct mapproc_error error;
        const char *number;
        uint64_t least;

        request.threads = threads[i / JOBS % 5];
        request.chunk_size = chunk_sizes[i / JOBS / 5];
        request.memory = 1;
        assert_int_equal(mapproc_budget_make(&budget, &request, &error), MAPPROC_REFUSED);
        number = strstr(error.what, "at least ");
        assert_non_null(number);
        least = strtoull(number + strlen("at least "), NULL, 10);
        request.memory = least * MEBIBYTE;
        assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
        request.memory = (least - 1) * MEBIBYTE;
        assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_REFUSED);
    }
}

static void the_default_is_modest(void **state)
{
    struct mapproc_limits limits = big_machine;

    (void)state;
    assert_int_equal(mapproc_budget_default_memory(&limits), 240 * MEBIBYTE);
    limits.memory = 64 * MEBIBYTE;
    assert_int_equal(mapproc_budget_default_memory(&limits), 32 * MEBIBYTE);
    limits.memory = UINT64_MAX;
    limits.machine_memory = 512 * MEBIBYTE;
    assert_int_equal(mapproc_budget_default_memory(&limits), 64 * MEBIBYTE);
    limits.machine_memory = 0; /* nobody tells */
    assert_int_equal(mapproc_budget_default_memory(&limits), 240 * MEBIBYTE);
}

/* Without --memory nothing is refused that can be had at all, however small the machine. */
static void a_default_grows_to_what_was_asked(void **state)
{
    static const struct mapproc_limits tiny = {.machine_memory = 16 * MEBIBYTE,
                                               .memory = 8 * MEBIBYTE};
    struct mapproc_budget_request request = make_request(&jobs[0]);
    struct mapproc_budget budget;

    (void)state;
    request.threads = MAPPROC_THREADS_MAX;
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_int_equal(budget.workers, MAPPROC_THREADS_MAX);
    request.threads = 0;
    request.default_threads = 64;
    request.limits = &tiny;
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_int_equal(budget.workers, 1);
    request.limits = &big_machine;
    assert_int_equal(mapproc_budget_make(&budget, &request, NULL), MAPPROC_OK);
    assert_int_equal(budget.workers, 64);
    assert_true(budget.memory <= 240 * MEBIBYTE);
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_gets_the_chunk_size_it_wants),
        cmocka_unit_test(the_memory_is_never_exceeded),
        cmocka_unit_test(a_refusal_says_what_works),
        cmocka_unit_test(the_default_is_modest),
        cmocka_unit_test(a_default_grows_to_what_was_asked),
    };

    return cmocka_run_group_tests_name("budget", tests, set_up, NULL);
}
