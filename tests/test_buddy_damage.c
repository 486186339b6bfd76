/* SPDX-License-Identifier: MIT */
/* test_buddy_damage.c - the scratch arena when it is damaged or misused: noticed, refused or
 * asserted. */

#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "death.h"
#include "memory/buddy.h"

#define PAGE ((size_t)MAPPROC_BUDDY_PAGE_SIZE)

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

/* Writes `damage` over a field, expects the checker to notice, and repairs the field. */
#define EXPECT_NOTICED(buddy, field, damage)                                                       \
    do {                                                                                           \
        __typeof__(field) saved_ = (field);                                                        \
        bool sound_;                                                                               \
        (field) = (damage);                                                                        \
        assert_true((field) != saved_);                                                            \
        sound_ = mapproc_buddy_check(buddy);                                                       \
        (field) = saved_;                                                                          \
        assert_false(sound_);                                                                      \
        assert_true(mapproc_buddy_check(buddy));                                                   \
    } while (0)

static void test_damage_is_noticed(void **state)
{
    enum { FREE = 0x40, IN_USE = 0x80 };
    struct mapproc_buddy buddy;
    unsigned char *single[6], *quad;

    (void)state;

    /* 27 pages, so blocks of 16, 8, 2 and 1: the first stays free, the others are taken as single
     * pages and as 4 pages at 20, all but page 19. */
    assert_int_equal(mapproc_buddy_init(&buddy, 27 * PAGE, NULL), MAPPROC_OK);
    for (size_t i = 0; i < 6; i++) {
        static const size_t expected[] = {26, 24, 25, 16, 17, 18};

        single[i] = mapproc_buddy_alloc(&buddy, PAGE);
        assert_ptr_equal(single[i], buddy.arena + expected[i] * PAGE);
    }
    quad = mapproc_buddy_alloc(&buddy, 4 * PAGE);
    assert_ptr_equal(quad, buddy.arena + 20 * PAGE);

    /* The free list of order 0 becomes 16 -> 24 -> 19. */
    mapproc_buddy_free(&buddy, single[1]);
    mapproc_buddy_free(&buddy, single[3]);
    assert_true(mapproc_buddy_check(&buddy));
    assert_int_equal(buddy.first_free[0], 16);
    assert_int_equal(buddy.links[16].next, 24);
    assert_int_equal(buddy.links[24].next, 19);

    /* totals, bits, layout */
    EXPECT_NOTICED(&buddy, buddy.free_pages, buddy.free_pages + 1);
    EXPECT_NOTICED(&buddy, buddy.free_pages, UINT32_C(0));
    EXPECT_NOTICED(&buddy, buddy.blocks_in_use, buddy.blocks_in_use - 1);
    EXPECT_NOTICED(&buddy, buddy.blocks_in_use, UINT32_MAX);
    EXPECT_NOTICED(&buddy, buddy.orders_free, buddy.orders_free & ~UINT32_C(1));
    EXPECT_NOTICED(&buddy, buddy.orders_free, buddy.orders_free | 2);
    EXPECT_NOTICED(&buddy, buddy.orders_free, buddy.orders_free | UINT32_C(1) << 31);
    EXPECT_NOTICED(&buddy, buddy.pages, buddy.pages - 1);
    EXPECT_NOTICED(&buddy, buddy.pages, UINT32_C(0));
    EXPECT_NOTICED(&buddy, buddy.top_order, buddy.top_order - 1);
    EXPECT_NOTICED(&buddy, buddy.top_order, buddy.top_order + 1);
    EXPECT_NOTICED(&buddy, buddy.arena, buddy.arena + PAGE);
    EXPECT_NOTICED(&buddy, buddy.arena, NULL);

    /* free lists */
    EXPECT_NOTICED(&buddy, buddy.first_free[0], UINT32_C(24));
    EXPECT_NOTICED(&buddy, buddy.first_free[0], UINT32_MAX);
    EXPECT_NOTICED(&buddy, buddy.first_free[0], buddy.pages);
    EXPECT_NOTICED(&buddy, buddy.first_free[1], UINT32_C(16));
    EXPECT_NOTICED(&buddy, buddy.first_free[4], UINT32_C(20));
    EXPECT_NOTICED(&buddy, buddy.first_free[31], UINT32_C(0));
    EXPECT_NOTICED(&buddy, buddy.links[16].next, UINT32_C(19));
    EXPECT_NOTICED(&buddy, buddy.links[16].next, UINT32_C(16));
    EXPECT_NOTICED(&buddy, buddy.links[16].next, UINT32_MAX);
    EXPECT_NOTICED(&buddy, buddy.links[16].next, UINT32_MAX - 1);
    EXPECT_NOTICED(&buddy, buddy.links[24].next, UINT32_C(17));
    EXPECT_NOTICED(&buddy, buddy.links[19].next, UINT32_C(16));
    EXPECT_NOTICED(&buddy, buddy.links[16].previous, UINT32_C(19));
    EXPECT_NOTICED(&buddy, buddy.links[24].previous, UINT32_MAX);
    EXPECT_NOTICED(&buddy, buddy.links[19].previous, UINT32_C(16));

    /* states: kind, order, inside */
    EXPECT_NOTICED(&buddy, buddy.state[24], (uint8_t)IN_USE);
    EXPECT_NOTICED(&buddy, buddy.state[25], (uint8_t)FREE);
    EXPECT_NOTICED(&buddy, buddy.state[24], (uint8_t)(FREE | IN_USE));
    EXPECT_NOTICED(&buddy, buddy.state[25], (uint8_t)0);
    EXPECT_NOTICED(&buddy, buddy.state[25], (uint8_t)(IN_USE | 0x20));
    EXPECT_NOTICED(&buddy, buddy.state[20], (uint8_t)(IN_USE | 1));
    EXPECT_NOTICED(&buddy, buddy.state[20], (uint8_t)(IN_USE | 3));
    EXPECT_NOTICED(&buddy, buddy.state[26], (uint8_t)(IN_USE | 1));
    EXPECT_NOTICED(&buddy, buddy.state[26], (uint8_t)(IN_USE | 31));
    EXPECT_NOTICED(&buddy, buddy.state[0], (uint8_t)(FREE | 3));
    EXPECT_NOTICED(&buddy, buddy.state[0], (uint8_t)(FREE | 5));
    EXPECT_NOTICED(&buddy, buddy.state[1], (uint8_t)FREE);
    EXPECT_NOTICED(&buddy, buddy.state[22], (uint8_t)IN_USE);

    /* A block of two pages at 17, not aligned to its size, instead of the single ones there. */
    buddy.state[17] = IN_USE | 1;
    buddy.state[18] = 0;
    buddy.blocks_in_use--;
    assert_false(mapproc_buddy_check(&buddy));
    buddy.state[17] = IN_USE;
    buddy.state[18] = IN_USE;
    buddy.blocks_in_use++;
    assert_true(mapproc_buddy_check(&buddy));

    /* Two free buddies left apart, all the rest in perfect order: page 18 joins page 19. */
    buddy.state[18] = FREE;
    buddy.links[18] = (struct mapproc_buddy_link){.previous = UINT32_MAX, .next = 16};
    buddy.links[16].previous = 18;
    buddy.first_free[0] = 18;
    buddy.free_pages++;
    buddy.blocks_in_use--;
    assert_false(mapproc_buddy_check(&buddy));
    buddy.first_free[0] = 16;
    buddy.free_pages--;
    buddy.blocks_in_use++;
    buddy.state[18] = IN_USE;
    buddy.links[16].previous = UINT32_MAX;
    assert_true(mapproc_buddy_check(&buddy));

    mapproc_buddy_free(&buddy, quad);
    for (size_t i = 0; i < 6; i++) {
        if (i != 1 && i != 3)
            mapproc_buddy_free(&buddy, single[i]);
    }
    assert_true(mapproc_buddy_check(&buddy));
    mapproc_buddy_destroy(&buddy);
}

