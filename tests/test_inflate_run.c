/* SPDX-License-Identifier: MIT */
/* test_inflate_run.c - inflating files of all forms, good and bad, from everywhere at once. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gzip_members.h"
#include "jobs/inflate_run.h"
#include "random.h"
#include "scratch_file.h"

enum {
    SIZE = 24000, /* bytes of data: compressed it fits into a pipe */
    EACH = 6000,  /* of a member */
    FAULTS = 8,
    FLIPS = 500,
};

static struct test_random rng;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX], index_path[SCRATCH_PATH_MAX];
static uint8_t data[SIZE];

/* ---- a run ---- */

/* How to get at the file. */
struct way {
    unsigned threads;
    enum mapproc_io io;
    bool pipe;
};

static const struct way ways[] = {
    {.threads = 1, .io = MAPPROC_IO_READ},
    {.threads = 2, .io = MAPPROC_IO_MMAP},
    {.threads = 7, .io = MAPPROC_IO_READ},
    {.threads = 1, .pipe = true},
    {.threads = 3, .pipe = true},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* One order, and what came of it. */
struct result {
    struct mapproc_inflate_order order;
    bool ordered;
    uint8_t *out; /* `size` bytes */
    size_t size;
    size_t room;
    size_t holes; /* bytes of them */
    int code;
    char what[192];
    uint64_t members;
    size_t fault_count;
    struct mapproc_inflate_fault faults[FAULTS];
    bool finished;
};

static int next_order(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error)
{
    struct result *result = user;

    (void)error;
    if (result->ordered)
        return 0;
    result->ordered = true;
    *order = result->order;
    return 1;
}

static int take_data(void *user, const struct mapproc_inflate_order *order, const uint8_t *bytes,
                     uint64_t length, struct mapproc_error *error)
{
    struct result *result = user;

    (void)order;
    (void)error;
    assert_true(length > 0);
    assert_true(length < 64 << 20);
    if (result->size + length > result->room) {
        result->room = 2 * (result->size + length);
        result->out = realloc(result->out, result->room);
        assert_non_null(result->out);
    }
    if (bytes != NULL)
        memcpy(result->out + result->size, bytes, length);
    else
        memset(result->out + result->size, 0, length);
    result->holes += bytes == NULL ? length : 0;
    result->size += length;
    return MAPPROC_OK;
}

static int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct result *result = user;

    result->code = outcome->error != NULL ? outcome->error->code : MAPPROC_OK;
    if (outcome->error != NULL)
        memcpy(result->what, outcome->error->what, sizeof(result->what));
    result->members = outcome->members;
    result->fault_count = outcome->fault_count;
    for (size_t i = 0; i < outcome->fault_count && i < FAULTS; i++)
        result->faults[i] = outcome->faults[i];
    result->finished = outcome->finished;
    return MAPPROC_OK;
}

/* Inflates these bytes, as `order` says but for its path. The result is to be freed. */
static struct result inflate_bytes(const uint8_t *bytes, size_t size, const struct way *way,
                                   const struct mapproc_inflate_order *order)
{
    struct result result = {.order = *order};
    const struct mapproc_inflate_client client = {
        .user = &result, .next = next_order, .write = take_data, .report = report};
    const struct mapproc_options options = {.threads = way->threads, .io = way->io};
    struct mapproc_error error = {0};
    char pipe_path[64];
    int ends[2];

    result.order.path = path;
    if (way->pipe) {
        assert_int_equal(pipe(ends), 0);
        assert_true(size <= 65536);
        assert_int_equal(write(ends[1], bytes, size), size);
        (void)close(ends[1]);
        (void)snprintf(pipe_path, sizeof(pipe_path), "/dev/fd/%d", ends[0]);
        result.order.path = pipe_path;
    } else {
        assert_true(scratch_write(path, bytes, size));
    }
    assert_int_equal(mapproc_inflate_run(&client, &options, &error), MAPPROC_OK);
    if (way->pipe)
        (void)close(ends[0]);
    return result;
}

static const struct mapproc_inflate_order whole = {.length = UINT64_MAX};
static const struct mapproc_inflate_order going = {.length = UINT64_MAX, .keep_going = true};

