/* SPDX-License-Identifier: MIT */
/* test_route.c - which node's workers a chunk goes to, on a topology of three nodes. */
#include "cmocka_all.h"

#include <stdlib.h>

#include "fake_nodes.h"
#include "pipeline/state.h"

static struct mapproc_topology topology;
static struct mapproc_placement placement;

static struct mapproc_budget make_budget(unsigned workers, size_t in_flight)
{
    return (struct mapproc_budget){
        .workers = workers, .in_flight = (unsigned)(in_flight >> 20), .chunk_size = 1 << 20};
}

static void start(struct mapproc_routes *routes, enum mapproc_numa policy, unsigned workers,
                  size_t in_flight)
{
    struct mapproc_budget budget = make_budget(workers, in_flight);

    mapproc_placement_init(&placement, &topology, policy);
    assert_int_equal(mapproc_routes_init(routes, &placement, &budget, MAPPROC_IO_AUTO, NULL),
                     MAPPROC_OK);
}

static void workers_are_spread_like_the_cpus(void **state)
{
    struct mapproc_routes routes;
    unsigned saved[2] = {topology.nodes[0].cpu_count, topology.nodes[1].cpu_count};

    (void)state;
    topology.nodes[0].cpu_count = 2;
    topology.nodes[1].cpu_count = 6;
    for (unsigned workers = 1; workers <= 40; workers++) {
        start(&routes, MAPPROC_NUMA_AUTO, workers, 64 << 20);
        assert_int_equal(routes.workers[0] + routes.workers[1], workers);
        /* In proportion, up to the one that cannot be cut in two. */
        assert_in_range(routes.workers[0] * 4, workers < 4 ? 0 : workers - 4, workers + 3);
        mapproc_routes_destroy(&routes);
    }
    start(&routes, MAPPROC_NUMA_AUTO, 1, 64 << 20);
    assert_int_equal(routes.count, 1);
    assert_int_equal(routes.staffed[0], 1); /* the node with more CPUs */
    mapproc_routes_destroy(&routes);
    topology.nodes[0].cpu_count = saved[0];
    topology.nodes[1].cpu_count = saved[1];
}

/* Which nodes the next `bytes` of a source that is not cached go to, one letter a MiB. */
static void draw(const struct mapproc_routes *routes, struct mapproc_lane *lane, size_t bytes,
                 char *picture)
{
    for (size_t i = 0; i < bytes >> 20; i++) {
        *picture++ = (char)('A' + mapproc_routes_choose(routes, lane));
        lane->planned += 1 << 20;
    }
    *picture = '\0';
}

static void cold_chunks_go_in_stripes(void **state)
{
    struct mapproc_lane lane = {.item.source = {.kind = MAPPROC_SOURCE_EXTENT, .fd = -1}};
    struct mapproc_routes routes;
    char picture[64];

    (void)state;
    /* 16 MiB in flight: two stripes on each of two nodes. */
    start(&routes, MAPPROC_NUMA_AUTO, 2, 16 << 20);
    draw(&routes, &lane, 16 << 20, picture);
    assert_string_equal(picture, "AAAABBBBAAAABBBB");
    /* Another source starts on the other node. */
    lane.planned = 0;
    lane.looked = 0;
    lane.index = 1;
    draw(&routes, &lane, 8 << 20, picture);
    assert_string_equal(picture, "BBBBAAAA");
    mapproc_routes_destroy(&routes);

    /* However little is in flight, no huge page is torn apart. */
    start(&routes, MAPPROC_NUMA_AUTO, 2, 3 << 20);
    assert_int_equal(routes.stripe, 2 << 20);
    mapproc_routes_destroy(&routes);
    start(&routes, MAPPROC_NUMA_AUTO, 2, 512 << 20);
    assert_int_equal(routes.stripe, 32 << 20);
    mapproc_routes_destroy(&routes);
}

static void nodes_without_workers_get_nothing(void **state)
{
    struct mapproc_lane lane = {.item.source = {.kind = MAPPROC_SOURCE_EXTENT, .fd = -1}};
    struct mapproc_routes routes;
    char picture[64];

    (void)state;
    start(&routes, MAPPROC_NUMA_BIND, 2, 16 << 20);
    routes.workers[0] = 0; /* it could not be started */
    mapproc_routes_restaff(&routes);
    draw(&routes, &lane, 16 << 20, picture);
    assert_string_equal(picture, "BBBBBBBBBBBBBBBB");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(mapproc_routes_choose_opener(&routes, i), 1);
    mapproc_routes_destroy(&routes);
}

static void idle_nodes_take_from_the_nearest(void **state)
{
    struct mapproc_routes routes;
    const unsigned *order;
    unsigned count;

    (void)state;
    start(&routes, MAPPROC_NUMA_AUTO, 2, 16 << 20);
    for (unsigned node = 0; node < 2; node++) {
        order = mapproc_routes_order(&routes, node, &count);
        assert_int_equal(count, 2);
        assert_int_equal(order[0], node);
        assert_int_equal(order[1], 1 - node);
    }
    mapproc_routes_destroy(&routes);
    start(&routes, MAPPROC_NUMA_BIND, 2, 16 << 20);
    order = mapproc_routes_order(&routes, 1, &count);
    assert_int_equal(count, 1);
    assert_int_equal(order[0], 1);
    mapproc_routes_destroy(&routes);
}

/* Four nodes in a row, so that distances differ: 0-1-2-3. */
static void distance_decides_the_order(void **state)
{
    enum { N = 4 };
    static const unsigned expected[N][N] = {{0, 1, 2, 3}, {1, 2, 0, 3}, {2, 3, 1, 0}, {3, 2, 1, 0}};
    struct mapproc_node nodes[N];
    unsigned distances[N * N];
    struct mapproc_topology row = {.nodes = nodes,
                                   .node_count = N,
                                   .cpu_node_count = N,
                                   .cpu_count = N,
                                   .distances = distances};
    struct mapproc_budget budget = make_budget(N, 16 << 20);
    struct mapproc_placement on_row;
    struct mapproc_routes routes;

    (void)state;
    for (int i = 0; i < N; i++) {
        nodes[i] = (struct mapproc_node){.number = i, .cpu_count = 1};
        for (int j = 0; j < N; j++)
            distances[i * N + j] = 10 + 10 * (unsigned)abs(i - j);
    }
    mapproc_placement_init(&on_row, &row, MAPPROC_NUMA_AUTO);
    assert_int_equal(mapproc_routes_init(&routes, &on_row, &budget, MAPPROC_IO_AUTO, NULL),
                     MAPPROC_OK);
    for (unsigned i = 0; i < N; i++) {
        unsigned count;
        const unsigned *order = mapproc_routes_order(&routes, i, &count);

        assert_int_equal(count, N);
        assert_memory_equal(order, expected[i], sizeof(expected[i]));
    }
    mapproc_routes_destroy(&routes);
}

static int set_up(void **state)
{
    (void)state;
    fake_nodes_make(&topology);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mapproc_topology_destroy(&topology);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_spread_like_the_cpus),
        cmocka_unit_test(cold_chunks_go_in_stripes),
        cmocka_unit_test(nodes_without_workers_get_nothing),
        cmocka_unit_test(idle_nodes_take_from_the_nearest),
        cmocka_unit_test(distance_decides_the_order),
    };

    return cmocka_run_group_tests_name("route", tests, set_up, tear_down);
}
