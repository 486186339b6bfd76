/* SPDX-License-Identifier: MIT */
/* test_buddy.c - the scratch arena: limits, random use against a model, threads, no memory. */

#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "death.h"
#include "memory/buddy.h"
#include "random.h"

#define PAGE ((size_t)MAPPROC_BUDDY_PAGE_SIZE)

/* Arenas of these many pages: powers of two, their neighbours, and some with many bits. */
static const size_t arena_pages[] = {1,  2,  3,   4,   5,   7,   8,   9,   31,  32,
                                     33, 63, 100, 127, 128, 129, 255, 257, 341, 1000};

#define ARENAS (sizeof(arena_pages) / sizeof(arena_pages[0]))

static struct mapproc_buddy_stats stats_of(struct mapproc_buddy *buddy)
{
    struct mapproc_buddy_stats stats;

    mapproc_buddy_get_stats(buddy, &stats);
    return stats;
}

static void assert_stats_equal(struct mapproc_buddy_stats a, struct mapproc_buddy_stats b)
{
    assert_int_equal(a.arena_size, b.arena_size);
    assert_int_equal(a.free_size, b.free_size);
    assert_int_equal(a.largest_free, b.largest_free);
    assert_int_equal(a.blocks_in_use, b.blocks_in_use);
    assert_int_equal(a.fragmentation, b.fragmentation);
}

static bool filled_with(const unsigned char *memory, size_t size, unsigned char byte)
{
    return memory[0] == byte && (size == 1 || memcmp(memory, memory + 1, size - 1) == 0);
}

/* The definition, without the code under test. */
static size_t expected_block_size(size_t size)
{
    size_t block = PAGE;

    while (block < size)
        block *= 2;
    return block;
}

static size_t largest_block(size_t pages)
{
    size_t largest = PAGE;

    while (largest * 2 <= pages * PAGE)
        largest *= 2;
    return largest;
}

static bool well_placed(const struct mapproc_buddy *buddy, const unsigned char *block, size_t size)
{
    size_t arena_size = buddy->pages * PAGE, block_size = expected_block_size(size);

    return (uintptr_t)block % block_size == 0 && block >= buddy->arena &&
           (size_t)(block - buddy->arena) <= arena_size - block_size;
}

static void test_block_size(void **state)
{
    (void)state;
    assert_int_equal(mapproc_buddy_block_size(0), 0);
    assert_int_equal(mapproc_buddy_block_size(1), PAGE);
    for (size_t block = PAGE; block <= SIZE_MAX / 4; block *= 2) {
        assert_int_equal(mapproc_buddy_block_size(block - 1), block);
        assert_int_equal(mapproc_buddy_block_size(block), block);
        assert_int_equal(mapproc_buddy_block_size(block + 1), block * 2);
    }
    assert_int_equal(mapproc_buddy_block_size(SIZE_MAX / 2 + 1), SIZE_MAX / 2 + 1);
    assert_int_equal(mapproc_buddy_block_size(SIZE_MAX / 2 + 2), 0);
    assert_int_equal(mapproc_buddy_block_size(SIZE_MAX), 0);
}

static void test_refused(void **state)
{
    static const size_t bad[] = {0, SIZE_MAX, SIZE_MAX - PAGE, SIZE_MAX / 2, (size_t)16 << 40};
    struct mapproc_error error;
    struct mapproc_buddy buddy;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&error, 0, sizeof(error));
        assert_int_equal(mapproc_buddy_init(&buddy, bad[i], &error), MAPPROC_REFUSED);
        assert_int_equal(error.code, MAPPROC_REFUSED);
        assert_string_not_equal(error.what, "");
    }
    assert_int_equal(mapproc_buddy_init(&buddy, 0, NULL), MAPPROC_REFUSED);
}

static void test_no_memory(void **state)
{
    static const size_t sizes[] = {(size_t)4 << 30, (size_t)8 << 40};
    struct rlimit before, tight;
    struct mapproc_error error;
    struct mapproc_buddy buddy;

    (void)state;
    if (ADDRESS_SANITIZED || THREAD_SANITIZED)
        skip_because("sanitizers need address space of their own");
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)1 << 30;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    for (size_t i = 0; i < 2; i++) { /* the mapping is too large, then the tables are */
        memset(&error, 0, sizeof(error));
        assert_int_equal(mapproc_buddy_init(&buddy, sizes[i], &error), MAPPROC_FAILED);
        assert_int_equal(error.code, MAPPROC_FAILED);
        assert_int_equal(error.system_error, ENOMEM);
        assert_string_not_equal(error.what, "");
    }
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

