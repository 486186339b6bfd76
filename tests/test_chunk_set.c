/* SPDX-License-Identifier: MIT */
/* test_chunk_set.c - the set of digests against a plain list, and within its memory. */
#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/chunk_run.h"
#include "jobs/chunk_set.h"
#include "jobs/chunk_stats.h"
#include "random.h"

enum { ROUNDS = 20, DIGESTS = 3000, VALUES = 60, ROOMY = 16 << 20, TIGHT = 100 << 10 };

static struct test_random rng;

/* Few values for each half, so that digests differ in one half only. */
static void make_digest(uint8_t *digest)
{
    uint64_t halves[2] = {test_random_below(&rng, VALUES), test_random_below(&rng, VALUES)};

    memcpy(digest, halves, MAPPROC_CHUNK_DIGEST_SIZE);
}

static void set_is_what_a_list_is(void **state)
{
    static uint8_t list[DIGESTS][MAPPROC_CHUNK_DIGEST_SIZE];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct mapproc_chunk_set set;
        size_t count = 0;
        uint64_t number;

        mapproc_chunk_set_init(&set, ROOMY);
        for (size_t i = 0; i < DIGESTS; i++) {
            uint8_t digest[MAPPROC_CHUNK_DIGEST_SIZE];
            size_t at = 0;

            make_digest(digest);
            while (at < count && memcmp(list[at], digest, sizeof(digest)) != 0)
                at++;
            assert_int_equal(mapproc_chunk_set_find(&set, digest, &number), at < count);
            if (at < count)
                assert_int_equal(number, at);
            assert_int_equal(mapproc_chunk_set_add(&set, digest, at),
                             at < count ? MAPPROC_CHUNK_FOUND : MAPPROC_CHUNK_ADDED);
            if (at == count)
                memcpy(list[count++], digest, sizeof(digest));
            assert_int_equal(set.count, count);
        }
        mapproc_chunk_set_free(&set);
    }
}

static void memory_is_a_bound(void **state)
{
    struct mapproc_chunk_stats stats;
    struct mapproc_chunk_record record = {.length = 10};
    uint64_t room = mapproc_chunk_set_room(TIGHT);

    (void)state;
    assert_in_range(room, 768, TIGHT / 24);
    mapproc_chunk_stats_init(&stats, TIGHT);
    for (uint64_t i = 0; i < 3 * room; i++) {
        memcpy(record.digest, &i, sizeof(i));
        mapproc_chunk_stats_add(&stats, &record);
    }
    assert_int_equal(stats.set.count, room);
    assert_int_equal(stats.forgotten, 2 * room);
    assert_int_equal(stats.repeated, 0);
    for (uint64_t i = 0; i < 3 * room; i++) { /* those that are there are still found */
        memcpy(record.digest, &i, sizeof(i));
        mapproc_chunk_stats_add(&stats, &record);
    }
    assert_int_equal(stats.repeated, room);
    assert_int_equal(stats.repeated_bytes, 10 * room);
    assert_int_equal(stats.forgotten, 4 * room);
    assert_int_equal(stats.chunks, 6 * room);
    mapproc_chunk_stats_free(&stats);
}

static void sizes_are_counted(void **state)
{
    static const uint64_t lengths[] = {1, 2, 3, 4, UINT64_C(1) << 30};
    struct mapproc_chunk_stats stats;

    (void)state;
    mapproc_chunk_stats_init(&stats, ROOMY);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const struct mapproc_chunk_record record = {.length = lengths[i], .digest = {(uint8_t)i}};

        mapproc_chunk_stats_add(&stats, &record);
    }
    assert_int_equal(stats.least, 1);
    assert_int_equal(stats.most, 1 << 30);
    assert_int_equal(stats.classes[0].chunks, 1);
    assert_int_equal(stats.classes[1].chunks, 2);
    assert_int_equal(stats.classes[1].bytes, 5);
    assert_int_equal(stats.classes[2].chunks, 1);
    assert_int_equal(stats.classes[30].bytes, 1 << 30);
    mapproc_chunk_stats_free(&stats);
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
        cmocka_unit_test(set_is_what_a_list_is),
        cmocka_unit_test(memory_is_a_bound),
        cmocka_unit_test(sizes_are_counted),
    };

    return cmocka_run_group_tests_name("chunk_set", tests, set_up, NULL);
}
