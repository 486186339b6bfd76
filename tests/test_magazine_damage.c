/* SPDX-License-Identifier: MIT */
/* test_magazine_damage.c - magazines when they are damaged or misused: noticed, or as documented.
 */

#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "death.h"
#include "memory/magazine.h"
#include "memory/slab.h"

enum { SIZE = 96 };

static struct mapproc_slab_stats stats_of(struct mapproc_slab *slab)
{
    struct mapproc_slab_stats stats;

    mapproc_slab_get_stats(slab, &stats);
    return stats;
}

/* The extent of an object, found without the code under test. */
static struct mapproc_slab_extent *extent_of(const struct mapproc_slab *slab, void *object)
{
    return (struct mapproc_slab_extent *)((uintptr_t)object & ~(uintptr_t)(slab->extent_size - 1));
}

static void mark_in_use(const struct mapproc_slab *slab, unsigned char *object)
{
    struct mapproc_slab_extent *extent = extent_of(slab, object);
    size_t offset = (size_t)(object - (unsigned char *)extent) - slab->first_offset;

    assert_int_equal(offset / slab->stride, extent->fresh);
    extent->link[offset / slab->stride] = UINT16_MAX;
}

static bool both_sound(struct mapproc_slab *slab, struct mapproc_magazine *magazine)
{
    return mapproc_slab_check(slab) && mapproc_magazine_check(magazine);
}

/*
 * Writes `damage` over a field of the slab's list or of `magazine`, expects the checker `check` to
 * notice, and repairs the field.
 */
#define EXPECT_NOTICED(check, field, damage)                                                       \
    do {                                                                                           \
        __typeof__(field) saved_ = (field);                                                        \
        bool sound_;                                                                               \
        (field) = (damage);                                                                        \
        assert_true((field) != saved_);                                                            \
        sound_ = (check);                                                                          \
        (field) = saved_;                                                                          \
        assert_false(sound_);                                                                      \
        assert_true(check);                                                                        \
    } while (0)

static void test_damage_is_noticed(void **state)
{
    enum { HALF = MAPPROC_MAGAZINE_OBJECTS / 2 };
    struct mapproc_magazine magazine, second, unused;
    unsigned char *in_use, *in_second, *free_object, *never, *foreign;
    struct mapproc_slab slab, other;
    mapproc_magazine_slot *top;

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, SIZE, 8, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_slab_init(&other, SIZE, 8, NULL), MAPPROC_OK);
    mapproc_magazine_init(&magazine, &slab);
    mapproc_magazine_init(&second, &slab);
    mapproc_magazine_init(&unused, &slab);
    foreign = mapproc_slab_alloc(&other);
    in_use = mapproc_magazine_alloc(&magazine);
    in_second = mapproc_magazine_alloc(&second);
    free_object = mapproc_slab_alloc(&slab);
    never = free_object + SIZE;
    mapproc_slab_free(&slab, free_object);
    mapproc_magazine_free(&second, in_second);
    assert_int_equal(stats_of(&slab).in_use, 1);
    assert_int_equal(stats_of(&slab).cached, 2 * HALF - 1);
    assert_ptr_equal(slab.first_magazine, &second);
    assert_true(both_sound(&slab, &magazine) && both_sound(&slab, &second));

    /* the list */
    EXPECT_NOTICED(mapproc_slab_check(&slab), slab.magazines, slab.magazines + 1);
    EXPECT_NOTICED(mapproc_slab_check(&slab), slab.first_magazine, &magazine);
    EXPECT_NOTICED(mapproc_slab_check(&slab), slab.first_magazine, NULL);
    EXPECT_NOTICED(mapproc_slab_check(&slab), slab.first_magazine, &unused);
    EXPECT_NOTICED(mapproc_slab_check(&slab), second.next, NULL);
    EXPECT_NOTICED(mapproc_slab_check(&slab), second.next, &second);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.next, &second);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.previous, NULL);
    EXPECT_NOTICED(mapproc_slab_check(&slab), second.previous, &magazine);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.slab, &other);

    /* its ends */
    top = magazine.top;
    assert_ptr_equal(top, &magazine.objects[HALF - 1]);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.end, magazine.end - 1);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.end, magazine.objects);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top, NULL);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top, magazine.objects - 1);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top, magazine.end + 1);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top,
                   (mapproc_magazine_slot *)((uintptr_t)top - 1));
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top, magazine.objects + HALF + 1);
    EXPECT_NOTICED(mapproc_magazine_check(&magazine), magazine.top, magazine.end + 1);
    EXPECT_NOTICED(mapproc_magazine_check(&unused), unused.top, unused.objects + 1);

    /* what it holds */
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[0], NULL);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], foreign);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], &magazine);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], (void *)UINTPTR_MAX);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], free_object);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], in_use + 8);
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], extent_of(&slab, in_use));
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[HALF - 2], free_object);
    mark_in_use(&slab, never); /* as old memory may have it */
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.objects[5], never);

    /* what only the owner can tell */
    EXPECT_NOTICED(mapproc_magazine_check(&magazine), magazine.objects[5], magazine.objects[7]);
    EXPECT_NOTICED(mapproc_magazine_check(&magazine), magazine.objects[7], magazine.objects[0]);
    if (MAPPROC_MAGAZINE_CHECKED)
        EXPECT_NOTICED(mapproc_magazine_check(&magazine), magazine.objects[5], in_use);

    mapproc_magazine_free(&magazine, in_use);
    mapproc_magazine_flush(&magazine);
    mapproc_magazine_flush(&second);
    mapproc_slab_free(&other, foreign);
    assert_int_equal(stats_of(&slab).in_use, 0);
    mapproc_slab_destroy(&slab);
    mapproc_slab_destroy(&other);
}

