/* SPDX-License-Identifier: MIT */
/* test_bench_nodes.c - measuring three nodes, to two of which the kernel binds no memory. */
#include "cmocka_all.h"

#include <string.h>

#include "bench/bench.h"

struct rows {
    unsigned count, measured, refused, bad;
};

static int take_row(void *user, const struct mapproc_bench_row *row)
{
    struct rows *rows = user;
    bool on_first = strcmp(row->subject, "memory node 0") == 0;
    /* The kernel takes from such a list the nodes that there are. */
    bool on_all = strcmp(row->subject, "interleaved") == 0;

    rows->count++;
    rows->measured += row->skipped == NULL && on_first;
    rows->refused += row->skipped != NULL && strstr(row->skipped, "refused: ") != NULL;
    /* The nodes 5 and 7 do not exist; the first may not be for this process to use. */
    if (row->skipped == NULL && !on_first && !on_all)
        rows->bad++;
    /* Latency takes one thread, and no row has a baseline but the first node's. */
    if (strncmp(row->test, "latency, node ", 14) == 0)
        rows->bad += row->threads != 1;
    else
        rows->bad += strncmp(row->test, "bandwidth, node ", 16) != 0;
    if (row->skipped == NULL && (row->ratio > 0) != (strchr(row->test, '0') != NULL))
        rows->bad++;
    return MAPPROC_OK;
}

static void every_pair_has_a_row(void **state)
{
    struct rows rows = {0};
    const struct mapproc_bench_options options = {
        .rounds = 1, .size = 1 << 20, .row = take_row, .user = &rows};
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_bench_group_find("numa")->run(&options, &error), MAPPROC_OK);
    /* Two nodes with CPUs, three with memory and all in turn, two measurements. */
    assert_int_equal(rows.count, 2 * 4 * 2);
    assert_int_equal(rows.bad, 0);
    assert_true(rows.refused >= 2 * 2 * 2);
    if (rows.measured == 0)
        skip_because("memory cannot be bound to node 0");
    assert_int_equal(rows.measured, 2 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_has_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