static void test_new_arena(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARENAS; i++) {
        size_t pages = arena_pages[i];
        struct mapproc_buddy_stats stats;
        struct mapproc_buddy buddy;

        /* Any size is rounded up to whole pages. */
        assert_int_equal(mapproc_buddy_init(&buddy, pages * PAGE - i % PAGE, NULL), MAPPROC_OK);
        assert_true(mapproc_buddy_check(&buddy));
        stats = stats_of(&buddy);
        assert_int_equal(stats.arena_size, pages * PAGE);
        assert_int_equal(stats.free_size, pages * PAGE);
        assert_int_equal(stats.largest_free, largest_block(pages));
        assert_int_equal(stats.blocks_in_use, 0);
        assert_int_equal(stats.fragmentation, 1000 - 1000 * largest_block(pages) / (pages * PAGE));
        assert_int_equal((uintptr_t)buddy.arena % largest_block(pages), 0);
        mapproc_buddy_destroy(&buddy);
    }
}

/* The range is all mapped and not touched yet; the blocks cover it. */
static void test_get_memory(void **state)
{
    size_t system_page = (size_t)sysconf(_SC_PAGESIZE);

    (void)state;
    for (size_t i = 0; i < ARENAS; i++) {
        size_t pages = arena_pages[i], size, covered = 0;
        unsigned char resident[1000], *blocks[1000];
        struct mapproc_buddy buddy;
        void *address;

        assert_int_equal(mapproc_buddy_init(&buddy, pages * PAGE - 1, NULL), MAPPROC_OK);
        mapproc_buddy_get_memory(&buddy, &address, &size);
        assert_int_equal(size, pages * PAGE);
        assert_int_equal((uintptr_t)address % largest_block(pages), 0);
        assert_int_equal(mincore(address, size, resident), 0);
        for (size_t k = 0; k < (size + system_page - 1) / system_page; k++)
            assert_int_equal(resident[k] & 1, 0);

        for (size_t k = 0; k < pages; k++) {
            blocks[k] = mapproc_buddy_alloc(&buddy, PAGE);
            assert_non_null(blocks[k]);
            blocks[k][0] = 1;
            if (blocks[k] >= (unsigned char *)address &&
                blocks[k] < (unsigned char *)address + size)
                covered += PAGE;
        }
        assert_int_equal(covered, size);
        assert_int_equal(mincore(address, size, resident), 0);
        assert_int_equal(resident[0] & 1, 1);
        for (size_t k = 0; k < pages; k++)
            mapproc_buddy_free(&buddy, blocks[k]);
        mapproc_buddy_destroy(&buddy);
    }
}

static void test_impossible_sizes(void **state)
{
    static const size_t bad[] = {0,
                                 1024 * PAGE + 1,
                                 (size_t)1 << 43,
                                 ((size_t)1 << 43) + 1,
                                 ((size_t)1 << 44) + 1,
                                 SIZE_MAX / 2,
                                 SIZE_MAX / 2 + 1,
                                 SIZE_MAX / 2 + 2,
                                 SIZE_MAX - PAGE,
                                 SIZE_MAX};
    struct mapproc_buddy_stats before;
    struct mapproc_buddy buddy;

    (void)state;
    assert_int_equal(mapproc_buddy_init(&buddy, 1536 * PAGE, NULL), MAPPROC_OK);
    before = stats_of(&buddy);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(mapproc_buddy_alloc(&buddy, bad[i]));
        assert_true(mapproc_buddy_check(&buddy));
    }
    mapproc_buddy_free(&buddy, NULL);
    assert_stats_equal(before, stats_of(&buddy));
    mapproc_buddy_destroy(&buddy);
}

/* The size of a snapshot's arena is at most 1000 pages. */
struct snapshot {
    uint8_t state[1000];
    uint32_t orders_free;
    uint32_t free_pages;
};

static void snapshot_take(struct snapshot *snapshot, const struct mapproc_buddy *buddy)
{
    memset(snapshot, 0, sizeof(*snapshot));
    memcpy(snapshot->state, buddy->state, buddy->pages);
    snapshot->orders_free = buddy->orders_free;
    snapshot->free_pages = buddy->free_pages;
}

