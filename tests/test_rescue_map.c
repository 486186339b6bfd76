/* SPDX-License-Identifier: MIT */
/* test_rescue_map.c - ranges that join and count, and maps that ddrescue understands. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/ranges.h"
#include "format/rescue_map.h"
#include "random.h"
#include "scratch_file.h"

#include "list_fixture.h"

static struct test_random rng;

static void ranges_join_and_count(void **state)
{
    struct mapproc_range_list list;
    struct mapproc_error error;
    char text[200];

    (void)state;
    mapproc_range_list_init(&list, 2);
    assert_int_equal(mapproc_range_list_format(&list, 10, text, sizeof(text)), 8);
    assert_string_equal(text, "no bytes");
    assert_int_equal(mapproc_range_list_add(&list, 4194304, 1048576, &error), MAPPROC_OK);
    assert_int_equal(mapproc_range_list_add(&list, 5242880, 0, &error), MAPPROC_OK);
    (void)mapproc_range_list_format(&list, 10, text, sizeof(text));
    assert_string_equal(text, "bytes 4194304-5242879");
    assert_int_equal(mapproc_range_list_add(&list, 5242880, 10, &error), MAPPROC_OK);
    assert_int_equal(mapproc_range_list_add(&list, 5242885, 2, &error), MAPPROC_OK);
    assert_int_equal(mapproc_range_list_add(&list, 8388608, 1, &error), MAPPROC_OK);
    (void)mapproc_range_list_format(&list, 10, text, sizeof(text));
    assert_string_equal(text, "bytes 4194304-5242889, 8388608-8388608");
    assert_int_equal(list.count, 2);
    assert_int_equal(list.bytes, 1048576 + 10 + 1);
    /* From here on they are only counted, and still joined. */
    assert_int_equal(mapproc_range_list_add(&list, 9000000, 5, &error), MAPPROC_OK);
    assert_int_equal(mapproc_range_list_add(&list, 9000005, 5, &error), MAPPROC_OK);
    assert_int_equal(list.kept, 2);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.bytes, 1048576 + 10 + 1 + 10);
    (void)mapproc_range_list_format(&list, 10, text, sizeof(text));
    assert_string_equal(text, "bytes 4194304-5242889, 8388608-8388608 and 1 more range");
    (void)mapproc_range_list_format(&list, 1, text, sizeof(text));
    assert_string_equal(text, "bytes 4194304-5242889 and 2 more ranges");
    (void)mapproc_range_list_format(&list, 0, text, sizeof(text));
    assert_string_equal(text, "3 ranges");
    assert_int_equal(mapproc_range_list_format(&list, 1, text, 10), 39);
    assert_string_equal(text, "bytes 419");

    assert_int_equal(mapproc_range_list_add(&list, 8999999, 1, &error), MAPPROC_REFUSED);
    assert_int_equal(mapproc_range_list_add(&list, UINT64_MAX, 1, &error), MAPPROC_REFUSED);
    assert_int_equal(mapproc_range_list_add(&list, UINT64_MAX - 1, 1, &error), MAPPROC_OK);
    assert_int_equal(list.count, 4);
    mapproc_range_list_free(&list);
    assert_int_equal(list.count, 0);
}

/* Against a map of single bytes. */
static void random_ranges_are_right(void **state)
{
    enum { SPACE = 500 };

    (void)state;
    for (int round = 0; round < 2000; round++) {
        bool set[SPACE + 1] = {false};
        size_t most = test_random_below(&rng, 50), count = 0, bytes = 0;
        struct mapproc_range_list list;
        uint64_t offset = 0;

        mapproc_range_list_init(&list, most);
        while (offset < SPACE) {
            uint64_t length = test_random_below(&rng, 8);

            if (length > SPACE - offset)
                length = SPACE - offset;
            assert_int_equal(mapproc_range_list_add(&list, offset, length, NULL), MAPPROC_OK);
            memset(set + offset, true, length);
            offset += test_random_below(&rng, 12);
        }
        for (size_t i = 0; i < SPACE; i++) {
            bytes += set[i];
            if (set[i] && (i == 0 || !set[i - 1])) {
                size_t end = i;

                while (set[end])
                    end++;
                if (count < most) {
                    assert_int_equal(list.ranges[count].offset, i);
                    assert_int_equal(list.ranges[count].length, end - i);
                }
                count++;
            }
        }
        assert_int_equal(list.count, count);
        assert_int_equal(list.kept, count < most ? count : most);
        assert_int_equal(list.bytes, bytes);
        mapproc_range_list_free(&list);
    }
}