/* The bytes are good, whichever way: they are `count` members with these data. */
static void expect_good(const uint8_t *bytes, size_t size, const uint8_t *expected,
                        size_t expected_size)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct result result;

        if (ways[i].pipe && size > 65536)
            continue;
        result = inflate_bytes(bytes, size, &ways[i], &whole);
        if (result.code != MAPPROC_OK)
            fail_msg("way %zu: %s", i, result.what);
        assert_true(result.finished);
        assert_int_equal(result.size, expected_size);
        assert_true(expected_size == 0 || memcmp(result.out, expected, expected_size) == 0);
        free(result.out);
    }
}

/* The bytes are bad, whichever way, with the same words, of which `what` (or NULL) is a part. Where
 * it is NULL, there are many of them: the first way and some other one are tried. */
static void expect_bad(const uint8_t *bytes, size_t size, const char *what)
{
    char first[sizeof(((struct result *)NULL)->what)] = "";
    size_t other = 1 + test_random_below(&rng, WAYS - 1);

    for (size_t i = 0; i < WAYS; i++) {
        struct result result;

        if (what == NULL && i != 0 && i != other)
            continue;
        result = inflate_bytes(bytes, size, &ways[i], &whole);

        if (result.code != MAPPROC_BAD_DATA)
            fail_msg("way %zu: %d instead of bad data: %s", i, result.code, result.what);
        assert_false(result.finished);
        if (i == 0)
            memcpy(first, result.what, sizeof(first));
        assert_string_equal(result.what, first);
        assert_true(result.size <= SIZE);
        assert_true(result.size == 0 || memcmp(result.out, data, result.size) == 0);
        free(result.out);
    }
    if (what != NULL && strstr(first, what) == NULL)
        fail_msg("says \"%s\" instead of \"%s\"", first, what);
}

/* ---- good files ---- */

static void all_forms_are_inflated(void **state)
{
    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        for (int level = 0; level <= 9; level += 3) {
            struct made_file file = made_file(form, data, SIZE, EACH, level);

            expect_good(file.bytes, file.size, data, SIZE);
            made_free(&file);
        }
    }
}

static void members_of_all_sizes_are_inflated(void **state)
{
    static const size_t sizes[] = {1, 2, 100, 4096, SIZE - 1, SIZE};

    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            size_t size = sizes[i] < 500 ? 40 * sizes[i] : SIZE;
            struct made_file file = made_file(form, data, size, sizes[i], 6);

            expect_good(file.bytes, file.size, data, size);
            made_free(&file);
        }
    }
}

static void files_without_data_are_inflated(void **state)
{
    struct made_file file = {0};

    (void)state;
    made_mark(&file, FORM_OURS);
    expect_good(file.bytes, file.size, NULL, 0);
    made_mark(&file, FORM_BGZF);
    made_mark(&file, FORM_BGZF);
    made_member(&file, FORM_PLAIN, data, 0, 6);
    expect_good(file.bytes, file.size, NULL, 0);
    made_free(&file);
}

/* Of any kinds, in any order, as cat puts them together. */
static void concatenations_are_inflated(void **state)
{
    uint8_t *expected = malloc(12 * SIZE);

    (void)state;
    assert_non_null(expected);
    for (int round = 0; round < 20; round++) {
        struct made_file file = {0};
        size_t size = 0;

        for (int i = 0; i < 8; i++) {
            enum form form = test_random_below(&rng, FORMS);

            for (uint64_t n = test_random_below(&rng, 4); n > 0; n--) {
                size_t each = test_random_below(&rng, EACH);

                made_member(&file, form, data, each, (int)test_random_below(&rng, 10));
                memcpy(expected + size, data, each);
                size += each;
            }
            made_mark(&file, form);
        }
        if (file.size > 0 && file.size <= 65536)
            expect_good(file.bytes, file.size, expected, size);
        made_free(&file);
    }
    free(expected);
}

