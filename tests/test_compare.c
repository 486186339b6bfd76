/* SPDX-License-Identifier: MIT */
/* test_compare.c - comparing two files, against a comparison byte by byte. */
#include "cmocka_all.h"

#include <pthread.h>
#include <sys/stat.h>

#include "guarded_buffer.h"
#include "jobs/compare.h"
#include "jobs/differences.h"
#include "random.h"
#include "scratch_file.h"

enum { LARGEST = 3 << 20 };

static struct test_random rng;
static struct scratch_directory scratch;
static char path_a[SCRATCH_PATH_MAX], path_b[SCRATCH_PATH_MAX];
static uint8_t *bytes_a, *bytes_b;

/* ---- the oracle: one byte after the other ---- */

/* The ranges in which `length` bytes differ, found in the plainest way. */
static void find_ranges(struct mapproc_range_list *list, uint64_t offset, const uint8_t *a,
                        const uint8_t *b, size_t length)
{
    size_t begin = 0;

    for (size_t at = 0; at < length; at++) {
        bool differs = a[at] != b[at];

        if (differs && (at == 0 || a[at - 1] == b[at - 1]))
            begin = at;
        if (differs && (at + 1 == length || a[at + 1] == b[at + 1]))
            assert_int_equal(mapproc_range_list_add(list, offset + begin, at + 1 - begin, NULL),
                             MAPPROC_OK);
    }
}

static void assert_lists_equal(const struct mapproc_range_list *found,
                               const struct mapproc_range_list *expected)
{
    assert_true(found->count == expected->count);
    assert_true(found->bytes == expected->bytes);
    assert_int_equal(found->kept, expected->kept);
    if (expected->kept > 0)
        assert_memory_equal(found->ranges, expected->ranges,
                            expected->kept * sizeof(*expected->ranges));
}

/* ---- blocks ---- */

static void differences_are_exact(void **state)
{
    enum { MOST = 10000, SPAN = 20000 };
    static struct mapproc_range room[MOST];
    static struct guarded_buffer a, b;

    (void)state;
    assert_int_equal(guarded_buffer_init(&a, SPAN), 0);
    assert_int_equal(guarded_buffer_init(&b, SPAN), 0);
    for (unsigned round = 0; round < 2000; round++) {
        size_t length = test_random_below(&rng, SPAN) >> (round % 12);
        size_t flips = test_random_below(&rng, length + 1) >> (round % 7 * 2);
        struct mapproc_range_list found, expected;
        uint8_t *x = a.end - length, *y = b.end - length;

        for (size_t i = 0; i < length; i++)
            x[i] = y[i] = (uint8_t)test_random_next(&rng);
        for (size_t i = 0; i < flips; i++)
            y[test_random_below(&rng, length)] ^= (uint8_t)(1 << test_random_below(&rng, 8));
        mapproc_range_list_init_in(&found, room, MOST);
        mapproc_range_list_init(&expected, MOST);
        find_ranges(&expected, 1000, x, y, length);
        mapproc_differences_add(&found, 1000, x, y, length);
        assert_lists_equal(&found, &expected);
        mapproc_range_list_free(&expected);
    }
    guarded_buffer_destroy(&a);
    guarded_buffer_destroy(&b);
}

/* Lists of parts, put together, are the list of the whole, joined where parts meet. */
static void lists_of_parts_make_one(void **state)
{
    enum { PARTS = 20, PART = 64 };
    static struct mapproc_range room[PART];

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        size_t most = test_random_below(&rng, 40);
        uint64_t sparse = 1 + test_random_below(&rng, 6);
        struct mapproc_range_list whole, expected;

        for (size_t i = 0; i < PARTS * PART; i++)
            bytes_b[i] = test_random_below(&rng, sparse) == 0;
        memset(bytes_a, 0, PARTS * PART);
        mapproc_range_list_init(&whole, most);
        mapproc_range_list_init(&expected, most);
        find_ranges(&expected, 0, bytes_a, bytes_b, PARTS * PART);
        for (size_t i = 0; i < PARTS; i++) {
            struct mapproc_range_list part;

            mapproc_range_list_init_in(&part, room, most > 0 ? most : 1);
            mapproc_differences_add(&part, i * PART, bytes_a + i * PART, bytes_b + i * PART, PART);
            assert_int_equal(mapproc_range_list_append(&whole, &part, NULL), MAPPROC_OK);
        }
        assert_lists_equal(&whole, &expected);
        mapproc_range_list_free(&whole);
        mapproc_range_list_free(&expected);
    }
}

