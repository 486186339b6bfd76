/* SPDX-License-Identifier: MIT */
/* test_slab_damage.c - the slab when it is damaged or misused: noticed, refused or asserted. */

#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "death.h"
#include "memory/slab.h"

static struct mapproc_slab_stats stats_of(struct mapproc_slab *slab)
{
    struct mapproc_slab_stats stats;

    mapproc_slab_get_stats(slab, &stats);
    return stats;
}

static void assert_stats_equal(struct mapproc_slab_stats a, struct mapproc_slab_stats b)
{
    assert_int_equal(a.object_size, b.object_size);
    assert_int_equal(a.in_use, b.in_use);
    assert_int_equal(a.peak_in_use, b.peak_in_use);
    assert_int_equal(a.capacity, b.capacity);
    assert_int_equal(a.extents, b.extents);
    assert_int_equal(a.empty_extents, b.empty_extents);
    assert_int_equal(a.extent_size, b.extent_size);
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

/* Writes `damage` over a field, expects the checker to notice, and repairs the field. */
#define EXPECT_NOTICED(slab, field, damage)                                                        \
    do {                                                                                           \
        __typeof__(field) saved_ = (field);                                                        \
        bool sound_;                                                                               \
        (field) = (damage);                                                                        \
        assert_true((field) != saved_);                                                            \
        sound_ = mapproc_slab_check(slab);                                                         \
        (field) = saved_;                                                                          \
        assert_false(sound_);                                                                      \
        assert_true(mapproc_slab_check(slab));                                                     \
    } while (0)

static void test_damage_is_noticed(void **state)
{
    enum { SIZE = 4000 };
    struct mapproc_slab_extent *full, *partial, *second, *empty, *copy;
    struct mapproc_slab slab, other;
    uint32_t capacity;
    size_t count = 0;
    void *objects[128];

    (void)state;
    assert_int_equal(mapproc_slab_init(&other, SIZE, 8, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_slab_init(&slab, SIZE, 8, NULL), MAPPROC_OK);
    capacity = slab.capacity;
    assert_true(4 * capacity <= sizeof(objects) / sizeof(objects[0]) && capacity > 8);

    /* Extent 0 full; 1 partial with three freed and some fresh; 2 partial; 3 empty. */
    while (count < 4 * capacity)
        objects[count++] = mapproc_slab_alloc(&slab);
    full = extent_of(&slab, objects[0]);
    partial = extent_of(&slab, objects[capacity]);
    second = extent_of(&slab, objects[2 * capacity]);
    empty = extent_of(&slab, objects[3 * capacity]);
    for (size_t i = 0; i < capacity; i++)
        mapproc_slab_free(&slab, objects[3 * capacity + i]);
    mapproc_slab_free(&slab, objects[2 * capacity]);
    for (size_t i = 1; i <= 3; i++)
        mapproc_slab_free(&slab, objects[capacity + i]);
    assert_true(mapproc_slab_check(&slab));
    assert_ptr_equal(slab.lists[MAPPROC_SLAB_FULL], full);
    assert_ptr_equal(slab.lists[MAPPROC_SLAB_PARTIAL], partial);
    assert_ptr_equal(partial->next, second);
    assert_ptr_equal(slab.lists[MAPPROC_SLAB_EMPTY], empty);

    /* layout, with no extent that could give it away */
    EXPECT_NOTICED(&other, other.extent_size, other.extent_size * 2);
    EXPECT_NOTICED(&other, other.capacity, other.capacity - 1);

    /* totals */
    EXPECT_NOTICED(&slab, slab.used, slab.used + 1);
    EXPECT_NOTICED(&slab, slab.peak_used, slab.used - 1);
    EXPECT_NOTICED(&slab, slab.extents, slab.extents + 1);
    EXPECT_NOTICED(&slab, slab.extents, slab.extents - 1);
    EXPECT_NOTICED(&slab, slab.empty_extents, slab.empty_extents + 1);

    /* layout */
    EXPECT_NOTICED(&slab, slab.object_size, (size_t)SIZE * 2);
    EXPECT_NOTICED(&slab, slab.object_size, (size_t)0);
    EXPECT_NOTICED(&slab, slab.stride, slab.stride + 8);
    EXPECT_NOTICED(&slab, slab.alignment, slab.alignment + 1);
    EXPECT_NOTICED(&slab, slab.extent_size, slab.extent_size * 2);
    EXPECT_NOTICED(&slab, slab.first_offset, slab.first_offset - 8);
    EXPECT_NOTICED(&slab, slab.reciprocal, slab.reciprocal + 1);
    EXPECT_NOTICED(&slab, slab.capacity, slab.capacity + 1);

    /* lists of extents */
    EXPECT_NOTICED(&slab, slab.lists[MAPPROC_SLAB_EMPTY], NULL);
    EXPECT_NOTICED(&slab, slab.lists[MAPPROC_SLAB_PARTIAL], second);
    EXPECT_NOTICED(&slab, slab.lists[MAPPROC_SLAB_FULL], partial);
    EXPECT_NOTICED(&slab, partial->next, NULL);
    EXPECT_NOTICED(&slab, second->next, partial);
    EXPECT_NOTICED(&slab, second->next, second);
    EXPECT_NOTICED(&slab, second->previous, NULL);
    EXPECT_NOTICED(&slab, partial->previous, second);
    EXPECT_NOTICED(&slab, partial->next,
                   (struct mapproc_slab_extent *)(void *)((char *)second + 4096));

    /* extents on each other's lists */
    slab.lists[MAPPROC_SLAB_FULL] = empty;
    slab.lists[MAPPROC_SLAB_EMPTY] = full;
    assert_false(mapproc_slab_check(&slab));
    slab.lists[MAPPROC_SLAB_FULL] = full;
    slab.lists[MAPPROC_SLAB_EMPTY] = empty;

    /* a perfect copy of an extent's head where no extent can be */
    copy = objects[2 * capacity + 1];
    memcpy(copy, second, slab.first_offset);
    EXPECT_NOTICED(&slab, partial->next, copy);

    /* heads of extents */
    EXPECT_NOTICED(&slab, full->magic, UINT64_C(0));
    EXPECT_NOTICED(&slab, full->slab, &other);
    EXPECT_NOTICED(&slab, full->used, capacity - 1);
    EXPECT_NOTICED(&slab, full->used, capacity + 1);
    EXPECT_NOTICED(&slab, partial->used, partial->used + 1);
    EXPECT_NOTICED(&slab, empty->used, UINT32_C(1));
    EXPECT_NOTICED(&slab, partial->fresh, (uint16_t)(capacity + 1));
    EXPECT_NOTICED(&slab, partial->fresh, UINT16_MAX);
    EXPECT_NOTICED(&slab, partial->fresh, (uint16_t)(capacity - 1));

    /* free objects: 3 -> 2 -> 1 -> end */
    assert_int_equal(partial->first_free, 3);
    EXPECT_NOTICED(&slab, partial->first_free, (uint16_t)2);
    EXPECT_NOTICED(&slab, partial->first_free, (uint16_t)capacity);
    EXPECT_NOTICED(&slab, partial->first_free, (uint16_t)0);
    EXPECT_NOTICED(&slab, full->first_free, (uint16_t)0);
    EXPECT_NOTICED(&slab, partial->link[1], (uint16_t)3);
    EXPECT_NOTICED(&slab, partial->link[1], (uint16_t)1);
    EXPECT_NOTICED(&slab, partial->link[1], (uint16_t)0);
    EXPECT_NOTICED(&slab, partial->link[3], (uint16_t)1);
    EXPECT_NOTICED(&slab, partial->link[2], UINT16_MAX);
    EXPECT_NOTICED(&slab, partial->link[0], (uint16_t)3);
    EXPECT_NOTICED(&slab, full->link[0], (uint16_t)(UINT16_MAX - 1));

    for (size_t i = 0; i < 3 * (size_t)capacity; i++) {
        if (i != 2 * capacity && (i <= capacity || i > capacity + 3))
            mapproc_slab_free(&slab, objects[i]);
    }
    mapproc_slab_destroy(&slab);
    mapproc_slab_destroy(&other);
}

/* One empty extent more than may be kept, all the rest in perfect order. */
static void test_surplus_is_noticed(void **state)
{
    enum { EXTENTS = MAPPROC_SLAB_EMPTY_KEPT + 1 };
    struct mapproc_slab_extent *surplus, *first;
    void *objects[EXTENTS * 64], *last;
    struct mapproc_slab slab;
    uint16_t number;
    size_t count;

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, 4000, 8, NULL), MAPPROC_OK);
    count = EXTENTS * (size_t)slab.capacity;
    assert_true(count <= sizeof(objects) / sizeof(objects[0]));
    for (size_t i = 0; i < count; i++)
        objects[i] = mapproc_slab_alloc(&slab);
    for (size_t i = 0; i < count - 1; i++)
        mapproc_slab_free(&slab, objects[i]);
    last = objects[count - 1];
    surplus = extent_of(&slab, last);
    first = slab.lists[MAPPROC_SLAB_EMPTY];
    number = (uint16_t)(slab.capacity - 1);
    assert_int_equal(surplus->link[number], UINT16_MAX);
    assert_int_equal(slab.empty_extents, MAPPROC_SLAB_EMPTY_KEPT);

    /* What free would do, but for giving the extent back. */
    surplus->link[number] = surplus->first_free;
    surplus->first_free = number;
    surplus->used = 0;
    surplus->next = first;
    first->previous = surplus;
    slab.lists[MAPPROC_SLAB_PARTIAL] = NULL;
    slab.lists[MAPPROC_SLAB_EMPTY] = surplus;
    slab.empty_extents++;
    slab.used = 0;
    assert_false(mapproc_slab_check(&slab));

    surplus->first_free = surplus->link[number];
    surplus->link[number] = UINT16_MAX;
    surplus->used = 1;
    surplus->next = NULL;
    first->previous = NULL;
    slab.lists[MAPPROC_SLAB_PARTIAL] = surplus;
    slab.lists[MAPPROC_SLAB_EMPTY] = first;
    slab.empty_extents--;
    slab.used = 1;
    assert_true(mapproc_slab_check(&slab));
    mapproc_slab_free(&slab, last);
    mapproc_slab_destroy(&slab);
}

