/* SPDX-License-Identifier: MIT */
/* test_slab.c - the slab: limits, random use against a model, threads, no memory. */

#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "death.h"
#include "memory/slab.h"
#include "random.h"

static struct mapproc_slab_stats stats_of(struct mapproc_slab *slab)
{
    struct mapproc_slab_stats stats;

    mapproc_slab_get_stats(slab, &stats);
    return stats;
}

static bool filled_with(const unsigned char *memory, size_t size, unsigned char byte)
{
    return memory[0] == byte && memcmp(memory, memory + 1, size - 1) == 0;
}

/* The extent of an object, found without the code under test. */
static struct mapproc_slab_extent *extent_of(const struct mapproc_slab *slab, void *object)
{
    return (struct mapproc_slab_extent *)((uintptr_t)object & ~(uintptr_t)(slab->extent_size - 1));
}

static void test_refused(void **state)
{
    static const struct {
        size_t object_size, alignment;
    } bad[] = {
        {0, 8},
        {MAPPROC_SLAB_OBJECT_MAX + 1, 8},
        {SIZE_MAX, 1},
        {SIZE_MAX, 64},
        {SIZE_MAX / 2, 8},
        {64, 0},
        {64, 3},
        {64, 48},
        {64, 128},
        {64, SIZE_MAX},
        {64, SIZE_MAX / 2 + 1},
    };
    struct mapproc_error error;
    struct mapproc_slab slab;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&error, 0, sizeof(error));
        assert_int_equal(mapproc_slab_init(&slab, bad[i].object_size, bad[i].alignment, &error),
                         MAPPROC_REFUSED);
        assert_int_equal(error.code, MAPPROC_REFUSED);
        assert_string_not_equal(error.what, "");
    }
    assert_int_equal(mapproc_slab_init(&slab, 0, 8, NULL), MAPPROC_REFUSED);
}

/* The extremes and some odd sizes, the small ones with every alignment. Fills the extents. */
static void test_sizes_and_alignments(void **state)
{
    enum { LARGEST = MAPPROC_SLAB_OBJECT_MAX };
    static const size_t sizes[] = {1,   2,    3,    7,    8,    63,    64,          65,
                                   100, 4095, 4096, 8000, 8192, 65536, LARGEST - 1, LARGEST};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i], factor = size <= 8192 ? 2 : 64;

        for (size_t alignment = 1; alignment <= MAPPROC_SLAB_ALIGNMENT_MAX; alignment *= factor) {
            size_t count;
            struct mapproc_slab_stats stats;
            struct mapproc_slab slab;
            unsigned char **objects;

            assert_int_equal(mapproc_slab_init(&slab, size, alignment, NULL), MAPPROC_OK);
            assert_true(mapproc_slab_check(&slab));
            assert_true(slab.capacity >= MAPPROC_SLAB_EXTENT_OBJECTS);
            count = size > 65536 ? slab.capacity + 1 : 2 * (size_t)slab.capacity + 1;
            objects = calloc(count, sizeof(*objects));
            assert_non_null(objects);
            for (size_t k = 0; k < count; k++) {
                struct mapproc_slab_extent *extent;

                objects[k] = mapproc_slab_alloc(&slab);
                assert_non_null(objects[k]);
                assert_int_equal((uintptr_t)objects[k] % alignment, 0);
                extent = extent_of(&slab, objects[k]);
                assert_ptr_equal(extent->slab, &slab);
                assert_true(objects[k] + size <= (unsigned char *)extent + slab.extent_size);
                memset(objects[k], (int)(k % 251), size);
            }
            assert_true(mapproc_slab_check(&slab));
            stats = stats_of(&slab);
            assert_int_equal(stats.in_use, count);
            assert_int_equal(stats.extents, (count + slab.capacity - 1) / slab.capacity);
            assert_int_equal(stats.capacity, stats.extents * slab.capacity);
            assert_true(stats.object_size >= size && stats.object_size < size + alignment);
            for (size_t k = 0; k < count; k++) {
                assert_true(filled_with(objects[k], size, (unsigned char)(k % 251)));
                mapproc_slab_free(&slab, objects[k]);
            }
            assert_true(mapproc_slab_check(&slab));
            assert_int_equal(stats_of(&slab).in_use, 0);
            assert_int_equal(stats_of(&slab).peak_in_use, count);
            mapproc_slab_destroy(&slab);
            free(objects);
        }
    }
}

