/* SPDX-License-Identifier: MIT */
/* test_magazine.c - magazines: batches, random use against a model, threads, no memory. */

#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "death.h"
#include "memory/magazine.h"
#include "memory/slab.h"
#include "random.h"

static struct mapproc_slab_stats stats_of(struct mapproc_slab *slab)
{
    struct mapproc_slab_stats stats;

    mapproc_slab_get_stats(slab, &stats);
    return stats;
}

static void assert_counts(struct mapproc_slab *slab, size_t in_use, size_t cached)
{
    assert_true(mapproc_slab_check(slab));
    assert_int_equal(stats_of(slab).in_use, in_use);
    assert_int_equal(stats_of(slab).cached, cached);
}

static bool filled_with(const unsigned char *memory, size_t size, unsigned char byte)
{
    return memory[0] == byte && memcmp(memory, memory + 1, size - 1) == 0;
}

static void test_layout(void **state)
{
    (void)state;
    assert_int_equal(_Alignof(struct mapproc_magazine), 64);
    assert_int_equal(sizeof(struct mapproc_magazine) % 64, 0);
}

/* What moves when: half a magazine at a time, and of a full one the half that came first. */
static void test_batches(void **state)
{
    enum { LIMIT = MAPPROC_MAGAZINE_OBJECTS, HALF = LIMIT / 2, EXTRA = 5 };
    struct mapproc_magazine magazine;
    struct mapproc_slab slab;
    void *objects[LIMIT + 1];

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, 64, 16, NULL), MAPPROC_OK);
    assert_true(slab.capacity > 2 * LIMIT);
    mapproc_magazine_init(&magazine, &slab);
    assert_true(mapproc_magazine_check(&magazine));
    mapproc_magazine_free(&magazine, NULL);
    mapproc_magazine_flush(&magazine);
    assert_counts(&slab, 0, 0);
    assert_int_equal(stats_of(&slab).extents, 0);
    assert_int_equal(stats_of(&slab).magazines, 0);

    for (size_t i = 0; i < LIMIT + 1; i++) {
        objects[i] = mapproc_magazine_alloc(&magazine);
        assert_non_null(objects[i]);
        memset(objects[i], (int)(i % 251), 64);
        assert_counts(&slab, i + 1, HALF - 1 - i % HALF);
        assert_true(mapproc_magazine_check(&magazine));
    }
    assert_int_equal(stats_of(&slab).magazines, 1);
    assert_int_equal(stats_of(&slab).peak_in_use, LIMIT + HALF);
    for (size_t i = 0; i < LIMIT + 1; i++)
        assert_true(filled_with(objects[i], 64, (unsigned char)(i % 251)));

    /* HALF - 1 objects are in it and HALF + 1 fit. */
    for (size_t i = 0; i < HALF + 1; i++) {
        mapproc_magazine_free(&magazine, objects[i]);
        assert_counts(&slab, LIMIT - i, HALF + i);
    }
    for (size_t i = HALF + 1; i < HALF + 1 + EXTRA; i++) {
        mapproc_magazine_free(&magazine, objects[i]);
        assert_counts(&slab, LIMIT - i, i);
        assert_true(mapproc_magazine_check(&magazine));
    }

    /* The object freed last comes first. Objects 0 and those never handed out are back in the slab.
     */
    for (size_t i = HALF + EXTRA; i > 0; i--)
        assert_ptr_equal(mapproc_magazine_alloc(&magazine), objects[i]);
    assert_counts(&slab, LIMIT, 0);

    for (size_t i = 1; i < LIMIT + 1; i++)
        mapproc_magazine_free(&magazine, objects[i]);
    mapproc_magazine_flush(&magazine);
    assert_counts(&slab, 0, 0);
    assert_true(mapproc_magazine_check(&magazine));
    assert_int_equal(stats_of(&slab).magazines, 0);

    /* A free may be the first use, also after a flush. */
    objects[0] = mapproc_slab_alloc(&slab);
    mapproc_magazine_free(&magazine, objects[0]);
    assert_counts(&slab, 0, 1);
    assert_ptr_equal(mapproc_magazine_alloc(&magazine), objects[0]);
    mapproc_magazine_flush(&magazine);
    assert_counts(&slab, 1, 0);
    mapproc_slab_free(&slab, objects[0]);
    mapproc_slab_destroy(&slab);
}

