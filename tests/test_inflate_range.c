/* SPDX-License-Identifier: MIT */
/* test_inflate_range.c - inflating some of a file: what is good of it, what is wanted of it. */
#include "inflate_fixture.h"

static const struct mapproc_inflate_order going = {.length = UINT64_MAX, .keep_going = true};

/* ---- keep going ---- */

/* What has to come out of a file with these members bad. */
static void expect_holes(const struct made_file *file, const bool *bad, size_t skipped_ways)
{
    for (size_t i = 0; i < WAYS - skipped_ways; i++) {
        struct result result = inflate_bytes(file->bytes, file->size, &ways[i], &going);
        size_t faults = 0;

        assert_int_equal(result.code, MAPPROC_BAD_DATA);
        assert_true(result.finished);
        if (result.size != SIZE)
            fail_msg("way %zu: %zu bytes, %zu bad: %s", i, result.size, result.fault_count,
                     result.what);
        for (size_t n = 0; n < SIZE / EACH; n++) {
            static const uint8_t zeros[EACH];

            assert_memory_equal(result.out + n * EACH, bad[n] ? zeros : data + n * EACH, EACH);
            if (!bad[n])
                continue;
            assert_true(faults < result.fault_count);
            assert_int_equal(result.faults[faults].number, n + 1);
            assert_int_equal(result.faults[faults].offset, file->begins[n]);
            assert_int_equal(result.faults[faults].length, file->begins[n + 1] - file->begins[n]);
            assert_int_equal(result.faults[faults].raw_offset, n * EACH);
            assert_int_equal(result.faults[faults].raw_length, EACH);
            faults++;
        }
        assert_int_equal(result.fault_count, faults);
        free(result.out);
    }
}

static void bad_members_become_holes(void **state)
{
    (void)state;
    for (enum form form = FORM_OURS; form < FORMS; form++) {
        for (unsigned which = 1; which < 16; which++) {
            struct made_file file = made_file(form, data, SIZE, EACH, 6);
            bool bad[SIZE / EACH];

            for (size_t n = 0; n < SIZE / EACH; n++) {
                bad[n] = (which >> n & 1) != 0;
                if (bad[n])
                    file.bytes[file.begins[n] + 20 + test_random_below(&rng, 8) * 100] ^= 0x10;
            }
            expect_holes(&file, bad, 0);
            made_free(&file);
        }
    }
}

/* Members that are not held in memory at once: one good, one bad, one small and good. */
static void large_bad_members_become_holes(void **state)
{
    enum { LARGE = 17 << 20, SMALL = 3 << 20 };
    uint8_t *large = calloc(1, LARGE);

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < LARGE; i += 1 + test_random_below(&rng, 3000))
        large[i] = (uint8_t)(1 + test_random_below(&rng, 255));
    for (enum form form = FORM_OURS; form < FORM_BGZF; form++) {
        struct made_file file = {0};
        struct result result;

        made_member(&file, form, large, LARGE, 1);
        made_member(&file, form, large, LARGE, 1);
        made_member(&file, form, large, SMALL, 1);
        made_mark(&file, form);
        file.bytes[file.begins[2] - 8] ^= 1;
        result = inflate_bytes(file.bytes, file.size, &ways[1], &going);
        assert_int_equal(result.code, MAPPROC_BAD_DATA);
        assert_int_equal(result.fault_count, 1);
        assert_int_equal(result.faults[0].number, 2);
        assert_int_equal(result.holes, LARGE);
        assert_int_equal(result.size, 2 * LARGE + SMALL);
        assert_memory_equal(result.out, large, LARGE);
        assert_memory_equal(result.out + 2 * LARGE, large, SMALL);
        free(result.out);
        made_free(&file);
    }
    free(large);
}

/* A header that is destroyed, so that nobody knows where the next one is. */
static void lost_headers_are_passed_over(void **state)
{
    (void)state;
    for (enum form form = FORM_OURS; form < FORMS; form++) {
        for (size_t n = 0; n < SIZE / EACH; n++) {
            struct made_file file = made_file(form, data, SIZE, EACH, 6);
            bool bad[SIZE / EACH] = {false};

            if ((n == 0 || n == SIZE / EACH - 1) && !form_has_mark(form)) {
                made_free(&file);
                continue; /* nobody knows what to look for; it may as well be garbage */
            }
            bad[n] = true;
            memset(file.bytes + file.begins[n] + (n == 0 ? 3 : 0), n % 2 == 0 ? 0xaa : 0,
                   n == 0 ? 1 : 20);
            if (n == 0)
                file.bytes[3] = 5;
            expect_holes(&file, bad, 2); /* streams cannot look for anything */
            made_free(&file);
        }
    }
}