/* Parts that keep less than the list: it has the first ranges without a gap, and counts them all.
 */
static void ranges_that_parts_do_not_keep_are_counted(void **state)
{
    enum { PARTS = 6, PART = 64 };
    static struct mapproc_range room[PART];

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        struct mapproc_range_list whole, expected;

        for (size_t i = 0; i < PARTS * PART; i++)
            bytes_b[i] = test_random_below(&rng, 5) == 0;
        memset(bytes_a, 0, PARTS * PART);
        mapproc_range_list_init(&whole, PARTS * PART);
        mapproc_range_list_init(&expected, PARTS * PART);
        find_ranges(&expected, 0, bytes_a, bytes_b, PARTS * PART);
        for (size_t i = 0; i < PARTS; i++) {
            struct mapproc_range_list part;

            mapproc_range_list_init_in(&part, room, 1 + test_random_below(&rng, 10));
            mapproc_differences_add(&part, i * PART, bytes_a + i * PART, bytes_b + i * PART, PART);
            assert_int_equal(mapproc_range_list_append(&whole, &part, NULL), MAPPROC_OK);
        }
        assert_true(whole.count == expected.count && whole.bytes == expected.bytes);
        assert_true(whole.kept > 0 && whole.kept <= expected.kept);
        assert_memory_equal(whole.ranges, expected.ranges, whole.kept * sizeof(*whole.ranges));
        mapproc_range_list_free(&whole);
        mapproc_range_list_free(&expected);
    }
}

/* ---- files ---- */

static void compare_with(const struct mapproc_options *options, size_t size_a, size_t size_b)
{
    size_t common = size_a < size_b ? size_a : size_b;
    struct mapproc_range_list expected;
    struct mapproc_comparison comparison;
    struct mapproc_error error = {.code = MAPPROC_OK};

    mapproc_range_list_init(&expected, MAPPROC_COMPARE_RANGES_MAX);
    find_ranges(&expected, 0, bytes_a, bytes_b, common);
    if (mapproc_compare_run(path_a, path_b, options, &comparison, &error) != MAPPROC_OK)
        fail_msg("%s: %s", error.path, error.what);
    assert_lists_equal(&comparison.differing, &expected);
    assert_true(comparison.sizes[0].known && comparison.sizes[0].bytes == size_a);
    assert_true(comparison.sizes[1].known && comparison.sizes[1].bytes == size_b);
    assert_true(comparison.common == common);
    assert_int_equal(comparison.same, size_a == size_b && expected.count == 0);
    mapproc_comparison_free(&comparison);
    mapproc_range_list_free(&expected);
}

static void compare_in_all_ways(size_t size_a, size_t size_b)
{
    static const unsigned threads[] = {1, 2, 3, 7};
    static const size_t chunk_sizes[] = {1024, 1500, 65536, 1 << 20};

    assert_true(scratch_write(path_a, bytes_a, size_a));
    assert_true(scratch_write(path_b, bytes_b, size_b));
    for (size_t c = 0; c < sizeof(chunk_sizes) / sizeof(chunk_sizes[0]); c++) {
        for (int io = MAPPROC_IO_AUTO; io <= MAPPROC_IO_READ; io++) {
            const struct mapproc_options options = {
                .threads = threads[test_random_below(&rng, 4)],
                .chunk_size = chunk_sizes[c],
                .io = (enum mapproc_io)io,
            };

            compare_with(&options, size_a, size_b);
        }
    }
}

static void make_equal_bytes(void)
{
    for (size_t i = 0; i < LARGEST; i++)
        bytes_a[i] = (uint8_t)test_random_next(&rng);
    memcpy(bytes_b, bytes_a, LARGEST);
}