static void write_map(const struct mapproc_rescue_range *ranges, size_t count, uint64_t size,
                      struct list_text *text)
{
    struct mapproc_text_sink sink = {list_text_write, text};

    text->length = 0;
    assert_int_equal(mapproc_rescue_map_write(ranges, count, size, &sink, NULL), MAPPROC_OK);
    list_text_add(text, "", 1);
}

static void maps_cover_the_file(void **state)
{
    static const char head[] = "# Mapfile. Created by mapproc\n"
                               "# current_pos  current_status  current_pass\n"
                               "0x00000000     %c               1\n"
                               "#      pos        size  status\n%s";
    static const struct mapproc_rescue_range ranges[] = {
        {0, 0x400000, '+'},       {0x400000, 0x100000, '-'}, {0x500000, 0x100000, '-'},
        {0x600000, 0, '?'},       {0x700000, 0x100000, '+'}, {0x800000, 0x100000, '+'},
        {0x123456789A, 0x10, '-'}};
    struct list_text text = {0};
    char expected[1000];

    (void)state;
    write_map(ranges, sizeof(ranges) / sizeof(ranges[0]), 0x123456789A + 0x20, &text);
    (void)snprintf(expected, sizeof(expected), head, '?',
                   "0x00000000  0x00400000  +\n"
                   "0x00400000  0x00200000  -\n"
                   "0x00600000  0x00100000  ?\n"
                   "0x00700000  0x00200000  +\n"
                   "0x00900000  0x1233C6789A  ?\n"
                   "0x123456789A  0x00000010  -\n"
                   "0x12345678AA  0x00000010  ?\n");
    assert_string_equal(text.bytes, expected);
    write_map(ranges, 3, 0x600000, &text);
    (void)snprintf(expected, sizeof(expected), head, '-',
                   "0x00000000  0x00400000  +\n"
                   "0x00400000  0x00200000  -\n");
    assert_string_equal(text.bytes, expected);
    write_map(ranges, 1, 0x400000, &text);
    (void)snprintf(expected, sizeof(expected), head, '+', "0x00000000  0x00400000  +\n");
    assert_string_equal(text.bytes, expected);
    write_map((struct mapproc_rescue_range[]){{0, 1, '+'}, {2, 1, '+'}}, 2, 3, &text);
    (void)snprintf(expected, sizeof(expected), head, '?',
                   "0x00000000  0x00000001  +\n"
                   "0x00000001  0x00000001  ?\n"
                   "0x00000002  0x00000001  +\n");
    assert_string_equal(text.bytes, expected);
    write_map(NULL, 0, 0x10, &text);
    (void)snprintf(expected, sizeof(expected), head, '?', "0x00000000  0x00000010  ?\n");
    assert_string_equal(text.bytes, expected);
    write_map(NULL, 0, 0, &text);
    (void)snprintf(expected, sizeof(expected), head, '+', "");
    assert_string_equal(text.bytes, expected);
    list_text_free(&text);
}

static int refuse_to_write(void *user, const char *bytes, size_t length,
                           struct mapproc_error *error)
{
    int *calls_left = user;

    (void)bytes, (void)length, (void)error;
    return (*calls_left)-- > 0 ? MAPPROC_OK : -77;
}