/* Of large objects a magazine holds no more than an extent does. */
static void test_large_objects(void **state)
{
    static const size_t sizes[] = {600, 2000, 5000, 8192, 100000, MAPPROC_SLAB_OBJECT_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *objects[2 * MAPPROC_MAGAZINE_OBJECTS];
        struct mapproc_magazine magazine;
        struct mapproc_slab slab;
        size_t count, most = 0;

        assert_int_equal(mapproc_slab_init(&slab, sizes[i], 8, NULL), MAPPROC_OK);
        mapproc_magazine_init(&magazine, &slab);
        count = 2 * (size_t)slab.capacity;
        assert_true(count <= sizeof(objects) / sizeof(objects[0]));
        for (size_t k = 0; k < count; k++)
            objects[k] = mapproc_magazine_alloc(&magazine);
        for (size_t k = 0; k < count; k++) {
            mapproc_magazine_free(&magazine, objects[k]);
            assert_true(mapproc_slab_check(&slab));
            if (most < stats_of(&slab).cached)
                most = stats_of(&slab).cached;
        }
        assert_int_equal(most, slab.capacity & ~UINT32_C(1));
        assert_true(most * sizes[i] < slab.extent_size);
        mapproc_magazine_flush(&magazine);
        assert_int_equal(stats_of(&slab).extents, MAPPROC_SLAB_EMPTY_KEPT);
        mapproc_slab_destroy(&slab);
    }
}

/* Any number of magazines come and go, in any order. */
static void test_list(void **state)
{
    enum { MAGAZINES = 5 };
    static const size_t orders[][MAGAZINES] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct mapproc_magazine magazines[MAGAZINES];
        void *objects[MAGAZINES];
        struct mapproc_slab slab;

        assert_int_equal(mapproc_slab_init(&slab, 64, 64, NULL), MAPPROC_OK);
        for (size_t k = 0; k < MAGAZINES; k++) {
            mapproc_magazine_init(&magazines[k], &slab);
            objects[k] = mapproc_magazine_alloc(&magazines[k]);
            assert_int_equal(stats_of(&slab).magazines, k + 1);
        }
        for (size_t k = 0; k < MAGAZINES; k++) {
            /* Into the magazine of another. */
            mapproc_magazine_free(&magazines[orders[i][k]], objects[k]);
            mapproc_magazine_flush(&magazines[orders[i][k]]);
            memset(&magazines[orders[i][k]], 0xff, sizeof(magazines[0]));
            assert_true(mapproc_slab_check(&slab));
            assert_int_equal(stats_of(&slab).magazines, MAGAZINES - 1 - k);
            assert_int_equal(stats_of(&slab).in_use, MAGAZINES - 1 - k);
        }
        assert_counts(&slab, 0, 0);
        mapproc_slab_destroy(&slab);
    }
}

/*
 * Random use of some magazines and of the slab itself, everything checked and compared with a model
 * after every operation.
 */
static void random_use(struct test_random *random, size_t size, size_t alignment, int operations)
{
    enum { SLOTS = 400, MAGAZINES = 3 };
    unsigned char *slots[SLOTS] = {NULL};
    struct mapproc_magazine magazines[MAGAZINES];
    size_t live = 0, batches = 0;
    bool growing = true;
    struct mapproc_slab slab;

    assert_int_equal(mapproc_slab_init(&slab, size, alignment, NULL), MAPPROC_OK);
    for (size_t i = 0; i < MAGAZINES; i++)
        mapproc_magazine_init(&magazines[i], &slab);
    for (int i = 0; i < operations; i++) {
        size_t slot = test_random_below(random, SLOTS);
        size_t way = test_random_below(random, 8);
        struct mapproc_magazine *magazine = &magazines[way % MAGAZINES];
        unsigned char byte = (unsigned char)(slot % 255 + 1);
        struct mapproc_slab_stats before = stats_of(&slab), after;

        if (test_random_below(random, 300) == 0)
            growing = !growing;
        if (test_random_below(random, 100) == 0) {
            mapproc_magazine_flush(magazine);
        } else if (slots[slot] == NULL && (growing || test_random_below(random, 4) == 0)) {
            slots[slot] = way < 7 ? mapproc_magazine_alloc(magazine) : mapproc_slab_alloc(&slab);
            assert_non_null(slots[slot]);
            assert_int_equal((uintptr_t)slots[slot] % alignment, 0);
            memset(slots[slot], byte, size);
            live++;
        } else if (slots[slot] != NULL && (!growing || test_random_below(random, 4) == 0)) {
            assert_true(filled_with(slots[slot], size, byte));
            if (way < 7)
                mapproc_magazine_free(magazine, slots[slot]);
            else
                mapproc_slab_free(&slab, slots[slot]);
            slots[slot] = NULL;
            live--;
        }
        assert_true(mapproc_slab_check(&slab));
        for (size_t k = 0; k < MAGAZINES; k++)
            assert_true(mapproc_magazine_check(&magazines[k]));
        after = stats_of(&slab);
        assert_int_equal(after.in_use, live);
        assert_true(after.cached <= MAGAZINES * MAPPROC_MAGAZINE_OBJECTS);
        assert_true(after.peak_in_use >= after.in_use + after.cached);
        batches += before.in_use + before.cached != after.in_use + after.cached;
    }
    assert_true(batches > 0);
    for (size_t slot = 0; slot < SLOTS; slot++) {
        assert_true(slots[slot] == NULL ||
                    filled_with(slots[slot], size, (unsigned char)(slot % 255 + 1)));
        mapproc_magazine_free(&magazines[slot % MAGAZINES], slots[slot]);
        assert_true(mapproc_slab_check(&slab));
    }
    for (size_t i = 0; i < MAGAZINES; i++)
        mapproc_magazine_flush(&magazines[i]);
    assert_counts(&slab, 0, 0);
    mapproc_slab_destroy(&slab);
}