static void small_files_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 1023, 1024, 1025, 1500, 4096, 65536, 65537};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

    (void)state;
    make_equal_bytes();
    for (size_t i = 0; i < SIZES; i++) {
        size_t other = sizes[test_random_below(&rng, SIZES)];

        compare_in_all_ways(sizes[i], sizes[i]);
        compare_in_all_ways(sizes[i], other);
        if (sizes[i] > 0)
            bytes_b[test_random_below(&rng, sizes[i])] ^= 0x10;
        compare_in_all_ways(sizes[i], other);
        memcpy(bytes_b, bytes_a, LARGEST);
    }
}

/* Makes a range differ in every byte. */
static void damage(uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length && offset + i < LARGEST; i++)
        bytes_b[offset + i] = (uint8_t)(bytes_a[offset + i] ^ (1 + test_random_below(&rng, 255)));
}

static void damage_at_borders_is_found(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        size_t size_a = LARGEST - test_random_below(&rng, 70000);
        size_t size_b = round % 2 == 0 ? size_a : LARGEST - test_random_below(&rng, 2000000);

        make_equal_bytes();
        for (unsigned i = 0; i < 12; i++) {
            uint64_t border = (uint64_t[]){1024, 1500, 65536, 192 << 10, 1 << 20}[i % 5];
            uint64_t at = border * (1 + test_random_below(&rng, LARGEST / border));
            uint64_t before = test_random_below(&rng, 4);

            damage(at - before, test_random_below(&rng, 6));
        }
        if (round % 3 == 0) /* one range over many chunks */
            damage(test_random_below(&rng, LARGEST / 2), 1200000);
        damage(size_a - 1, 1);
        compare_in_all_ways(size_a, size_b);
    }
}

static void more_ranges_than_are_kept_are_counted(void **state)
{
    (void)state;
    make_equal_bytes();
    for (size_t i = 0; i < LARGEST; i += 30)
        bytes_b[i] ^= 1;
    compare_in_all_ways(LARGEST, LARGEST); /* 104,858 ranges */
    for (size_t i = 0; i < LARGEST; i += 2)
        bytes_b[i] = (uint8_t)~bytes_a[i];
    compare_in_all_ways(LARGEST, LARGEST - 1); /* as many as there can be */
}

