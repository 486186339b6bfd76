/* SPDX-License-Identifier: MIT */
/* test_member_maker.c - members made in memory against zlib, in buffers that end at guard pages. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "deflate_samples.h"
#include "digest/crc_kernels.h"
#include "guarded_buffer.h"
#include "gunzip_member.h"
#include "jobs/deflate_run.h"
#include "jobs/member_maker.h"
#include "random.h"

enum { LARGEST = 256 << 10 };

static struct test_random rng;
static uint8_t data[LARGEST], inflated[LARGEST];

static void check_members(enum mapproc_member_form form, int level, const uint8_t *bytes,
                          size_t length)
{
    struct mapproc_member_rule rule = {.form = form, .verify = true};
    struct mapproc_member_tools tools = {.compressor = NULL};
    struct mapproc_members members;
    struct guarded_buffer from = {.end = NULL}, to = {.end = NULL};
    struct mapproc_error error;
    size_t at = 0, raw = 0, room;

    if (level > 0)
        rule.codec = mapproc_codec_for_level(level, &rule.codec_level);
    room = mapproc_members_scratch(&rule, length);
    assert_int_equal(guarded_buffer_init(&from, length), 0);
    assert_int_equal(guarded_buffer_init(&to, room), 0);
    memcpy(from.end - length, bytes, length);
    assert_int_equal(mapproc_members_make(&rule, &tools, from.end - length, length, to.end - room,
                                          &members, &error),
                     MAPPROC_OK);
    assert_true(members.size <= room);
    while (at < members.size) {
        size_t made;

        at += gunzip_member(members.bytes + at, members.size - at, inflated, LARGEST, &made);
        assert_memory_equal(inflated, bytes + raw, made);
        raw += made;
    }
    assert_int_equal(raw, length);
    mapproc_member_tools_free(&rule, &tools);
    guarded_buffer_destroy(&from);
    guarded_buffer_destroy(&to);
}

static void test_members_at_guard_pages(void **state)
{
    static const size_t sizes[] = {1, 2, 17, 64, 1000, 65279, 65280, 65281, 65535, 65536, 131070};
    static const enum sample_kind kinds[] = {SAMPLE_RANDOM, SAMPLE_MIXED, SAMPLE_ZEROS};

    (void)state;
    mapproc_crc_kernels_prepare();
    for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t length = sizes[i / 3];

        sample_fill(&rng, kinds[i % 3], data, length);
        for (int level = 0; level <= 9; level += 1 + (int)test_random_below(&rng, 3)) {
            check_members(MAPPROC_FORM_GZIP, level, data, length);
            check_members(MAPPROC_FORM_BGZF, level, data, length);
        }
    }
}

/* What a chunk of the default size needs must fit into a block of 4 MiB, or memory doubles. */
static void test_scratch_of_default_chunks(void **state)
{
    static const size_t sizes[] = {MAPPROC_DEFLATE_CHUNK_SIZE, MAPPROC_DEFLATE_CHUNK_SIZE_BGZF};

    (void)state;
    for (int form = 0; form < 2; form++) {
        const struct mapproc_member_rule rule = {.form = (enum mapproc_member_form)form,
                                                 .verify = true};

        assert_true(mapproc_members_scratch(&rule, sizes[form]) +
                        mapproc_deflate_digest()->partial_size(sizes[form]) + 1024 <=
                    4 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_at_guard_pages),
        cmocka_unit_test(test_scratch_of_default_chunks),
    };

    test_random_seed(&rng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
