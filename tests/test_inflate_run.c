/* SPDX-License-Identifier: MIT */
/* test_inflate_run.c - inflating files of all forms, good and bad, from everywhere at once. */
#include "inflate_fixture.h"

enum { FLIPS = 500 };

static const struct mapproc_inflate_order whole = {.length = UINT64_MAX};

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

        for (size_t size = 0; size < file.size;
             size += form == FORM_IG || form == FORM_MZ ? 5 : 1) {
            bool border = false;

            for (size_t i = 1; i < file.count; i++)
                border |= size == file.begins[i];
            if (border && !form_has_mark(form))
                continue; /* nobody can tell */
            expect_bad(file.bytes, size,
                       size == 0 ? "is empty"
                       : border  ? "without its end mark"
                                 : NULL);
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

/* Without repetitions there may be a distance code without codes. One bit adds one to it, which
 * does not make it complete: gzip refuses that, ISA-L takes it, and the data is what it was. */
static void an_incomplete_code_does_not_go_unnoticed(void **state)
{
    static const char letters[] = "bbcdaadcbbdddbbbdaabacacdddddbcaabdbcdcddcdbcacbcabccaaddaca";
    static const uint8_t deflate[] = {0x05, 0x80, 0x01, 0x09, 0x00, 0x00, 0x00, 0x82,
                                      0xb6, 0xa6, 0xfe, 0xdf, 0x50, 0x60, 0x5b, 0x42,
                                      0x05, 0xb4, 0x31, 0x67, 0x55, 0xb8, 0x11, 0x66,
                                      0x19, 0x4e, 0x1c, 0xba, 0xd5, 0xdc, 0x01};
    static const enum form forms[] = {FORM_OURS, FORM_BGZF};
    const size_t size = sizeof(letters) - 1;
    const uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)letters, size);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct made_file file = {0};

        made_header(&file, forms[i]);
        made_put(&file, deflate, sizeof(deflate));
        made_put_number(&file, crc, 4);
        made_put_number(&file, size, 4);
        made_state_size(&file, 0, forms[i]);
        file.count = 1;
        made_mark(&file, forms[i]);
        expect_bad(file.bytes, file.size, "its deflate data is broken");
        made_free(&file);
    }
}

/* Every bit of the parts that no checksum covers. */
static void no_flipped_bit_of_a_header_or_end_goes_unnoticed(void **state)
{
    static const enum form forms[] = {FORM_OURS, FORM_BGZF};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct made_file file = made_file(forms[i], data, 200, 200, 6);

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
        cmocka_unit_test(an_incomplete_code_does_not_go_unnoticed),
        cmocka_unit_test(no_flipped_bit_of_a_header_or_end_goes_unnoticed),
        cmocka_unit_test(errors_name_the_member_and_its_ranges),
        cmocka_unit_test(lies_about_sizes_are_corruption),
        cmocka_unit_test(garbage_behind_is_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
