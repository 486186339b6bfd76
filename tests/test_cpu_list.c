/* SPDX-License-Identifier: MIT */
/* test_cpu_list.c - lists of CPUs, against sets that were made before their lists. */
#include "cmocka_all.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_list.h"
#include "random.h"

enum { CPUS = 1024, TEXT_MAX = 32 << 10 };

/* Parses into a set for CPUS CPUs, and looks whether exactly the given ones are in. */
static void expect_cpus(const char *text, const int *cpus, size_t count)
{
    cpu_set_t set;
    uint64_t beyond = 0;

    assert_true(mapproc_cpu_list_parse(text, &set, sizeof(set), &beyond));
    assert_true(beyond == UINT64_MAX);
    assert_int_equal(CPU_COUNT(&set), count);
    for (size_t i = 0; i < count; i++)
        assert_true(CPU_ISSET(cpus[i], &set));
}

static void lists_are_read(void **state)
{
    (void)state;
    expect_cpus("", NULL, 0);
    expect_cpus("0", (const int[]){0}, 1);
    expect_cpus("1023", (const int[]){1023}, 1);
    expect_cpus("0-3,8", (const int[]){0, 1, 2, 3, 8}, 5);
    expect_cpus("8,0-3", (const int[]){0, 1, 2, 3, 8}, 5);
    expect_cpus("5-5", (const int[]){5}, 1);
    expect_cpus("0-6:2", (const int[]){0, 2, 4, 6}, 4);
    expect_cpus("0-7:2", (const int[]){0, 2, 4, 6}, 4);
    expect_cpus("1-7:100", (const int[]){1}, 1);
    expect_cpus("1-7:18446744073709551614", (const int[]){1}, 1);
    expect_cpus("2,2,1-3", (const int[]){1, 2, 3}, 3);
    expect_cpus("007", (const int[]){7}, 1);
}

static void malformed_lists_are_refused(void **state)
{
    static const char *const malformed[] = {
        ",",
        "0,",
        ",0",
        "0,,1",
        "-",
        "-1",
        "0-",
        "0--1",
        "3-1",
        "0-3:0",
        "0-3:",
        "0-3:-1",
        "0:2",
        "0-3-5",
        "a",
        "0x1",
        " 0",
        "0 ",
        "0, 1",
        "0\n",
        "+1",
        "1.5",
        "0-3;5",
        "all",
        "0-N",
        "0-3:2:2",
        "0-3,^2",
        "0\xff",
        "\xff",
        "\xc3\xa9",
        "0-a",
        "1e3",
        "0/2",
        "*",
        ":",
        "0-3:x",
        "0-,5",
        "18446744073709551616",
        "18446744073709551615",
        "0-18446744073709551615",
        "99999999999999999999999999999",
        "0-99999999999999999999999999999",
    };
    cpu_set_t set;

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        if (mapproc_cpu_list_parse(malformed[i], &set, sizeof(set), NULL))
            fail_msg("taken for a list: %s", malformed[i]);
}

static void huge_numbers_are_told_and_take_no_time(void **state)
{
    static const struct {
        const char *text;
        uint64_t beyond;
        int count;
    } cases[] = {
        {"1024", 1024, 0},
        {"1023,1024", 1024, 1},
        {"0-99999999999", 1024, 1024},
        {"0-18446744073709551614", 1024, 1024},
        {"0-18446744073709551614:2", 1024, 512},
        {"1-18446744073709551614:1000", 1001 + 1000, 2},
        {"18446744073709551614", UINT64_MAX - 1, 0},
        {"18446744073709551613-18446744073709551614", UINT64_MAX - 2, 0},
        {"99999999999,5000,3", 5000, 1},
        {"5000,99999999999,3", 5000, 1},
        {"1000-18446744073709551614:18446744073709551614", UINT64_MAX, 1},
        {"1000-18446744073709551614:18446744073709550614", UINT64_MAX - 1, 1},
    };
    cpu_set_t set;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t beyond = 0;

        assert_true(mapproc_cpu_list_parse(cases[i].text, &set, sizeof(set), &beyond));
        assert_true(beyond == cases[i].beyond);
        assert_int_equal(CPU_COUNT(&set), cases[i].count);
    }
}

static void expect_text(const char *list, const char *text)
{
    cpu_set_t set;
    char buffer[64];

    assert_true(mapproc_cpu_list_parse(list, &set, sizeof(set), NULL));
    assert_int_equal(mapproc_cpu_list_format(&set, sizeof(set), buffer, sizeof(buffer)),
                     strlen(text));
    assert_string_equal(buffer, text);
}