/* Misuse. In debug builds each case ends the process, so each runs in a child of its own. */
enum misuse {
    FREE_TWICE,
    FREE_MERGED,
    FREE_INSIDE_BLOCK,
    FREE_MISALIGNED,
    FREE_BELOW,
    FREE_BEHIND,
    FREE_FOREIGN,
    FREE_NEVER_HANDED_OUT,
    MISUSES,
};

struct misuse_set {
    struct mapproc_buddy buddy;
    unsigned char *alone;  /* freed, its buddy in use */
    unsigned char *merged; /* freed and joined with its lower buddy */
    unsigned char *large;  /* 4 pages in use */
    unsigned char *single; /* 1 page in use, the buddy of `alone` */
};

static void misuse_setup(struct misuse_set *set)
{
    unsigned char *lower;

    assert_int_equal(mapproc_buddy_init(&set->buddy, 24 * PAGE, NULL), MAPPROC_OK);
    set->single = mapproc_buddy_alloc(&set->buddy, PAGE);
    set->alone = mapproc_buddy_alloc(&set->buddy, PAGE);
    lower = mapproc_buddy_alloc(&set->buddy, PAGE);
    set->merged = mapproc_buddy_alloc(&set->buddy, PAGE);
    set->large = mapproc_buddy_alloc(&set->buddy, 4 * PAGE);
    assert_non_null(set->large);
    assert_ptr_equal(set->merged, lower + PAGE);
    mapproc_buddy_free(&set->buddy, set->alone);
    mapproc_buddy_free(&set->buddy, lower);
    mapproc_buddy_free(&set->buddy, set->merged);
}