static void test_random_use(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    random_use(&random, 1, 1, 1000);
    random_use(&random, 24, 8, 2000);
    random_use(&random, 192, 64, 4000);
    random_use(&random, 5000, 16, 4000);
    random_use(&random, 60000, 1, 2000);
    for (int i = 0; i < 10; i++) {
        size_t alignment = (size_t)1 << test_random_below(&random, 7);

        random_use(&random, test_random_below(&random, 20000) + 1, alignment, 500);
    }
}

/*
 * Threads that pass objects on: each object allocated goes into a mailbox, and what was in the
 * mailbox, mostly another thread's, is verified and freed. Each has a magazine of its own, that it
 * flushes now and then, and sometimes uses the slab itself.
 */
enum { THREADS = 4, MAILBOXES = 2048, ROUND = 1250 };

struct shared {
    struct mapproc_slab slab;
    size_t size;
    int operations; /* of each thread */
    int check_every;
    pthread_barrier_t round;
    _Atomic(unsigned char *) mailboxes[MAILBOXES];
    atomic_size_t failures; /* cmocka's assertions work in the main thread only */
    atomic_size_t foreign_frees;
};

struct hammer {
    struct mapproc_magazine magazine;
    struct shared *shared;
    unsigned char tag;
    struct test_random random;
};

static void free_verified(struct hammer *self, unsigned char *object)
{
    struct shared *shared = self->shared;

    if (object[0] == 0 || object[0] > THREADS || !filled_with(object, shared->size, object[0]))
        atomic_fetch_add(&shared->failures, 1);
    if (object[0] != self->tag)
        atomic_fetch_add(&shared->foreign_frees, 1);
    if (test_random_below(&self->random, 16) == 0)
        mapproc_slab_free(&shared->slab, object);
    else
        mapproc_magazine_free(&self->magazine, object);
}

static void *hammer(void *argument)
{
    struct hammer *self = argument;
    struct shared *shared = self->shared;
    bool growing = true;

    mapproc_magazine_init(&self->magazine, &shared->slab);
    for (int i = 0; i < shared->operations; i++) {
        size_t mailbox = test_random_below(&self->random, MAILBOXES);
        unsigned char *object = NULL;

        if (i % ROUND == 0) { /* or one thread might be done before the next has started */
            (void)pthread_barrier_wait(&shared->round);
            growing = !growing;
        }
        if (test_random_below(&self->random, 8) < (growing ? 7 : 1)) {
            if (test_random_below(&self->random, 16) == 0)
                object = mapproc_slab_alloc(&shared->slab);
            else
                object = mapproc_magazine_alloc(&self->magazine);
            if (object == NULL)
                atomic_fetch_add(&shared->failures, 1);
            else
                memset(object, self->tag, shared->size);
        }
        object = atomic_exchange(&shared->mailboxes[mailbox], object);
        if (object != NULL)
            free_verified(self, object);
        if (test_random_below(&self->random, 1000) == 0)
            mapproc_magazine_flush(&self->magazine);
        if (i % shared->check_every == 0 &&
            (!mapproc_slab_check(&shared->slab) || !mapproc_magazine_check(&self->magazine)))
            atomic_fetch_add(&shared->failures, 1);
    }
    mapproc_magazine_flush(&self->magazine);
    return NULL;
}