/* Extents are made when needed, the object freed last comes first, few empty extents are kept. */
static void test_extents_come_and_go(void **state)
{
    enum { EXTENTS = 6 };
    struct mapproc_slab slab;
    size_t count;
    void **objects;
    void *last;

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, 4000, 8, NULL), MAPPROC_OK);
    assert_int_equal(stats_of(&slab).extents, 0);
    mapproc_slab_free(&slab, NULL);
    count = (size_t)slab.capacity * EXTENTS;
    objects = calloc(count, sizeof(*objects));
    assert_non_null(objects);
    for (size_t i = 0; i < count; i++) {
        objects[i] = mapproc_slab_alloc(&slab);
        assert_non_null(objects[i]);
        assert_int_equal(stats_of(&slab).extents, i / slab.capacity + 1);
        assert_int_equal(stats_of(&slab).empty_extents, 0);
    }
    last = objects[count / 2];
    mapproc_slab_free(&slab, last);
    assert_ptr_equal(mapproc_slab_alloc(&slab), last);

    for (size_t i = 0; i < count; i++) {
        size_t emptied = (i + 1) / slab.capacity;
        size_t kept = emptied < MAPPROC_SLAB_EMPTY_KEPT ? emptied : MAPPROC_SLAB_EMPTY_KEPT;

        mapproc_slab_free(&slab, objects[i]);
        assert_true(mapproc_slab_check(&slab));
        assert_int_equal(stats_of(&slab).empty_extents, kept);
        assert_int_equal(stats_of(&slab).extents, EXTENTS - emptied + kept);
    }

    /* An empty extent is used before a new one is made. */
    for (size_t i = 0; i < MAPPROC_SLAB_EMPTY_KEPT * (size_t)slab.capacity; i++)
        objects[i] = mapproc_slab_alloc(&slab);
    assert_int_equal(stats_of(&slab).extents, MAPPROC_SLAB_EMPTY_KEPT);
    for (size_t i = 0; i < MAPPROC_SLAB_EMPTY_KEPT * (size_t)slab.capacity; i++)
        mapproc_slab_free(&slab, objects[i]);
    mapproc_slab_destroy(&slab);
    free(objects);
}

/* Random use, the whole structure checked and compared with a model after every operation. */
static void random_use(struct test_random *random, size_t size, size_t alignment, int operations)
{
    enum { SLOTS = 250 };
    unsigned char *slots[SLOTS] = {NULL};
    size_t live = 0, peak = 0;
    bool growing = true;
    struct mapproc_slab slab;

    assert_int_equal(mapproc_slab_init(&slab, size, alignment, NULL), MAPPROC_OK);
    for (int i = 0; i < operations; i++) {
        size_t slot = test_random_below(random, SLOTS);
        unsigned char byte = (unsigned char)(slot + 1);

        /* Phases of growing and shrinking, or the number would stay near the middle. */
        if (test_random_below(random, 200) == 0)
            growing = !growing;
        if (slots[slot] == NULL && (growing || test_random_below(random, 4) == 0)) {
            slots[slot] = mapproc_slab_alloc(&slab);
            assert_non_null(slots[slot]);
            assert_int_equal((uintptr_t)slots[slot] % alignment, 0);
            memset(slots[slot], byte, size);
            live++;
        } else if (slots[slot] != NULL && (!growing || test_random_below(random, 4) == 0)) {
            assert_true(filled_with(slots[slot], size, byte));
            mapproc_slab_free(&slab, slots[slot]);
            slots[slot] = NULL;
            live--;
        }
        peak = peak < live ? live : peak;
        assert_true(mapproc_slab_check(&slab));
        assert_int_equal(stats_of(&slab).in_use, live);
        assert_int_equal(stats_of(&slab).peak_in_use, peak);
    }
    for (size_t slot = 0; slot < SLOTS; slot++) {
        assert_true(slots[slot] == NULL ||
                    filled_with(slots[slot], size, (unsigned char)(slot + 1)));
        mapproc_slab_free(&slab, slots[slot]);
        assert_true(mapproc_slab_check(&slab));
    }
    assert_int_equal(stats_of(&slab).in_use, 0);
    mapproc_slab_destroy(&slab);
}

static void test_random_use(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    random_use(&random, 1, 1, 3000);
    random_use(&random, 24, 8, 5000);
    random_use(&random, 192, 64, 5000);
    random_use(&random, 5000, 16, 5000);
    random_use(&random, 60000, 1, 3000);
    for (int i = 0; i < 10; i++) {
        size_t alignment = (size_t)1 << test_random_below(&random, 7);

        random_use(&random, test_random_below(&random, 20000) + 1, alignment, 1000);
    }
}

/*
 * Threads that pass objects on: each object allocated goes into a mailbox, and what was in the
 * mailbox, mostly another thread's, is verified and freed.
 */
enum { THREADS = 4, MAILBOXES = 512, ROUND = 500 };