/* Larger than what is held in memory, and than what a slot of the ring has. */
static void large_members_are_inflated(void **state)
{
    enum { LARGE = 21 << 20 };
    uint8_t *large = calloc(1, LARGE);

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < LARGE; i += 1 + test_random_below(&rng, 5000))
        large[i] = (uint8_t)test_random_next(&rng);
    for (enum form form = 0; form < FORM_BGZF; form++) {
        struct made_file file = made_file(form, large, LARGE, 18 << 20, 1);

        expect_good(file.bytes, file.size, large, LARGE);
        made_free(&file);
    }
    free(large);
}

static void zeros_behind_are_accepted(void **state)
{
    static const uint8_t zeros[10000];

    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        for (size_t n = 1; n <= sizeof(zeros); n = n * 3 + 7) {
            struct made_file file = made_file(form, data, SIZE, EACH, 6);

            made_put(&file, zeros, n);
            expect_good(file.bytes, file.size, data, SIZE);
            made_free(&file);
        }
    }
}

static void names_and_comments_are_skipped(void **state)
{
    static const uint8_t head[] = {0x1f, 0x8b, 8, 0x1c, 1, 2, 3, 4, 2, 3};
    struct made_file file = {0};

    (void)state;
    made_put(&file, head, sizeof(head));
    made_put_number(&file, 30000, 2); /* FEXTRA of one unknown subfield */
    made_put_number(&file, 0x4141, 2);
    made_put_number(&file, 29996, 2);
    made_reserve(&file, 60000);
    memset(file.bytes + file.size, 'x', 49996);
    file.size += 29996 + 15000;
    file.bytes[file.size++] = '\0'; /* FNAME */
    file.size += 4000;
    file.bytes[file.size++] = '\0'; /* FCOMMENT */
    made_deflate(&file, data, SIZE, 6);
    made_put_number(&file, crc32_z(0, data, SIZE), 4);
    made_put_number(&file, SIZE, 4);
    expect_good(file.bytes, file.size, data, SIZE);
    made_free(&file);
}

/* ---- damage ---- */

static void no_truncation_goes_unnoticed(void **state)
{
    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        struct made_file file = made_file(form, data, 400, 200, 6);

        for (size_t size = 0; size < file.size; size++) {
            bool border = false;

            for (size_t i = 1; i < file.count; i++)
                border |= size == file.begins[i];
            if (border && !form_has_mark(form))
                continue; /* nobody can tell */
            expect_bad(file.bytes, size,
                       size == 0 ? "is empty" : border ? "without its end mark" : NULL);
        }
        made_free(&file);
    }
}

static void flip(struct made_file *file, uint64_t bit)
{
    file->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* At level 0 there are bits without use before the length of a block. */
static void no_flipped_bit_goes_unnoticed(void **state)
{
    static const enum form forms[] = {FORM_OURS, FORM_BGZF};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct made_file file = made_file(forms[i / 2], data, 2000, 500, i % 2 == 0 ? 6 : 0);

        for (int round = 0; round < FLIPS / 4; round++) {
            uint64_t bit = test_random_below(&rng, 8 * file.size);

            flip(&file, bit);
            expect_bad(file.bytes, file.size, NULL);
            flip(&file, bit);
        }
        made_free(&file);
    }
}

/* Every bit of the parts that no checksum covers. */
static void no_flipped_bit_of_a_header_or_end_goes_unnoticed(void **state)
{
    static const enum form forms[] = {FORM_OURS, FORM_BGZF};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct made_file file = made_file(forms[i], data, 800, 400, 6);

        for (size_t n = 0; n < file.count; n++) {
            size_t end = n + 1 == file.count ? file.size : file.begins[n] + 20;

            for (uint64_t bit = 8 * file.begins[n]; bit < 8 * end; bit++) {
                flip(&file, bit);
                expect_bad(file.bytes, file.size, NULL);
                flip(&file, bit);
            }
            for (uint64_t bit = 8 * (file.begins[n + 1] - 9); bit < 8 * file.begins[n + 1]; bit++) {
                flip(&file, bit);
                expect_bad(file.bytes, file.size, NULL);
                flip(&file, bit);
            }
        }
        made_free(&file);
    }
}