/* Beyond the end of the file, beyond the next member, and before it. */
static void lost_sizes_are_passed_over(void **state)
{
    static const int lies[] = {20000, 500, -300};

    (void)state;
    for (enum form form = FORM_OURS; form < FORM_BGZF; form++) {
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
            struct made_file file = made_file(form, data, SIZE, EACH, 6);
            const bool bad[SIZE / EACH] = {[1] = true};
            size_t size = file.begins[2] - file.begins[1];

            made_set(file.bytes + file.begins[1] + 16, (uint64_t)((int64_t)size + lies[i]), 4);
            expect_holes(&file, bad, 2);
            made_free(&file);
        }
    }
}

/* ---- limits and ranges ---- */

static void a_bomb_is_stopped(void **state)
{
    struct mapproc_inflate_order order = {.length = UINT64_MAX};

    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        struct made_file file = made_file(form, data, SIZE, EACH, 6);

        for (size_t i = 0; i < WAYS; i++) {
            struct result result;

            order.max_output = SIZE - 1;
            result = inflate_bytes(file.bytes, file.size, &ways[i], &order);
            assert_int_equal(result.code, MAPPROC_REFUSED);
            assert_false(result.finished);
            assert_true(result.size < SIZE);
            free(result.out);
            order.max_output = SIZE;
            result = inflate_bytes(file.bytes, file.size, &ways[i], &order);
            assert_int_equal(result.code, MAPPROC_OK);
            free(result.out);
        }
        made_free(&file);
    }
}

/* Writes the index of a file of equal members. */
static void write_index(const struct made_file *file)
{
    struct made_file index = {0};
    size_t entries = SIZE / EACH - 1;

    made_put_number(&index, entries, 8);
    for (size_t i = 1; i <= entries; i++) {
        made_put_number(&index, file->begins[i], 8);
        made_put_number(&index, i * EACH, 8);
    }
    assert_true(scratch_write(index_path, index.bytes, index.size));
    made_free(&index);
}

static void expect_range(const struct made_file *file, const struct way *way,
                         const struct mapproc_inflate_order *order)
{
    struct result result = inflate_bytes(file->bytes, file->size, way, order);
    size_t begin = order->from_end ? SIZE - order->offset : order->offset, length = 0;

    if (result.code != MAPPROC_OK)
        fail_msg("%s", result.what);
    if (begin < SIZE)
        length = SIZE - begin < order->length ? SIZE - begin : order->length;
    assert_int_equal(result.size, length);
    assert_true(length == 0 || memcmp(result.out, data + begin, length) == 0);
    free(result.out);
}

static void ranges_are_right(void **state)
{
    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        struct made_file file = made_file(form, data, SIZE, EACH, 6);

        write_index(&file);
        for (int round = 0; round < 120; round++) {
            const struct way *way = &ways[test_random_below(&rng, WAYS)];
            struct mapproc_inflate_order order = {
                .offset = test_random_below(&rng, SIZE + 100),
                .length = 1 + test_random_below(&rng, round % 3 == 0 ? SIZE : 100),
                .takes_plain = round % 2 == 0,
                .index_path = round % 5 < 3 ? index_path : NULL,
            };

            if (form != FORM_PLAIN && !way->pipe && order.offset <= SIZE)
                order.from_end = round % 4 == 0;
            if (order.offset == 0)
                order.from_end = false;
            expect_range(&file, way, &order);
        }
        made_free(&file);
    }
}

/* The index of another file is of no use, and does no harm. */
static void a_foreign_index_is_not_used(void **state)
{
    struct made_file other = made_file(FORM_OURS, data + 3, SIZE - 3, EACH, 1);
    struct made_file file = made_file(FORM_OURS, data, SIZE, EACH, 6);
    const struct mapproc_inflate_order order = {
        .offset = 2 * EACH + 5, .length = EACH, .index_path = index_path};

    (void)state;
    write_index(&other);
    for (size_t i = 0; i < WAYS; i++)
        expect_range(&file, &ways[i], &order);
    assert_true(scratch_write(index_path, "garbage", 7));
    expect_range(&file, &ways[0], &order);
    made_free(&file);
    made_free(&other);
}

static void plain_files_are_given_as_they_are(void **state)
{
    struct made_file file = {0};

    (void)state;
    made_put(&file, data, SIZE);
    for (int round = 0; round < 100; round++) {
        struct mapproc_inflate_order order = {
            .offset = test_random_below(&rng, SIZE + 100),
            .length = test_random_below(&rng, SIZE),
            .takes_plain = true,
        };

        expect_range(&file, &ways[test_random_below(&rng, WAYS)], &order);
    }
    made_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_members_become_holes),
        cmocka_unit_test(large_bad_members_become_holes),
        cmocka_unit_test(lost_headers_are_passed_over),
        cmocka_unit_test(lost_sizes_are_passed_over),
        cmocka_unit_test(a_bomb_is_stopped),
        cmocka_unit_test(ranges_are_right),
        cmocka_unit_test(a_foreign_index_is_not_used),
        cmocka_unit_test(plain_files_are_given_as_they_are),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
