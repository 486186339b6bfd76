/* SPDX-License-Identifier: MIT */
/* test_io_choice.c - mapping or reading: that the cheaper way is found, and found again. */
#include "cmocka_all.h"

#include "pipeline/io_choice.h"

enum { MIB = 1 << 20 };

/* Goes through `mib` MiB of cached data from *offset on; returns how many of them were mapped. */
static unsigned go(struct mapproc_io_choice *choice, uint64_t *offset, unsigned mib,
                   uint64_t map_cost, uint64_t read_cost)
{
    unsigned mapped = 0;

    for (unsigned i = 0; i < mib; i++, *offset += MIB) {
        enum mapproc_access access = mapproc_io_choice_make(choice, *offset);

        mapped += access == MAPPROC_ACCESS_MAP;
        mapproc_io_choice_add(choice, access, access == MAPPROC_ACCESS_MAP ? map_cost : read_cost,
                              MIB);
    }
    return mapped;
}

static void the_cheaper_way_is_taken(void **state)
{
    struct mapproc_io_choice choice = {0};
    uint64_t offset = 0;

    (void)state;
    assert_in_range(go(&choice, &offset, 1024, 100, 200), 1024 - 40, 1024 - 1);
    choice = (struct mapproc_io_choice){0};
    offset = 0;
    assert_in_range(go(&choice, &offset, 1024, 200, 100), 1, 40);
}

static void unmapping_counts_as_well(void **state)
{
    struct mapproc_io_choice choice = {0};
    uint64_t offset = 0;

    (void)state;
    (void)go(&choice, &offset, 64, 100, 110);
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_MAP);
    mapproc_io_choice_add(&choice, MAPPROC_ACCESS_MAP, UINT64_C(100) * 64, 0);
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_READ);
}

static void a_change_is_noticed(void **state)
{
    struct mapproc_io_choice choice = {0};
    uint64_t offset = 0;

    (void)state;
    (void)go(&choice, &offset, 1024, 200, 100);
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_READ);
    (void)go(&choice, &offset, 4096, 50, 100); /* from here on the cache has huge pages */
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_MAP);
}

static void cold_data_is_mapped(void **state)
{
    struct mapproc_io_choice choice = {0};
    uint64_t offset = 0;

    (void)state;
    for (int i = 0; i < 1000; i++, offset += MIB) {
        assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_MAP);
        mapproc_io_choice_saw_cold(&choice, MAPPROC_ACCESS_MAP);
    }
    (void)go(&choice, &offset, 100, 200, 100);
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_READ);
    mapproc_io_choice_saw_cold(&choice, MAPPROC_ACCESS_READ);
    assert_int_equal(mapproc_io_choice_make(&choice, offset), MAPPROC_ACCESS_MAP);
}

static void a_fixed_choice_stays(void **state)
{
    struct mapproc_io_choice choice = {0};
    uint64_t offset = 0;

    (void)state;
    mapproc_io_choice_fix(&choice, MAPPROC_ACCESS_READ);
    assert_int_equal(go(&choice, &offset, 4096, 1, 1000), 0);
    choice = (struct mapproc_io_choice){0};
    mapproc_io_choice_fix(&choice, MAPPROC_ACCESS_MAP);
    assert_int_equal(go(&choice, &offset, 4096, 1000, 1), 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheaper_way_is_taken), cmocka_unit_test(unmapping_counts_as_well),
        cmocka_unit_test(a_change_is_noticed),      cmocka_unit_test(cold_data_is_mapped),
        cmocka_unit_test(a_fixed_choice_stays),
    };

    return cmocka_run_group_tests_name("io_choice", tests, NULL, NULL);
}