/* The first bad member decides. */
static void errors_name_the_member_and_its_ranges(void **state)
{
    struct made_file file = made_file(FORM_OURS, data, SIZE, EACH, 6);
    char expected[192];

    (void)state;
    file.bytes[file.begins[3] - 8] ^= 1; /* the CRC of the third */
    file.bytes[file.begins[4] - 8] ^= 1;
    (void)snprintf(expected, sizeof(expected),
                   "member 3 is corrupt: its CRC is wrong (bytes %zu-%zu, raw bytes %d-%d)",
                   file.begins[2], file.begins[3] - 1, 2 * EACH, 3 * EACH - 1);
    expect_bad(file.bytes, file.size, expected);
    file.bytes[file.begins[2] + 16] ^= 1; /* the size that it states */
    expect_bad(file.bytes, file.size,
               "member 3 is corrupt: its deflate data does not end where its header says");
    made_free(&file);
}

static void lies_about_sizes_are_corruption(void **state)
{
    static const uint32_t lies[] = {0, 1, 30, 0x7fffffff, 0xffffffff};

    (void)state;
    for (enum form form = FORM_OURS; form < FORM_BGZF; form++) {
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
            struct made_file file = made_file(form, data, SIZE, EACH, 6);

            made_set(file.bytes + file.begins[1] + 16, lies[i], 4);
            expect_bad(file.bytes, file.size, "member 2 is corrupt");
            made_free(&file);

            file = made_file(form, data, SIZE, EACH, 6);
            made_set(file.bytes + file.begins[2] - 4, lies[i], 4);
            expect_bad(file.bytes, file.size, "member 2 is corrupt: its length is wrong");
            made_free(&file);
        }
    }
}

static void garbage_behind_is_told(void **state)
{
    (void)state;
    for (enum form form = 0; form < FORMS; form++) {
        struct made_file file = made_file(form, data, SIZE, EACH, 6);

        made_put(&file, "\0\0garbage", 9);
        expect_bad(file.bytes, file.size, "9 bytes behind the last member are not gzip");
        made_free(&file);
    }
    expect_bad((const uint8_t *)"no gzip at all, but text", 24, "not gzip");
}

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

static void lost_sizes_are_passed_over(void **state)
{
    (void)state;
    for (enum form form = FORM_OURS; form < FORM_BGZF; form++) {
        struct made_file file = made_file(form, data, SIZE, EACH, 6);
        const bool bad[SIZE / EACH] = {[1] = true};

        made_set(file.bytes + file.begins[1] + 16, 0x5555, 4);
        expect_holes(&file, bad, 2);
        made_free(&file);
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

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    for (size_t i = 0; i < SIZE; i++) /* compresses to some two thirds */
        data[i] = (uint8_t)(i % 3 == 0 ? test_random_next(&rng) : 97 + i / 7 % 8);
    if (!scratch_directory_make(&scratch))
        return -1;
    scratch_path(&scratch, "file.gz", path);
    scratch_path(&scratch, "file.gz.gzi", index_path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(index_path);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_are_inflated),
        cmocka_unit_test(members_of_all_sizes_are_inflated),
        cmocka_unit_test(files_without_data_are_inflated),
        cmocka_unit_test(concatenations_are_inflated),
        cmocka_unit_test(large_members_are_inflated),
        cmocka_unit_test(zeros_behind_are_accepted),
        cmocka_unit_test(names_and_comments_are_skipped),
        cmocka_unit_test(no_truncation_goes_unnoticed),
        cmocka_unit_test(no_flipped_bit_goes_unnoticed),
        cmocka_unit_test(no_flipped_bit_of_a_header_or_end_goes_unnoticed),
        cmocka_unit_test(errors_name_the_member_and_its_ranges),
        cmocka_unit_test(lies_about_sizes_are_corruption),
        cmocka_unit_test(garbage_behind_is_told),
        cmocka_unit_test(bad_members_become_holes),
        cmocka_unit_test(lost_headers_are_passed_over),
        cmocka_unit_test(lost_sizes_are_passed_over),
        cmocka_unit_test(a_bomb_is_stopped),
        cmocka_unit_test(ranges_are_right),
        cmocka_unit_test(a_foreign_index_is_not_used),
        cmocka_unit_test(plain_files_are_given_as_they_are),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