/* For every arena and block size: take blocks till there are none, give them back in any order. */
static void test_exhaustion(void **state)
{
    static unsigned char *blocks[1000];
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (size_t i = 0; i < ARENAS; i++) {
        size_t pages = arena_pages[i];
        struct snapshot before, after;
        struct mapproc_buddy buddy;

        assert_int_equal(mapproc_buddy_init(&buddy, pages * PAGE, NULL), MAPPROC_OK);
        snapshot_take(&before, &buddy);
        for (size_t size = PAGE; size <= largest_block(pages); size *= 2) {
            size_t count = 0;

            while ((blocks[count] = mapproc_buddy_alloc(&buddy, size)) != NULL) {
                assert_true(well_placed(&buddy, blocks[count], size));
                memset(blocks[count], (int)(count % 251), size);
                count++;
                assert_true(count < 1000 || size == PAGE);
                if (count == 1000)
                    break;
            }
            assert_null(mapproc_buddy_alloc(&buddy, size));
            assert_int_equal(count, pages * PAGE / size);
            assert_true(mapproc_buddy_check(&buddy));
            assert_int_equal(stats_of(&buddy).blocks_in_use, count);
            assert_int_equal(stats_of(&buddy).free_size, pages * PAGE % size);
            assert_true(stats_of(&buddy).largest_free < size);
            if (pages * PAGE % size == 0)
                assert_int_equal(stats_of(&buddy).fragmentation, 0);
            for (size_t k = 0; k < count; k++)
                assert_true(filled_with(blocks[k], size, (unsigned char)(k % 251)));
            while (count > 0) {
                size_t k = test_random_below(&random, count);

                mapproc_buddy_free(&buddy, blocks[k]);
                blocks[k] = blocks[--count];
                assert_true(mapproc_buddy_check(&buddy));
            }
            snapshot_take(&after, &buddy);
            assert_memory_equal(&before, &after, sizeof(before));
        }
        mapproc_buddy_destroy(&buddy);
    }
}

/* The block freed last is the next one of its size to be handed out; the best fit is split. */
static void test_reuse(void **state)
{
    unsigned char *blocks[8], *large;
    struct mapproc_buddy buddy;

    (void)state;
    assert_int_equal(mapproc_buddy_init(&buddy, 24 * PAGE, NULL), MAPPROC_OK);

    /* From the block of 8 pages, not from that of 16. */
    for (size_t i = 0; i < 8; i++)
        blocks[i] = mapproc_buddy_alloc(&buddy, PAGE);
    assert_int_equal(stats_of(&buddy).largest_free, 16 * PAGE);

    mapproc_buddy_free(&buddy, blocks[1]);
    mapproc_buddy_free(&buddy, blocks[6]);
    mapproc_buddy_free(&buddy, blocks[3]);
    assert_int_equal(stats_of(&buddy).fragmentation, 1000 - 1000 * 16 / 19);
    assert_ptr_equal(mapproc_buddy_alloc(&buddy, 1), blocks[3]);
    assert_ptr_equal(mapproc_buddy_alloc(&buddy, 1), blocks[6]);
    assert_ptr_equal(mapproc_buddy_alloc(&buddy, 1), blocks[1]);
    large = mapproc_buddy_alloc(&buddy, 9 * PAGE);
    assert_non_null(large);
    assert_null(mapproc_buddy_alloc(&buddy, 1));
    mapproc_buddy_free(&buddy, large);
    assert_ptr_equal(mapproc_buddy_alloc(&buddy, 16 * PAGE), large);
    mapproc_buddy_free(&buddy, large);
    for (size_t i = 0; i < 8; i++)
        mapproc_buddy_free(&buddy, blocks[i]);
    assert_true(mapproc_buddy_check(&buddy));
    mapproc_buddy_destroy(&buddy);
}

/* Random use, the whole structure checked and compared with a model after every operation. */
static void random_use(struct test_random *random, size_t pages, int operations)
{
    enum { SLOTS = 200 };
    unsigned char *slots[SLOTS] = {NULL};
    size_t sizes[SLOTS] = {0}, live = 0, free_size = pages * PAGE;
    struct snapshot before, after;
    struct mapproc_buddy buddy;
    unsigned refused = 0;

    assert_int_equal(mapproc_buddy_init(&buddy, pages * PAGE, NULL), MAPPROC_OK);
    snapshot_take(&before, &buddy);
    for (int i = 0; i < operations; i++) {
        size_t slot = test_random_below(random, SLOTS);
        unsigned char byte = (unsigned char)(slot + 1);

        if (slots[slot] == NULL) {
            size_t largest = stats_of(&buddy).largest_free;
            size_t limit = PAGE << test_random_below(random, 6);
            size_t size = test_random_below(random, 4) == 0 ? limit : 0;

            if (size == 0)
                size = test_random_below(random, limit) + 1;
            slots[slot] = mapproc_buddy_alloc(&buddy, size);
            sizes[slot] = size;
            assert_true((slots[slot] != NULL) == (expected_block_size(size) <= largest));
            if (slots[slot] == NULL) {
                refused++;
            } else {
                assert_true(well_placed(&buddy, slots[slot], size));
                memset(slots[slot], byte, size);
                live++;
                free_size -= expected_block_size(size);
            }
        } else {
            assert_true(filled_with(slots[slot], sizes[slot], byte));
            mapproc_buddy_free(&buddy, slots[slot]);
            slots[slot] = NULL;
            live--;
            free_size += expected_block_size(sizes[slot]);
        }
        assert_true(mapproc_buddy_check(&buddy));
        assert_int_equal(stats_of(&buddy).blocks_in_use, live);
        assert_int_equal(stats_of(&buddy).free_size, free_size);
    }
    assert_true(refused > 0 || pages == 1000); /* the arena was filled to the brim */
    for (size_t slot = 0; slot < SLOTS; slot++) {
        assert_true(slots[slot] == NULL ||
                    filled_with(slots[slot], sizes[slot], (unsigned char)(slot + 1)));
        mapproc_buddy_free(&buddy, slots[slot]);
        assert_true(mapproc_buddy_check(&buddy));
    }
    snapshot_take(&after, &buddy);
    assert_memory_equal(&before, &after, sizeof(before));
    mapproc_buddy_destroy(&buddy);
}

