/* SPDX-License-Identifier: MIT */
/* test_base.c - errors, checked arithmetic, sizes, quoting, small files, CPU levels. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/quote.h"
#include "base/size_text.h"
#include "base/text_file.h"
#include "fake_root.h"

static void error_is_filled_and_cut(void **state)
{
    struct mapproc_error error;
    char long_text[1000];

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(mapproc_error_set(&error, MAPPROC_FAILED, EIO, "p", "%s", long_text),
                     MAPPROC_FAILED);
    assert_int_equal(error.code, MAPPROC_FAILED);
    assert_int_equal(error.system_error, EIO);
    assert_string_equal(error.path, "p");
    assert_int_equal(strlen(error.what), sizeof(error.what) - 1);
    assert_int_equal(error.length, 0);
    mapproc_error_set_range(&error, 5, 7);
    assert_int_equal(error.offset, 5);
    assert_int_equal(error.length, 7);
    assert_int_equal(mapproc_error_set(NULL, MAPPROC_REFUSED, 0, NULL, "nobody listens"),
                     MAPPROC_REFUSED);
    mapproc_error_set_range(NULL, 1, 2);
    assert_int_equal(mapproc_error_code_from_errno(ENOENT), MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_error_code_from_errno(ENOTDIR), MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_error_code_from_errno(EACCES), MAPPROC_FAILED);
    assert_int_equal(mapproc_error_code_from_errno(EIO), MAPPROC_FAILED);
}

static void arithmetic_does_not_wrap(void **state)
{
    size_t size = 1;
    uint64_t number = 1;

    (void)state;
    assert_false(mapproc_add_size(SIZE_MAX, 1, &size));
    assert_true(mapproc_add_size(SIZE_MAX - 1, 1, &size));
    assert_true(size == SIZE_MAX);
    assert_false(mapproc_multiply_size(SIZE_MAX / 2 + 1, 2, &size));
    assert_true(mapproc_multiply_size(SIZE_MAX / 2, 2, &size));
    assert_false(mapproc_add_u64(UINT64_MAX, 1, &number));
    assert_false(mapproc_multiply_u64(UINT64_MAX, 2, &number));
    assert_false(mapproc_round_up_size(SIZE_MAX - 4094, 4096, &size));
    assert_true(mapproc_round_up_size(SIZE_MAX - 4095, 4096, &size));
    assert_true(size == SIZE_MAX - 4095);
    assert_true(mapproc_round_up_size(1, 64, &size));
    assert_int_equal(size, 64);
    assert_true(mapproc_round_up_size(0, 64, &size));
    assert_int_equal(size, 0);
    assert_int_equal(mapproc_round_down(4097, 4096), 4096);
    assert_true(mapproc_is_power_of_two(1));
    assert_false(mapproc_is_power_of_two(0));
    assert_false(mapproc_is_power_of_two(48));
    assert_int_equal(mapproc_min_u64(3, 2), 2);
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"1023", 1023},
        {"1K", 1024},
        {"1k", 1024},
        {"1KiB", 1024},
        {"1KB", 1024},
        {"17B", 17},
        {"5M", 5 << 20},
        {"3G", UINT64_C(3) << 30},
        {"2T", UINT64_C(2) << 40},
        {"1P", UINT64_C(1) << 50},
        {"15E", UINT64_C(15) << 60},
        {"18446744073709551615", UINT64_MAX},
        {"007", 7},
    };
    static const char *const bad[] = {
        "",
        "K",
        " 1",
        "1 ",
        "-1",
        "+1",
        "1.5M",
        "0x10",
        "1KK",
        "1X",
        "16E",
        "1iB",
        "1Ki",
        "1KiBB",
        "1e3",
        "18446744073709551616",
        "99999999999999999999999",
        "18446744073709551615K",
        "\xff",
        "1\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t size = 42;

        assert_true(mapproc_size_parse(good[i].text, &size));
        assert_true(size == good[i].size);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t size = 42;

        if (mapproc_size_parse(bad[i], &size))
            fail_msg("'%s' was taken for a size", bad[i]);
        assert_int_equal(size, 42);
    }
}

static void numbers_are_read_within_bounds(void **state)
{
    uint64_t number = 42;

    (void)state;
    assert_true(mapproc_number_parse("7", 1, 7, &number));
    assert_int_equal(number, 7);
    assert_false(mapproc_number_parse("8", 1, 7, &number));
    assert_false(mapproc_number_parse("0", 1, 7, &number));
    assert_false(mapproc_number_parse("", 0, 7, &number));
    assert_false(mapproc_number_parse("3x", 0, 7, &number));
    assert_false(mapproc_number_parse("99999999999999999999", 0, UINT64_MAX, &number));
    assert_int_equal(number, 7);
}

static void sizes_are_written(void **state)
{
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"},
        {UINT64_C(4) << 30, "4.0 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char text[MAPPROC_SIZE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(mapproc_size_format(cases[i].size, text), cases[i].text);
}

static void names_are_quoted(void **state)
{
    static const struct {
        const char *name;
        const char *quoted;
    } cases[] = {
        {"", "''"},
        {"plain", "'plain'"},
        {"two words", "'two words'"},
        {"it's", "'it'\\''s'"},
        {"a\nb", "'a'$'\\n''b'"},
        {"\033[31m", "''$'\\033''[31m'"},
        {"end\r", "'end'$'\\r'"},
        {"\a\b\t\v\f\177", "''$'\\a\\b\\t\\v\\f\\177'"},
        {"gr\303\274n", "'gr\303\274n'"},                  /* valid UTF-8 stays */
        {"\360\237\230\200", "'\360\237\230\200'"},        /* four bytes too */
        {"\377", "''$'\\377'"},                            /* not UTF-8 */
        {"\303", "''$'\\303'"},                            /* cut off */
        {"\300\200", "''$'\\300\\200'"},                   /* overlong */
        {"\355\240\200", "''$'\\355\\240\\200'"},          /* a surrogate */
        {"\302\233x", "''$'\\302\\233''x'"},               /* CSI as one C1 character */
        {"\342\200\256x", "''$'\\342\\200\\256''x'"},      /* right-to-left override */
        {"\364\220\200\200", "''$'\\364\\220\\200\\200'"}, /* past U+10FFFF */
    };
    char quoted[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(mapproc_quote_name(cases[i].name, quoted, sizeof(quoted)),
                         strlen(cases[i].quoted));
        assert_string_equal(quoted, cases[i].quoted);
    }
    memset(quoted, 'x', sizeof(quoted));
    assert_int_equal(mapproc_quote_name("abcdef", quoted, 5), 8);
    assert_string_equal(quoted, "'abc");
    assert_int_equal(quoted[5], 'x');
    assert_int_equal(mapproc_quote_name("abc", NULL, 0), 5);
}