struct shared {
    struct mapproc_slab slab;
    int operations; /* of each thread */
    int check_every;
    pthread_barrier_t round;
    _Atomic(unsigned char *) mailboxes[MAILBOXES];
    atomic_size_t failures; /* cmocka's assertions work in the main thread only */
    atomic_size_t foreign_frees;
};

struct hammer {
    struct shared *shared;
    unsigned char tag;
    struct test_random random;
};

enum { HAMMER_SIZE = 200 };

static void *hammer(void *argument)
{
    struct hammer *self = argument;
    struct shared *shared = self->shared;

    for (int i = 0; i < shared->operations; i++) {
        size_t mailbox = test_random_below(&self->random, MAILBOXES);
        unsigned char *object = NULL;

        if (i % ROUND == 0) /* or one thread might be done before the next has started */
            (void)pthread_barrier_wait(&shared->round);
        if (test_random_below(&self->random, 8) != 0) {
            object = mapproc_slab_alloc(&shared->slab);
            if (object == NULL || (uintptr_t)object % 64 != 0)
                atomic_fetch_add(&shared->failures, 1);
            if (object != NULL)
                memset(object, self->tag, HAMMER_SIZE);
        }
        object = atomic_exchange(&shared->mailboxes[mailbox], object);
        if (object != NULL) {
            if (object[0] == 0 || object[0] > THREADS ||
                !filled_with(object, HAMMER_SIZE, object[0]))
                atomic_fetch_add(&shared->failures, 1);
            if (object[0] != self->tag)
                atomic_fetch_add(&shared->foreign_frees, 1);
            mapproc_slab_free(&shared->slab, object);
        }
        if (i % shared->check_every == 0 && !mapproc_slab_check(&shared->slab))
            atomic_fetch_add(&shared->failures, 1);
    }
    return NULL;
}

static void run_threads(int operations, int check_every)
{
    static struct shared shared;
    struct hammer hammers[THREADS];
    pthread_t threads[THREADS];
    struct test_random random;
    size_t left = 0;

    test_random_seed(&random);
    memset(&shared, 0, sizeof(shared));
    shared.operations = operations;
    shared.check_every = check_every;
    assert_int_equal(mapproc_slab_init(&shared.slab, HAMMER_SIZE, 64, NULL), MAPPROC_OK);
    assert_int_equal(pthread_barrier_init(&shared.round, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){&shared, (unsigned char)(i + 1), {test_random_next(&random)}};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&shared.round), 0);
    assert_int_equal(shared.failures, 0);
    assert_true(shared.foreign_frees > (size_t)operations / 10);
    assert_true(mapproc_slab_check(&shared.slab));
    for (size_t i = 0; i < MAILBOXES; i++)
        left += shared.mailboxes[i] != NULL;
    assert_int_equal(stats_of(&shared.slab).in_use, left);
    for (size_t i = 0; i < MAILBOXES; i++)
        mapproc_slab_free(&shared.slab, shared.mailboxes[i]);
    assert_true(mapproc_slab_check(&shared.slab));
    assert_int_equal(stats_of(&shared.slab).in_use, 0);
    mapproc_slab_destroy(&shared.slab);
}

static void test_threads(void **state)
{
    (void)state;
    run_threads(50000, 4096);
}

static void test_threads_always_checking(void **state)
{
    (void)state;
    run_threads(5000, 1);
}

/* Without memory for another extent the answer is NULL, and all goes on when there is some again.
 */
static void test_no_memory(void **state)
{
    enum { COUNT = 4096 };
    static void *objects[COUNT];
    struct rlimit before, tight;
    struct mapproc_slab slab;
    size_t count = 0;

    (void)state;
    if (ADDRESS_SANITIZED || THREAD_SANITIZED)
        skip_because("sanitizers need address space of their own");
    assert_int_equal(mapproc_slab_init(&slab, MAPPROC_SLAB_OBJECT_MAX, 64, NULL), MAPPROC_OK);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)1 << 30;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    while (count < COUNT && (objects[count] = mapproc_slab_alloc(&slab)) != NULL)
        count++;
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_true(count > 0 && count < COUNT);
    assert_true(mapproc_slab_check(&slab));
    assert_int_equal(stats_of(&slab).in_use, count);
    assert_int_equal(stats_of(&slab).in_use, stats_of(&slab).capacity);

    objects[count] = mapproc_slab_alloc(&slab);
    assert_non_null(objects[count]);
    for (size_t i = 0; i <= count; i++)
        mapproc_slab_free(&slab, objects[i]);
    assert_true(mapproc_slab_check(&slab));
    mapproc_slab_destroy(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes_and_alignments),
        cmocka_unit_test(test_extents_come_and_go),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_always_checking),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