static void run_threads(size_t size, size_t alignment, int operations, int check_every)
{
    static struct shared shared;
    static struct hammer hammers[THREADS];
    pthread_t threads[THREADS];
    struct test_random random;
    size_t left = 0;

    test_random_seed(&random);
    memset(&shared, 0, sizeof(shared));
    shared.size = size;
    shared.operations = operations;
    shared.check_every = check_every;
    assert_int_equal(mapproc_slab_init(&shared.slab, size, alignment, NULL), MAPPROC_OK);
    assert_int_equal(pthread_barrier_init(&shared.round, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        hammers[i].shared = &shared;
        hammers[i].tag = (unsigned char)(i + 1);
        hammers[i].random.state = test_random_next(&random);
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&shared.round), 0);
    assert_int_equal(shared.failures, 0);
    assert_true(shared.foreign_frees > (size_t)operations / 100);
    for (size_t i = 0; i < MAILBOXES; i++)
        left += shared.mailboxes[i] != NULL;
    assert_counts(&shared.slab, left, 0);
    for (size_t i = 0; i < MAILBOXES; i++)
        mapproc_slab_free(&shared.slab, shared.mailboxes[i]);
    assert_counts(&shared.slab, 0, 0);
    mapproc_slab_destroy(&shared.slab);
}

static void test_threads(void **state)
{
    (void)state;
    run_threads(200, 64, 50000, 4096);
}

static void test_threads_always_checking(void **state)
{
    (void)state;
    run_threads(1500, 8, 5000, 1);
}

/*
 * Neighbours of three bytes share what AddressSanitizer keeps for eight. Two threads whose objects
 * lie alternately get and free them all the time.
 */
enum { SMALL_SIZE = 3, SMALL_EACH = 32, SMALL_ROUNDS = 30000 };

struct neighbour {
    struct mapproc_magazine magazine;
    unsigned char tag;
    size_t failures;
};

static void *use_small_objects(void *argument)
{
    struct neighbour *self = argument;
    unsigned char *objects[SMALL_EACH];

    for (int round = 0; round < SMALL_ROUNDS; round++) {
        for (size_t i = 0; i < SMALL_EACH; i++) {
            objects[i] = mapproc_magazine_alloc(&self->magazine);
            memset(objects[i], self->tag, SMALL_SIZE);
        }
        for (size_t i = 0; i < SMALL_EACH; i++) {
            self->failures += !filled_with(objects[i], SMALL_SIZE, self->tag);
            mapproc_magazine_free(&self->magazine, objects[i]);
        }
    }
    return NULL;
}

static void test_threads_with_small_objects(void **state)
{
    static struct neighbour neighbours[2];
    struct mapproc_slab slab;
    pthread_t threads[2];

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, SMALL_SIZE, 1, NULL), MAPPROC_OK);
    for (size_t i = 0; i < 2; i++) {
        mapproc_magazine_init(&neighbours[i].magazine, &slab);
        neighbours[i].tag = (unsigned char)(i + 1);
        neighbours[i].failures = 0;
    }
    for (size_t i = 0; i < 2 * SMALL_EACH; i++)
        mapproc_magazine_free(&neighbours[i % 2].magazine, mapproc_slab_alloc(&slab));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_small_objects, &neighbours[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(neighbours[i].failures, 0);
        assert_true(mapproc_magazine_check(&neighbours[i].magazine));
        mapproc_magazine_flush(&neighbours[i].magazine);
    }
    assert_counts(&slab, 0, 0);
    mapproc_slab_destroy(&slab);
}

/* With too little memory for a batch a magazine takes what there is, and all of it can be had. */
static void test_no_memory(void **state)
{
    enum { COUNT = 4096 };
    static void *objects[COUNT];
    struct mapproc_magazine magazine;
    struct rlimit before, tight;
    struct mapproc_slab slab;
    size_t count = 0;

    (void)state;
    if (ADDRESS_SANITIZED || THREAD_SANITIZED)
        skip_because("sanitizers need address space of their own");
    assert_int_equal(mapproc_slab_init(&slab, MAPPROC_SLAB_OBJECT_MAX, 64, NULL), MAPPROC_OK);
    mapproc_magazine_init(&magazine, &slab);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)1 << 30;
    objects[count++] = mapproc_slab_alloc(&slab); /* so that the last batch is no whole one */
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    while (count < COUNT && (objects[count] = mapproc_magazine_alloc(&magazine)) != NULL)
        count++;
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_true(count > 1 && count < COUNT);
    assert_counts(&slab, count, 0);
    assert_int_equal(count, stats_of(&slab).capacity);

    objects[count] = mapproc_magazine_alloc(&magazine);
    assert_non_null(objects[count]);
    for (size_t i = 0; i <= count; i++)
        mapproc_magazine_free(&magazine, objects[i]);
    mapproc_magazine_flush(&magazine);
    assert_counts(&slab, 0, 0);
    mapproc_slab_destroy(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_large_objects),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_always_checking),
        cmocka_unit_test(test_threads_with_small_objects),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("magazine", tests, NULL, NULL);
}