/* Files with holes, in the same places and not. */
static void holes_are_zeros(void **state)
{
    enum { BLOCK = 64 << 10, BLOCKS = LARGEST / BLOCK };

    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        int fds[2] = {open(path_a, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                      open(path_b, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        uint8_t *bytes[2] = {bytes_a, bytes_b};

        make_equal_bytes();
        for (size_t i = 0; i < 2; i++) {
            assert_true(fds[i] >= 0);
            assert_int_equal(ftruncate(fds[i], LARGEST), 0);
        }
        for (size_t block = 0; block < BLOCKS; block++) {
            uint64_t kind = test_random_below(&rng, 6);

            for (size_t i = 0; i < 2; i++) {
                uint8_t *start = bytes[i] + block * BLOCK;

                /* 0 and 1: a hole in both; 2 and 3: in one, zeros or not in the other */
                if (kind < 2 || kind == 2 + i || (kind == 3 - i && block % 2 == 0))
                    memset(start, 0, BLOCK);
                if (kind < 2 || kind == 2 + i)
                    continue;
                if (kind == 5 && i == 1)
                    start[test_random_below(&rng, BLOCK)] ^= 4;
                assert_int_equal(pwrite(fds[i], start, BLOCK, (off_t)(block * BLOCK)), BLOCK);
            }
        }
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(close(fds[i]), 0);
        for (unsigned threads = 1; threads <= 3; threads++) {
            const struct mapproc_options options = {.threads = threads, .chunk_size = 64 << 10};
            const struct mapproc_options wide = {.threads = threads, .chunk_size = 200 << 10};

            compare_with(&options, LARGEST, LARGEST);
            compare_with(&wide, LARGEST, LARGEST);
        }
    }
}

/* ---- what cannot be compared ---- */

static void expect_failure(const char *a, const char *b, int code, const char *path)
{
    struct mapproc_comparison comparison;
    struct mapproc_error error = {.code = MAPPROC_OK};

    assert_int_equal(mapproc_compare_run(a, b, NULL, &comparison, &error), code);
    assert_int_equal(error.code, code);
    assert_ptr_equal(error.path, path);
    assert_int_equal(mapproc_compare_run(a, b, NULL, &comparison, NULL), code);
}

static void failures_name_their_file(void **state)
{
    static const char missing[] = "/nonexistent/file", zero[] = "/dev/zero",
                      other_zero[] = "/dev/zero";

    (void)state;
    assert_true(scratch_write(path_a, bytes_a, 1000));
    expect_failure(path_a, missing, MAPPROC_BAD_DATA, missing);
    expect_failure(missing, path_a, MAPPROC_BAD_DATA, missing);
    expect_failure(path_a, scratch.path, MAPPROC_FAILED, scratch.path);
    expect_failure(missing, scratch.path, MAPPROC_FAILED, scratch.path); /* the worse of the two */
    expect_failure(scratch.path, missing, MAPPROC_FAILED, scratch.path);
    expect_failure(zero, other_zero, MAPPROC_REFUSED, other_zero);
}

static void options_are_checked(void **state)
{
    const struct mapproc_options options = {.chunk_size = 5};
    struct mapproc_comparison comparison;
    struct mapproc_error error;

    (void)state;
    assert_true(scratch_write(path_a, bytes_a, 1000));
    assert_true(scratch_write(path_b, bytes_a, 1000));
    assert_int_equal(mapproc_compare_run(path_a, path_b, &options, &comparison, &error),
                     MAPPROC_REFUSED);
}

static void a_cancelled_comparison_ends(void **state)
{
    struct mapproc_cancel *cancel = mapproc_cancel_create();
    const struct mapproc_options options = {.cancel = cancel};
    struct mapproc_comparison comparison;
    struct mapproc_error error;

    (void)state;
    assert_non_null(cancel);
    assert_true(scratch_write(path_a, bytes_a, LARGEST));
    assert_true(scratch_write(path_b, bytes_a, LARGEST));
    mapproc_cancel_request(cancel);
    assert_int_equal(mapproc_compare_run(path_a, path_b, &options, &comparison, &error),
                     MAPPROC_CANCELLED);
    mapproc_cancel_free(cancel);
}

/* A stream that does not end is read no further than the file goes. */
static void an_endless_stream_ends_with_the_file(void **state)
{
    struct mapproc_comparison comparison;

    (void)state;
    memset(bytes_a, 0, LARGEST);
    bytes_a[LARGEST - 2] = 1;
    assert_true(scratch_write(path_a, bytes_a, LARGEST));
    for (size_t i = 0; i < 2; i++) {
        const char *paths[2] = {"/dev/zero", path_a};

        assert_int_equal(mapproc_compare_run(paths[i], paths[1 - i], NULL, &comparison, NULL),
                         MAPPROC_OK);
        assert_false(comparison.same);
        assert_false(comparison.sizes[i].known);
        assert_true(comparison.sizes[1 - i].known && comparison.sizes[1 - i].bytes == LARGEST);
        assert_int_equal(comparison.differing.count, 1);
        assert_int_equal(comparison.differing.ranges[0].offset, LARGEST - 2);
        assert_int_equal(comparison.differing.ranges[0].length, 1);
        mapproc_comparison_free(&comparison);
    }
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    bytes_a = malloc(LARGEST);
    bytes_b = malloc(LARGEST);
    if (bytes_a == NULL || bytes_b == NULL || !scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "a", path_a);
    (void)scratch_path(&scratch, "b", path_b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path_a);
    (void)unlink(path_b);
    free(bytes_a);
    free(bytes_b);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_exact),
        cmocka_unit_test(lists_of_parts_make_one),
        cmocka_unit_test(ranges_that_parts_do_not_keep_are_counted),
        cmocka_unit_test(small_files_of_all_sizes),
        cmocka_unit_test(damage_at_borders_is_found),
        cmocka_unit_test(more_ranges_than_are_kept_are_counted),
        cmocka_unit_test(holes_are_zeros),
        cmocka_unit_test(failures_name_their_file),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(a_cancelled_comparison_ends),
        cmocka_unit_test(an_endless_stream_ends_with_the_file),
    };

    return cmocka_run_group_tests_name("compare", tests, set_up, tear_down);
}