/* More objects than it may hold, all the rest in perfect order. */
static void test_surplus_is_noticed(void **state)
{
    void *objects[MAPPROC_MAGAZINE_OBJECTS + 1];
    struct mapproc_magazine magazine;
    struct mapproc_slab slab;
    size_t limit;

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, 5000, 8, NULL), MAPPROC_OK);
    limit = slab.capacity & ~UINT32_C(1);
    assert_true(limit < MAPPROC_MAGAZINE_OBJECTS);
    mapproc_magazine_init(&magazine, &slab);
    for (size_t i = 0; i < limit + 1; i++)
        objects[i] = mapproc_slab_alloc(&slab);
    for (size_t i = 0; i < limit; i++)
        mapproc_magazine_free(&magazine, objects[i]);
    assert_ptr_equal(magazine.top, magazine.end);
    magazine.objects[limit] = objects[limit];
    EXPECT_NOTICED(mapproc_slab_check(&slab), magazine.top, magazine.end + 1);
    mapproc_magazine_flush(&magazine);
    mapproc_slab_free(&slab, objects[limit]);
    mapproc_slab_destroy(&slab);
}

/* Misuse. In debug builds each case ends the process, so each runs in a child of its own. */
enum misuse {
    FREE_TWICE,
    FREE_TWICE_LATER,
    FREE_TWICE_ELSEWHERE,
    FREE_CACHED_TO_SLAB,
    FREE_FREE_IN_SLAB,
    FREE_INSIDE,
    FREE_HEADER,
    FREE_FOREIGN,
    FREE_STALE,
    FREE_NEVER_HANDED_OUT,
    MISUSES,
};

struct misuse_set {
    struct mapproc_slab slab, other;
    struct mapproc_magazine magazine, second;
    unsigned char *in_use;
    unsigned char *cached[2];
    unsigned char *free_object;
    unsigned char *never;
    unsigned char *foreign;
    struct mapproc_slab_extent *stale; /* what an extent leaves behind when it is freed */
};