/* Misuse. In debug builds each case ends the process, so each runs in a child of its own. */
enum misuse {
    FREE_TWICE,
    FREE_TWICE_LATER,
    FREE_INSIDE,
    FREE_HEADER,
    FREE_FOREIGN,
    FREE_STALE,
    FREE_NEVER_HANDED_OUT,
    MISUSES,
};

struct misuse_set {
    struct mapproc_slab slab, other;
    unsigned char *objects[3];
    unsigned char *foreign;
    struct mapproc_slab_extent *stale; /* what an extent leaves behind when it is freed */
};

static void misuse_setup(struct misuse_set *set)
{
    assert_int_equal(mapproc_slab_init(&set->slab, 48, 16, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_slab_init(&set->other, 48, 16, NULL), MAPPROC_OK);
    for (size_t i = 0; i < 3; i++)
        set->objects[i] = mapproc_slab_alloc(&set->slab);
    set->foreign = mapproc_slab_alloc(&set->other);
    mapproc_slab_free(&set->slab, set->objects[0]);
    mapproc_slab_free(&set->slab, set->objects[1]);

    set->stale = aligned_alloc(set->slab.extent_size, set->slab.extent_size);
    assert_non_null(set->stale);
    memcpy(set->stale, extent_of(&set->slab, set->objects[2]), set->slab.first_offset);
    set->stale->magic = 0;

    /* What was never handed out may look in use: the C library does not clear old memory. */
    extent_of(&set->slab, set->objects[2])->link[3] = UINT16_MAX;
}

static void misuse(struct misuse_set *set, enum misuse kind)
{
    switch (kind) {
    case FREE_TWICE:
        mapproc_slab_free(&set->slab, set->objects[1]);
        break;
    case FREE_TWICE_LATER:
        mapproc_slab_free(&set->slab, set->objects[0]);
        break;
    case FREE_INSIDE:
        mapproc_slab_free(&set->slab, set->objects[2] + 16);
        break;
    case FREE_HEADER:
        mapproc_slab_free(&set->slab, extent_of(&set->slab, set->objects[2]) + 1);
        break;
    case FREE_FOREIGN:
        mapproc_slab_free(&set->slab, set->foreign);
        break;
    case FREE_STALE:
        mapproc_slab_free(&set->slab, (char *)set->stale + set->slab.first_offset + 2 * 48);
        break;
    case FREE_NEVER_HANDED_OUT:
        mapproc_slab_free(&set->slab, set->objects[2] + 48);
        break;
    default:
        fail();
    }
}

static void misuse_teardown(struct misuse_set *set)
{
    mapproc_slab_free(&set->slab, set->objects[2]);
    mapproc_slab_free(&set->other, set->foreign);
    free(set->stale);
    mapproc_slab_destroy(&set->slab);
    mapproc_slab_destroy(&set->other);
}

static void test_misuse_is_ignored(void **state)
{
    struct misuse_set set;

    (void)state;
    if (ASSERTS_ON)
        skip_because("this build asserts instead: see release builds");
    misuse_setup(&set);
    for (enum misuse kind = 0; kind < MISUSES; kind++) {
        struct mapproc_slab_stats before = stats_of(&set.slab);

        misuse(&set, kind);
        assert_stats_equal(before, stats_of(&set.slab));
        assert_true(mapproc_slab_check(&set.slab));
        assert_true(mapproc_slab_check(&set.other));
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

static void test_write_after_free_is_noticed(void **state)
{
    struct misuse_set set;
    pid_t child;

    (void)state;
    if (!ASSERTS_ON && !ADDRESS_SANITIZED)
        skip_because("this build has no assertions: see sanitizer builds");
    misuse_setup(&set);
    child = fork();
    if (child == 0) {
        prepare_to_die();
        set.objects[1][47] ^= 1;
        (void)mapproc_slab_alloc(&set.slab);
        _exit(0);
    }
    expect_death(child);
    misuse_teardown(&set);
}

/* In a release build an object that is still out when its slab goes stays readable. */
static void test_destroy_with_objects_out(void **state)
{
    struct mapproc_slab_extent *extent;
    struct mapproc_slab slab;
    unsigned char *object;

    (void)state;
    assert_int_equal(mapproc_slab_init(&slab, 32, 8, NULL), MAPPROC_OK);
    object = mapproc_slab_alloc(&slab);
    assert_non_null(object);
    memset(object, 7, 32);
    if (ASSERTS_ON) {
        pid_t child = fork();

        if (child == 0) {
            prepare_to_die();
            mapproc_slab_destroy(&slab);
            _exit(0);
        }
        expect_death(child);
        mapproc_slab_free(&slab, object);
        mapproc_slab_destroy(&slab);
    } else {
        extent = extent_of(&slab, object);
        mapproc_slab_destroy(&slab);
        assert_true(filled_with(object, 32, 7));
        free(extent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_surplus_is_noticed),
        cmocka_unit_test(test_misuse_is_ignored),
        cmocka_unit_test(test_misuse_is_asserted),
        cmocka_unit_test(test_write_after_free_is_noticed),
        cmocka_unit_test(test_destroy_with_objects_out),
    };

    return cmocka_run_group_tests_name("slab_damage", tests, NULL, NULL);
}