static void wrong_ranges_and_full_disks_are_told(void **state)
{
    static const struct {
        struct mapproc_rescue_range ranges[2];
    } wrong[] = {
        {{{0, 10, '+'}, {9, 1, '+'}}},           {{{10, 10, '+'}, {0, 1, '+'}}},
        {{{0, 10, '+'}, {99, 2, '+'}}},          {{{0, 10, '+'}, {101, 0, '+'}}},
        {{{0, 10, '+'}, {20, UINT64_MAX, '+'}}}, {{{0, 10, '+'}, {20, 10, 'x'}}},
    };
    static const struct mapproc_rescue_range right[] = {{0, 10, '+'}, {20, 10, '-'}};
    struct list_text text = {0};
    struct mapproc_text_sink sink = {list_text_write, &text};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(mapproc_rescue_map_write(wrong[i].ranges, 2, 100, &sink, NULL),
                         MAPPROC_REFUSED);
    assert_int_equal(text.length, 0);
    for (int calls = 0; calls < 5; calls++) {
        int left = calls;
        struct mapproc_text_sink full = {refuse_to_write, &left};

        assert_int_equal(mapproc_rescue_map_write(right, 2, 100, &full, NULL), -77);
        assert_int_equal(left, -1);
    }
}

/* ddrescuelog's exit status and, with -l, how many of its lines name a block. */
static int run_ddrescuelog(const char *option, const char *path, unsigned *blocks)
{
    char command[SCRATCH_PATH_MAX + 100], line[100];
    FILE *output;

    (void)snprintf(command, sizeof(command), "ddrescuelog -b1 %s '%s' 2>&1", option, path);
    output = popen(command, "re");
    assert_non_null(output);
    for (*blocks = 0; fgets(line, sizeof(line), output) != NULL;)
        (*blocks)++;
    return WEXITSTATUS(pclose(output));
}

static void ddrescue_reads_the_maps(void **state)
{
    struct scratch_directory directory;
    struct list_text text = {0};
    char path[SCRATCH_PATH_MAX];

    (void)state;
    if (system("ddrescuelog --version >/dev/null 2>&1") != 0)
        skip_because("no ddrescuelog (Debian package gddrescue)");
    assert_true(scratch_directory_make(&directory));
    scratch_path(&directory, "map", path);
    for (int round = 0; round < 50; round++) {
        struct mapproc_rescue_range ranges[20];
        unsigned good = 0, bad = 0, lines;
        uint64_t offset = 0;

        for (size_t i = 0; i < 20; i++) {
            offset += test_random_below(&rng, 3);
            ranges[i].offset = offset;
            ranges[i].length = test_random_below(&rng, 9);
            ranges[i].state = "+-?"[test_random_below(&rng, 3)];
            offset += ranges[i].length;
            good += ranges[i].state == '+' ? ranges[i].length : 0;
            bad += ranges[i].state == '-' ? ranges[i].length : 0;
        }
        offset += 1 + test_random_below(&rng, 9);
        write_map(ranges, 20, offset, &text);
        assert_true(scratch_write(path, text.bytes, text.length - 1));
        assert_int_equal(run_ddrescuelog("-t", path, &lines), 0);
        assert_int_equal(run_ddrescuelog("-l+", path, &lines), 0);
        assert_int_equal(lines, good);
        assert_int_equal(run_ddrescuelog("-l-", path, &lines), 0);
        assert_int_equal(lines, bad);
        assert_int_equal(run_ddrescuelog("-l+-?", path, &lines), 0);
        assert_int_equal(lines, offset);
    }
    list_text_free(&text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory.path), 0);
}

static int seed(void **state)
{
    (void)state;
    test_random_seed(&rng);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_join_and_count),
        cmocka_unit_test(random_ranges_are_right),
        cmocka_unit_test(maps_cover_the_file),
        cmocka_unit_test(wrong_ranges_and_full_disks_are_told),
        cmocka_unit_test(ddrescue_reads_the_maps),
    };

    return cmocka_run_group_tests_name("rescue_map", tests, seed, NULL);
}