static void misuse_setup(struct misuse_set *set)
{
    struct mapproc_slab_extent *extent;

    assert_int_equal(mapproc_slab_init(&set->slab, SIZE, 8, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_slab_init(&set->other, SIZE, 8, NULL), MAPPROC_OK);
    mapproc_magazine_init(&set->magazine, &set->slab);
    mapproc_magazine_init(&set->second, &set->slab);
    mapproc_magazine_free(&set->second, mapproc_magazine_alloc(&set->second));
    set->in_use = mapproc_magazine_alloc(&set->magazine);
    for (size_t i = 0; i < 2; i++)
        set->cached[i] = mapproc_magazine_alloc(&set->magazine);
    for (size_t i = 0; i < 2; i++)
        mapproc_magazine_free(&set->magazine, set->cached[i]);
    set->free_object = mapproc_slab_alloc(&set->slab);
    set->never = set->free_object + SIZE;
    mapproc_slab_free(&set->slab, set->free_object);
    set->foreign = mapproc_slab_alloc(&set->other);

    extent = extent_of(&set->slab, set->in_use);
    set->stale = aligned_alloc(set->slab.extent_size, set->slab.extent_size);
    assert_non_null(set->stale);
    memcpy(set->stale, extent, set->slab.first_offset);
    set->stale->magic = 0;

    /* What was never handed out may look in use: the C library does not clear old memory. */
    mark_in_use(&set->slab, set->never);
}

static void misuse(struct misuse_set *set, enum misuse kind)
{
    switch (kind) {
    case FREE_TWICE:
        mapproc_magazine_free(&set->magazine, set->cached[1]);
        break;
    case FREE_TWICE_LATER:
        mapproc_magazine_free(&set->magazine, set->cached[0]);
        break;
    case FREE_TWICE_ELSEWHERE:
        mapproc_magazine_free(&set->second, set->cached[0]);
        break;
    case FREE_CACHED_TO_SLAB:
        mapproc_slab_free(&set->slab, set->cached[0]);
        break;
    case FREE_FREE_IN_SLAB:
        mapproc_magazine_free(&set->magazine, set->free_object);
        break;
    case FREE_INSIDE:
        mapproc_magazine_free(&set->magazine, set->in_use + 8);
        break;
    case FREE_HEADER:
        mapproc_magazine_free(&set->magazine, extent_of(&set->slab, set->in_use) + 1);
        break;
    case FREE_FOREIGN:
        mapproc_magazine_free(&set->magazine, set->foreign);
        break;
    case FREE_STALE:
        mapproc_magazine_free(&set->magazine, (char *)set->stale + set->slab.first_offset);
        break;
    case FREE_NEVER_HANDED_OUT:
        mapproc_magazine_free(&set->magazine, set->never);
        break;
    default:
        fail();
    }
}

static void misuse_teardown(struct misuse_set *set)
{
    mapproc_magazine_free(&set->magazine, set->in_use);
    mapproc_magazine_flush(&set->magazine);
    mapproc_magazine_flush(&set->second);
    mapproc_slab_free(&set->other, set->foreign);
    free(set->stale);
    assert_int_equal(stats_of(&set->slab).in_use, 0);
    assert_true(mapproc_slab_check(&set->slab));
    mapproc_slab_destroy(&set->slab);
    mapproc_slab_destroy(&set->other);
}

/* Without checks the slab and what others have of it are sound once the magazines are flushed. */
static void test_misuse_is_dropped_in_the_end(void **state)
{
    struct misuse_set set;

    (void)state;
    if (ASSERTS_ON)
        skip_because("this build asserts instead: see release builds");
    for (enum misuse kind = 0; kind < MISUSES; kind++) {
        misuse_setup(&set);
        misuse(&set, kind);
        if (MAPPROC_MAGAZINE_CHECKED)
            assert_true(both_sound(&set.slab, &set.magazine));
        mapproc_magazine_flush(&set.magazine);
        mapproc_magazine_flush(&set.second);
        assert_true(mapproc_slab_check(&set.slab));
        assert_true(mapproc_slab_check(&set.other));
        assert_int_equal(stats_of(&set.slab).in_use, 1);
        assert_int_equal(stats_of(&set.slab).cached, 0);
        assert_int_equal(stats_of(&set.other).in_use, 1);
        misuse_teardown(&set);
    }
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

/* Also of an object that came with a batch and that nobody has had yet: the next to come. */
static void test_write_after_free_is_noticed(void **state)
{
    struct misuse_set set;
    unsigned char *next;

    (void)state;
    if (!ASSERTS_ON && !ADDRESS_SANITIZED)
        skip_because("this build has no assertions: see sanitizer builds");
    misuse_setup(&set);
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();

        next = set.second.top[-1 - i];
        if (child == 0) {
            prepare_to_die();
            next[SIZE - 1] ^= 1;
            (void)mapproc_magazine_alloc(&set.second);
            (void)mapproc_magazine_alloc(&set.second);
            _exit(0);
        }
        expect_death(child);
    }
    misuse_teardown(&set);
}

static void test_wild_reads_are_noticed(void **state)
{
    struct misuse_set set;

    (void)state;
    if (!ADDRESS_SANITIZED)
        skip_because("not an AddressSanitizer build");
    misuse_setup(&set);
    for (size_t i = 0; i < 4; i++) {
        volatile unsigned char *wild[] = {set.cached[0], set.cached[1] + SIZE - 1,
                                          set.second.top[-2], set.never};
        pid_t child = fork();

        if (child == 0) {
            prepare_to_die();
            (void)*wild[i];
            _exit(0);
        }
        expect_death(child);
    }
    misuse_teardown(&set);
}

/* The slab may not go while a magazine has something of it, or may still take something. */
static void test_destroy_before_flush(void **state)
{
    struct mapproc_magazine magazine;
    struct mapproc_slab slab;

    (void)state;
    if (!ASSERTS_ON)
        skip_because("this build has no assertions: see sanitizer builds");
    assert_int_equal(mapproc_slab_init(&slab, SIZE, 8, NULL), MAPPROC_OK);
    mapproc_magazine_init(&magazine, &slab);
    mapproc_magazine_free(&magazine, mapproc_slab_alloc(&slab));
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();

        if (child == 0) {
            prepare_to_die();
            if (i == 1) /* empty, but not flushed */
                mapproc_slab_free(&slab, mapproc_magazine_alloc(&magazine));
            mapproc_slab_destroy(&slab);
            _exit(0);
        }
        expect_death(child);
    }
    mapproc_magazine_flush(&magazine);
    mapproc_slab_destroy(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_surplus_is_noticed),
        cmocka_unit_test(test_misuse_is_dropped_in_the_end),
        cmocka_unit_test(test_misuse_is_asserted),
        cmocka_unit_test(test_write_after_free_is_noticed),
        cmocka_unit_test(test_wild_reads_are_noticed),
        cmocka_unit_test(test_destroy_before_flush),
    };

    return cmocka_run_group_tests_name("magazine_damage", tests, NULL, NULL);
}