static void cpu_level_can_be_forced(void **state)
{
    enum mapproc_cpu_level level, best;
    struct mapproc_error error;
    const char *before = getenv("MAPPROC_CPU");
    char *saved = before != NULL ? strdup(before) : NULL;

    (void)state;
    assert_int_equal(unsetenv("MAPPROC_CPU"), 0);
    assert_int_equal(mapproc_cpu_level_select(&best, &error), MAPPROC_OK);
    for (int i = 0; i < MAPPROC_CPU_LEVELS; i++) {
        const char *name = mapproc_cpu_level_name((enum mapproc_cpu_level)i);
        int expected = i <= (int)best ? MAPPROC_OK : MAPPROC_REFUSED;

        assert_int_equal(setenv("MAPPROC_CPU", name, 1), 0);
        assert_int_equal(mapproc_cpu_level_select(&level, &error), expected);
        assert_int_equal(level, i <= (int)best ? i : (int)best);
    }
    assert_int_equal(setenv("MAPPROC_CPU", "sse9", 1), 0);
    assert_int_equal(mapproc_cpu_level_select(&level, &error), MAPPROC_REFUSED);
    assert_int_equal(error.code, MAPPROC_REFUSED);
    if (saved != NULL)
        assert_int_equal(setenv("MAPPROC_CPU", saved, 1), 0);
    else
        assert_int_equal(unsetenv("MAPPROC_CPU"), 0);
    free(saved);
}

static void text_files_are_read(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 8193, 100000};
    static char data[100000];
    struct fake_root root;
    char path[PATH_MAX];
    char *text;

    (void)state;
    fake_root_make(&root);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(1 + i % 251);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fake_root_put_bytes(&root, "/file", data, sizes[i]);
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            size_t expected = sizes[i] < sizes[j] ? sizes[i] : sizes[j];

            text = mapproc_text_file_read(fake_root_path(&root, "/file", path), sizes[j]);
            assert_non_null(text);
            assert_int_equal(strlen(text), expected);
            assert_memory_equal(text, data, expected);
            free(text);
        }
    }
    fake_root_put_bytes(&root, "/file", "one\0two", 7);
    text = mapproc_text_file_read(path, 100);
    assert_string_equal(text, "one");
    free(text);
    assert_null(mapproc_text_file_read(root.directory.path, 100));
    assert_int_equal(errno, EISDIR);
    assert_null(mapproc_text_file_read(fake_root_path(&root, "/none", path), 100));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mkfifo(fake_root_path(&root, "/fifo", path), 0600), 0);
    text = mapproc_text_file_read(path, 100); /* must not wait for a writer */
    assert_string_equal(text, "");
    free(text);
    fake_root_destroy(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_filled_and_cut), cmocka_unit_test(arithmetic_does_not_wrap),
        cmocka_unit_test(sizes_are_read),          cmocka_unit_test(numbers_are_read_within_bounds),
        cmocka_unit_test(sizes_are_written),       cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(cpu_level_can_be_forced), cmocka_unit_test(text_files_are_read),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