static void misuse(struct misuse_set *set, enum misuse kind)
{
    static unsigned char foreign[16];

    switch (kind) {
    case FREE_TWICE:
        mapproc_buddy_free(&set->buddy, set->alone);
        break;
    case FREE_MERGED:
        mapproc_buddy_free(&set->buddy, set->merged);
        break;
    case FREE_INSIDE_BLOCK:
        mapproc_buddy_free(&set->buddy, set->large + PAGE);
        break;
    case FREE_MISALIGNED:
        mapproc_buddy_free(&set->buddy, set->large + 16);
        break;
    case FREE_BELOW:
        mapproc_buddy_free(&set->buddy, (void *)((uintptr_t)set->buddy.arena - PAGE));
        break;
    case FREE_BEHIND:
        mapproc_buddy_free(&set->buddy, set->buddy.arena + 24 * PAGE);
        break;
    case FREE_FOREIGN:
        mapproc_buddy_free(&set->buddy, foreign);
        break;
    case FREE_NEVER_HANDED_OUT:
        mapproc_buddy_free(&set->buddy, set->buddy.arena);
        break;
    default:
        fail();
    }
}

static void misuse_teardown(struct misuse_set *set)
{
    mapproc_buddy_free(&set->buddy, set->large);
    mapproc_buddy_free(&set->buddy, set->single);
    mapproc_buddy_destroy(&set->buddy);
}

static void test_misuse_is_ignored(void **state)
{
    struct misuse_set set;

    (void)state;
    if (ASSERTS_ON)
        skip_because("this build asserts instead: see release builds");
    misuse_setup(&set);
    for (enum misuse kind = 0; kind < MISUSES; kind++) {
        struct mapproc_buddy_stats before = stats_of(&set.buddy);

        misuse(&set, kind);
        assert_stats_equal(before, stats_of(&set.buddy));
        assert_true(mapproc_buddy_check(&set.buddy));
    }
    misuse_teardown(&set);
}

static void test_misuse_is_asserted(void **state)
{
    struct misuse_set set;

    (void)state;
    if (!ASSERTS_ON)
        skip_because("this build has no assertions: see sanitizer builds");
    misuse_setup(&set);
    for (enum misuse kind = 0; kind < MISUSES; kind++) {
        pid_t child = fork();

        if (child == 0) {
            prepare_to_die();
            misuse(&set, kind);
            _exit(0);
        }
        expect_death(child);
    }
    misuse_teardown(&set);
}

/* AddressSanitizer sees reads of free blocks and behind the bytes asked for, and no others. */
static void test_wild_reads_are_noticed(void **state)
{
    struct mapproc_buddy buddy;
    volatile unsigned char *block, *freed;

    (void)state;
    if (!ADDRESS_SANITIZED)
        skip_because("not an AddressSanitizer build");
    assert_int_equal(mapproc_buddy_init(&buddy, 16 * PAGE, NULL), MAPPROC_OK);
    block = mapproc_buddy_alloc(&buddy, PAGE + 8);
    freed = mapproc_buddy_alloc(&buddy, PAGE);
    freed[PAGE - 1] = 1;
    block[PAGE + 7] = 1;
    mapproc_buddy_free(&buddy, (void *)(uintptr_t)freed);
    for (int i = 0; i < 4; i++) {
        volatile unsigned char *wild[] = {freed, freed + PAGE - 1, block + PAGE + 8,
                                          buddy.arena + 16 * PAGE - 1};
        pid_t child = fork();

        if (child == 0) {
            prepare_to_die();
            (void)*wild[i];
            _exit(0);
        }
        expect_death(child);
    }
    mapproc_buddy_free(&buddy, (void *)(uintptr_t)block);
    mapproc_buddy_destroy(&buddy);
}

static void test_destroy_with_blocks_out(void **state)
{
    struct mapproc_buddy buddy;
    pid_t child;
    void *block;

    (void)state;
    if (!ASSERTS_ON)
        skip_because("this build has no assertions: see sanitizer builds");
    assert_int_equal(mapproc_buddy_init(&buddy, 3 * PAGE, NULL), MAPPROC_OK);
    block = mapproc_buddy_alloc(&buddy, PAGE);
    child = fork();
    if (child == 0) {
        prepare_to_die();
        mapproc_buddy_destroy(&buddy);
        _exit(0);
    }
    expect_death(child);
    mapproc_buddy_free(&buddy, block);
    mapproc_buddy_destroy(&buddy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_misuse_is_ignored),
        cmocka_unit_test(test_misuse_is_asserted),
        cmocka_unit_test(test_wild_reads_are_noticed),
        cmocka_unit_test(test_destroy_with_blocks_out),
    };

    return cmocka_run_group_tests_name("buddy_damage", tests, NULL, NULL);
}