static void sets_are_written(void **state)
{
    (void)state;
    expect_text("", "");
    expect_text("0", "0");
    expect_text("1,0", "0-1");
    expect_text("3,1,2,8", "1-3,8");
    expect_text("0-6:2", "0,2,4,6");
    expect_text("0-1023", "0-1023");
    expect_text("1023", "1023");
    expect_text("0-62,64-1023", "0-62,64-1023");
}

static void a_small_buffer_is_not_overrun(void **state)
{
    static const char whole[] = "0,2,4,6,100-1023";
    cpu_set_t set;

    (void)state;
    assert_true(mapproc_cpu_list_parse(whole, &set, sizeof(set), NULL));
    assert_int_equal(mapproc_cpu_list_format(&set, sizeof(set), NULL, 0), strlen(whole));
    for (size_t size = 1; size <= sizeof(whole); size++) {
        char *text = malloc(size); /* for AddressSanitizer to watch */

        assert_non_null(text);
        assert_int_equal(mapproc_cpu_list_format(&set, sizeof(set), text, size), strlen(whole));
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, whole, size - 1);
        free(text);
    }
}

/* Adds a random range to the set and, in some spelling, to the text. */
static void add_random_range(struct test_random *random, bool *in, char *text, size_t *length)
{
    unsigned first = (unsigned)test_random_below(random, CPUS);
    unsigned last = first + (unsigned)test_random_below(random, CPUS - first);
    unsigned stride = 1 + (unsigned)test_random_below(random, 40);
    const char *comma = *length > 0 ? "," : "";

    switch (test_random_below(random, 3)) {
    case 0:
        *length += (size_t)sprintf(text + *length, "%s%u", comma, first);
        last = first;
        break;
    case 1:
        *length += (size_t)sprintf(text + *length, "%s%u-%u", comma, first, last);
        stride = 1;
        break;
    default:
        *length += (size_t)sprintf(text + *length, "%s%u-%u:%u", comma, first, last, stride);
    }
    for (unsigned cpu = first; cpu <= last; cpu += stride)
        in[cpu] = true;
}

static void random_sets_come_back(void **state)
{
    static char text[TEXT_MAX];
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 2000; round++) {
        bool in[CPUS] = {false};
        uint64_t ranges = test_random_below(&random, 30);
        size_t length = 0, runs = 0, commas = 0;
        cpu_set_t set, again;

        text[0] = '\0';
        for (uint64_t i = 0; i < ranges; i++)
            add_random_range(&random, in, text, &length);
        assert_true(mapproc_cpu_list_parse(text, &set, sizeof(set), NULL));
        for (int cpu = 0; cpu < CPUS; cpu++) {
            assert_int_equal(CPU_ISSET(cpu, &set), in[cpu]);
            runs += in[cpu] && (cpu == 0 || !in[cpu - 1]);
        }

        /* What is written reads as the same, and is as short as it can be. */
        assert_true(mapproc_cpu_list_format(&set, sizeof(set), text, sizeof(text)) < sizeof(text));
        assert_true(mapproc_cpu_list_parse(text, &again, sizeof(again), NULL));
        assert_true(CPU_EQUAL(&set, &again));
        for (const char *p = text; *p != '\0'; p++)
            commas += *p == ',';
        assert_int_equal(*text != '\0' ? commas + 1 : 0, runs);
    }
}

/* Bytes that a list is made of, in any order: must be taken or refused, whatever they are. */
static void noise_does_no_harm(void **state)
{
    static const char bytes[] = "0123456789-:, \n9999";
    struct test_random random;
    unsigned taken = 0;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 20000; round++) {
        uint64_t length = test_random_below(&random, 24);
        char *text = malloc(length + 1);
        cpu_set_t set;
        uint64_t beyond;

        assert_non_null(text);
        for (uint64_t i = 0; i < length; i++)
            text[i] = bytes[test_random_below(&random, sizeof(bytes) - 1)];
        text[length] = '\0';
        if (mapproc_cpu_list_parse(text, &set, sizeof(set), &beyond)) {
            assert_true(beyond >= CPUS);
            assert_int_equal(strspn(text, "0123456789-:,"), length);
            taken++;
        }
        free(text);
    }
    assert_in_range(taken, 100, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(malformed_lists_are_refused),
        cmocka_unit_test(huge_numbers_are_told_and_take_no_time),
        cmocka_unit_test(sets_are_written),
        cmocka_unit_test(a_small_buffer_is_not_overrun),
        cmocka_unit_test(random_sets_come_back),
        cmocka_unit_test(noise_does_no_harm),
    };

    return cmocka_run_group_tests_name("cpu_list", tests, NULL, NULL);
}