static void test_random_use(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (size_t i = 0; i < ARENAS; i++)
        random_use(&random, arena_pages[i], 3000);
}

/*
 * Threads that pass blocks on: each block allocated goes into a mailbox, and what was in the
 * mailbox, mostly another thread's, is verified and freed. A block begins with its size.
 */
enum { THREADS = 4, MAILBOXES = 64, THREAD_OPERATIONS = 15000, ROUND = 100 };

struct shared {
    struct mapproc_buddy buddy;
    pthread_barrier_t round;
    _Atomic(unsigned char *) mailboxes[MAILBOXES];
    atomic_size_t failures; /* cmocka's assertions work in the main thread only */
    atomic_size_t foreign_frees;
    atomic_size_t refused;
};

struct hammer {
    struct shared *shared;
    unsigned char tag;
    struct test_random random;
};

static bool block_sound(const unsigned char *block, unsigned char *tag)
{
    size_t size;

    memcpy(&size, block, sizeof(size));
    *tag = block[sizeof(size)];
    return *tag >= 1 && *tag <= THREADS && size > sizeof(size) && size <= 16 * PAGE &&
           filled_with(block + sizeof(size), size - sizeof(size), *tag);
}

static void *hammer(void *argument)
{
    struct hammer *self = argument;
    struct shared *shared = self->shared;

    for (int i = 0; i < THREAD_OPERATIONS; i++) {
        size_t mailbox = test_random_below(&self->random, MAILBOXES);
        size_t size = 16 + test_random_below(&self->random, PAGE << (i % 5)) % (16 * PAGE - 16);
        unsigned char *block, tag;

        if (i % ROUND == 0) /* or one thread might be done before the next has started */
            (void)pthread_barrier_wait(&shared->round);
        block = mapproc_buddy_alloc(&shared->buddy, size);
        if (block == NULL) {
            atomic_fetch_add(&shared->refused, 1);
        } else {
            if (!well_placed(&shared->buddy, block, size))
                atomic_fetch_add(&shared->failures, 1);
            memcpy(block, &size, sizeof(size));
            memset(block + sizeof(size), self->tag, size - sizeof(size));
        }
        block = atomic_exchange(&shared->mailboxes[mailbox], block);
        if (block != NULL) {
            if (!block_sound(block, &tag))
                atomic_fetch_add(&shared->failures, 1);
            if (tag != self->tag)
                atomic_fetch_add(&shared->foreign_frees, 1);
            mapproc_buddy_free(&shared->buddy, block);
        }
        if (!mapproc_buddy_check(&shared->buddy))
            atomic_fetch_add(&shared->failures, 1);
    }
    return NULL;
}

static void test_threads(void **state)
{
    static struct shared shared;
    struct hammer hammers[THREADS];
    pthread_t threads[THREADS];
    struct test_random random;
    struct snapshot before, after;
    size_t left = 0;

    (void)state;
    test_random_seed(&random);
    assert_int_equal(mapproc_buddy_init(&shared.buddy, 333 * PAGE, NULL), MAPPROC_OK);
    snapshot_take(&before, &shared.buddy);
    assert_int_equal(pthread_barrier_init(&shared.round, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){&shared, (unsigned char)(i + 1), {test_random_next(&random)}};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&shared.round), 0);
    assert_int_equal(shared.failures, 0);
    assert_true(shared.foreign_frees > THREAD_OPERATIONS / 10);
    assert_true(shared.refused > 0);
    assert_true(mapproc_buddy_check(&shared.buddy));
    for (size_t i = 0; i < MAILBOXES; i++)
        left += shared.mailboxes[i] != NULL;
    assert_int_equal(stats_of(&shared.buddy).blocks_in_use, left);
    for (size_t i = 0; i < MAILBOXES; i++)
        mapproc_buddy_free(&shared.buddy, shared.mailboxes[i]);
    assert_true(mapproc_buddy_check(&shared.buddy));
    snapshot_take(&after, &shared.buddy);
    assert_memory_equal(&before, &after, sizeof(before));
    mapproc_buddy_destroy(&shared.buddy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_size), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_new_arena),
        cmocka_unit_test(test_get_memory), cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_exhaustion), cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_random_use), cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("buddy", tests, NULL, NULL);
}
