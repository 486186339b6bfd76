/* SPDX-License-Identifier: MIT */
/* test_node_files.c - machines with many nodes, made of files, against what they were made from. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_list.h"
#include "fake_root.h"
#include "memory/node_files.h"
#include "random.h"

#define NODE_DIRECTORY "/sys/devices/system/node/"

enum { MACHINE_CPUS = 256, MACHINE_NODES = 12 };

static void put_node(const struct fake_root *root, int number, const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), NODE_DIRECTORY "node%d/%s", number, name);
    fake_root_put(root, path, text);
}

static void put_memory(const struct fake_root *root, int number, uint64_t total, uint64_t free_size)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "Node %d MemTotal:       %llu kB\nNode %d MemFree:         %llu kB\n"
                   "Node %d MemUsed:               77 kB\nNode %d Active:             5 kB\n",
                   number, (unsigned long long)total / 1024, number,
                   (unsigned long long)free_size / 1024, number, number);
    put_node(root, number, "meminfo", text);
}

/* Reads the fake machine; `usable` is a list. Returns what mapproc_node_files_read() does. */
static int read_machine(const struct fake_root *root, const char *usable,
                        struct mapproc_topology *topology)
{
    cpu_set_t set;

    assert_true(mapproc_cpu_list_parse(usable, &set, sizeof(set), NULL));
    *topology = (struct mapproc_topology){
        .cpu_set_size = sizeof(set),
        .cpu_count = (unsigned)CPU_COUNT(&set),
    };
    return mapproc_node_files_read(topology, root->directory.path, &set);
}

static void expect_node(const struct mapproc_topology *topology, unsigned index, int number,
                        const char *cpus)
{
    const struct mapproc_node *node = &topology->nodes[index];
    char text[256];

    assert_true(index < topology->node_count);
    assert_int_equal(node->number, number);
    (void)mapproc_cpu_list_format(node->cpus, topology->cpu_set_size, text, sizeof(text));
    assert_string_equal(text, cpus);
    assert_int_equal(node->cpu_count, CPU_COUNT_S(topology->cpu_set_size, node->cpus));
    assert_int_equal(node->cpu_count > 0, index < topology->cpu_node_count);
}

static void expect_distances(const struct mapproc_topology *topology, const unsigned *expected)
{
    for (unsigned from = 0; from < topology->node_count; from++)
        for (unsigned to = 0; to < topology->node_count; to++)
            assert_int_equal(mapproc_topology_distance(topology, from, to),
                             expected[from * topology->node_count + to]);
}

/*
 * Nodes 0 and 4 have CPUs and memory, 2 memory alone and 7 CPUs alone. CPUs 12-15 are offline, and
 * the kernel does not list them. Memory may be taken on 2 and 4 only.
 */
static void make_gappy_machine(const struct fake_root *root)
{
    fake_root_put(root, "/proc/thread-self/status",
                  "Name:\ttest\nMems_allowed:\t00000000,00000014\nMems_allowed_list:\t2,4\n"
                  "voluntary_ctxt_switches:\t1\n");
    fake_root_put(root, NODE_DIRECTORY "online", "0,2,4,7\n");
    put_node(root, 0, "cpulist", "0-3\n");
    put_node(root, 2, "cpulist", "\n");
    put_node(root, 4, "cpulist", "4-7\n");
    put_node(root, 7, "cpulist", "8-11\n");
    put_memory(root, 0, 64 << 20, 1 << 20);
    put_memory(root, 2, UINT64_C(1) << 40, UINT64_C(1) << 39);
    put_memory(root, 4, 32 << 20, 2 << 20);
    put_memory(root, 7, 0, 0);
    put_node(root, 0, "distance", "10 17 21 31\n");
    put_node(root, 2, "distance", "17 10 28 38\n");
    put_node(root, 4, "distance", "22 15 10 12\n");
    put_node(root, 7, "distance", "31 38 12 10\n");
}

static void gaps_and_memory_alone(void **state)
{
    static const unsigned distances[] = {
        10, 21, 31, 17, /* 0 */
        22, 10, 12, 15, /* 4 */
        31, 12, 10, 38, /* 7 */
        17, 28, 38, 10, /* 2 */
    };
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    make_gappy_machine(&root);
    assert_int_equal(read_machine(&root, "0-11", &topology), 0);
    assert_int_equal(topology.node_count, 4);
    assert_int_equal(topology.cpu_node_count, 3);
    expect_node(&topology, 0, 0, "0-3");
    expect_node(&topology, 1, 4, "4-7");
    expect_node(&topology, 2, 7, "8-11");
    expect_node(&topology, 3, 2, "");
    expect_distances(&topology, distances);
    assert_true(topology.nodes[0].memory_size == 64 << 20);
    assert_true(topology.nodes[0].memory_free == 1 << 20);
    assert_true(topology.nodes[2].memory_size == 0);
    assert_true(topology.nodes[3].memory_size == UINT64_C(1) << 40);
    assert_true(topology.nodes[3].memory_free == UINT64_C(1) << 39);
    assert_false(topology.nodes[0].memory_allowed);
    assert_true(topology.nodes[1].memory_allowed);
    assert_false(topology.nodes[2].memory_allowed);
    assert_true(topology.nodes[3].memory_allowed);

    /* Node 2 is nearest to the CPUs of 4, though its own row of distances says 0. */
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 2), 1);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 0), 0);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 4), 1);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 7), 2);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 1), 0);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, -1), 0);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, INT_MAX), 0);
    mapproc_topology_destroy(&topology);
    fake_root_destroy(&root);
}

static void a_cpuset_leaves_some_nodes_without_cpus(void **state)
{
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    make_gappy_machine(&root);
    assert_int_equal(read_machine(&root, "5,9-10", &topology), 0);
    assert_int_equal(topology.node_count, 4);
    assert_int_equal(topology.cpu_node_count, 2);
    expect_node(&topology, 0, 4, "5");
    expect_node(&topology, 1, 7, "9-10");
    expect_node(&topology, 2, 0, "");
    expect_node(&topology, 3, 2, "");
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 0), 0);
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 7), 1);
    mapproc_topology_destroy(&topology);
    fake_root_destroy(&root);
}

static void nodes_can_be_forgotten(void **state)
{
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    make_gappy_machine(&root);
    assert_int_equal(read_machine(&root, "5,9-10", &topology), 0);
    mapproc_topology_flatten(&topology);
    assert_int_equal(topology.node_count, 1);
    assert_int_equal(topology.cpu_node_count, 1);
    assert_int_equal(topology.cpu_count, 3);
    expect_node(&topology, 0, 0, "5,9-10");
    assert_int_equal(mapproc_topology_distance(&topology, 0, 0), MAPPROC_DISTANCE_LOCAL);
    assert_true(topology.nodes[0].memory_allowed);
    assert_true(topology.nodes[0].memory_size == (UINT64_C(1) << 40) + (96 << 20));
    assert_true(topology.nodes[0].memory_free == (UINT64_C(1) << 39) + (3 << 20));
    assert_int_equal(mapproc_topology_nearest_cpu_node(&topology, 7), 0);
    mapproc_topology_flatten(&topology); /* once more changes nothing */
    expect_node(&topology, 0, 0, "5,9-10");
    mapproc_topology_destroy(&topology);
    fake_root_destroy(&root);
}

/* As with numa=fake, where every node lists all CPUs; and a CPU that no node lists. */
static void every_cpu_is_on_one_node(void **state)
{
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    fake_root_put(&root, NODE_DIRECTORY "online", "0-2\n");
    put_node(&root, 0, "cpulist", "\n");
    put_node(&root, 1, "cpulist", "0-3\n");
    put_node(&root, 2, "cpulist", "0-5\n");
    assert_int_equal(read_machine(&root, "0-7", &topology), 0);
    assert_int_equal(topology.cpu_node_count, 2);
    expect_node(&topology, 0, 1, "0-3,6-7");
    expect_node(&topology, 1, 2, "4-5");
    expect_node(&topology, 2, 0, "");
    mapproc_topology_destroy(&topology);

    assert_int_equal(read_machine(&root, "100", &topology), 0);
    assert_int_equal(topology.cpu_node_count, 1);
    expect_node(&topology, 0, 0, "100");
    mapproc_topology_destroy(&topology);
    fake_root_destroy(&root);
}

/* Nodes whose files are missing or nonsense still are nodes. */
static void nonsense_is_not_believed(void **state)
{
    static const unsigned distances[] = {10, 20, 33, 20, 10, 20, 20, 20, 10};
    static const char nul[] = "Node 2 MemTotal:\0 5 kB\n";
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    fake_root_put(&root, NODE_DIRECTORY "online", "0-2,5000,99999999999\n");
    put_node(&root, 0, "cpulist", "0-1,99999999999\n");
    put_node(&root, 0, "distance", "0 99999999999 33 44 55 66\n");
    put_node(&root, 0, "meminfo", "Node 0 MemTotal: 18446744073709551615 kB\n");
    put_node(&root, 1, "cpulist", "2-3,\n");
    put_node(&root, 1, "distance", "-1 5\n");
    put_node(&root, 1, "meminfo", "Node 1 MemTotal: 5 MB\nNode 1 XMemFree: 5 kB\n");
    put_node(&root, 2, "distance", "");
    fake_root_put_bytes(&root, NODE_DIRECTORY "node2/meminfo", nul, sizeof(nul) - 1);
    fake_root_put(&root, "/proc/thread-self/status", "Name:\tx\nMems_allowed_list:\tnone\n");
    assert_int_equal(read_machine(&root, "0-3", &topology), 0);
    assert_int_equal(topology.node_count, 3);
    expect_node(&topology, 0, 0, "0-3");
    expect_node(&topology, 1, 1, "");
    expect_node(&topology, 2, 2, "");
    expect_distances(&topology, distances);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(topology.nodes[i].memory_size == 0);
        assert_true(topology.nodes[i].memory_free == 0);
        assert_true(topology.nodes[i].memory_allowed);
    }
    mapproc_topology_destroy(&topology);
    fake_root_destroy(&root);
}

static void without_a_list_of_nodes_there_are_none(void **state)
{
    static const char *const lists[] = {"", "\n", "x\n", "0-\n", "99999999999\n", "1024\n"};
    struct mapproc_topology topology;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    assert_int_equal(read_machine(&root, "0-3", &topology), ENOENT);
    assert_null(topology.nodes);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        fake_root_put(&root, NODE_DIRECTORY "online", lists[i]);
        assert_int_equal(read_machine(&root, "0-3", &topology), EINVAL);
        assert_null(topology.nodes);
        assert_null(topology.distances);
        assert_int_equal(topology.node_count, 0);
        assert_int_equal(topology.cpu_count, 4);
    }
    fake_root_destroy(&root);
}

/* A machine of which the files are made. */
struct machine {
    unsigned count;
    int numbers[MACHINE_NODES];
    uint64_t memory[MACHINE_NODES];
    bool allowed[MACHINE_NODES];
    unsigned distances[MACHINE_NODES][MACHINE_NODES];
    int node_of[MACHINE_CPUS]; /* index, or -1: on no node */
    bool usable[MACHINE_CPUS];
};

static void make_random_machine(struct test_random *random, struct machine *machine)
{
    int number = (int)test_random_below(random, 3);

    *machine = (struct machine){.count = 1 + (unsigned)test_random_below(random, MACHINE_NODES)};
    for (unsigned i = 0; i < machine->count; i++) {
        machine->numbers[i] = number;
        number += 1 + (int)test_random_below(random, 4);
        machine->memory[i] = test_random_below(random, 1 << 20) * 4096;
        machine->allowed[i] = test_random_below(random, 3) != 0;
        for (unsigned j = 0; j < machine->count; j++)
            machine->distances[i][j] = i == j ? 10 : 11 + (unsigned)test_random_below(random, 200);
    }
    for (int cpu = 0; cpu < MACHINE_CPUS; cpu++) {
        machine->node_of[cpu] = (int)test_random_below(random, 2 * machine->count) - 1;
        if (machine->node_of[cpu] >= (int)machine->count)
            machine->node_of[cpu] = 0;
        machine->usable[cpu] = test_random_below(random, 16) == 0;
    }
    machine->usable[test_random_below(random, MACHINE_CPUS)] = true;
}

/* Adds a number to a list in its plainest form. */
static void append_number(char *list, int number)
{
    (void)sprintf(list + strlen(list), "%s%d", *list != '\0' ? "," : "", number);
}

static void put_machine(const struct fake_root *root, const struct machine *machine)
{
    char online[256] = "", status[256] = "Name:\tx\nMems_allowed_list:\t", allowed[128] = "";

    for (unsigned i = 0; i < machine->count; i++) {
        char cpus[4 * MACHINE_CPUS + 1] = "", row[256] = "";

        append_number(online, machine->numbers[i]);
        if (machine->allowed[i])
            append_number(allowed, machine->numbers[i]);
        for (int cpu = 0; cpu < MACHINE_CPUS; cpu++)
            if (machine->node_of[cpu] == (int)i)
                append_number(cpus, cpu);
        put_node(root, machine->numbers[i], "cpulist", strcat(cpus, "\n"));
        put_memory(root, machine->numbers[i], machine->memory[i], machine->memory[i] / 2);
        for (unsigned j = 0; j < machine->count; j++)
            (void)sprintf(row + strlen(row), "%s%u", j > 0 ? " " : "", machine->distances[i][j]);
        put_node(root, machine->numbers[i], "distance", strcat(row, "\n"));
    }
    fake_root_put(root, NODE_DIRECTORY "online", strcat(online, "\n"));
    fake_root_put(root, "/proc/thread-self/status", strcat(strcat(status, allowed), "\nx:\t1\n"));
}

static int index_in_machine(const struct machine *machine, int number)
{
    for (unsigned i = 0; i < machine->count; i++)
        if (machine->numbers[i] == number)
            return (int)i;
    fail_msg("there is no node %d", number);
    return -1;
}

static void compare_machine(const struct machine *machine, const struct mapproc_topology *topology)
{
    unsigned orphans = 0;

    assert_int_equal(topology->node_count, machine->count);
    for (int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        orphans += machine->usable[cpu] && machine->node_of[cpu] < 0;
    for (unsigned i = 0; i < topology->node_count; i++) {
        const struct mapproc_node *node = &topology->nodes[i];
        int from = index_in_machine(machine, node->number);
        unsigned cpus = i == 0 ? orphans : 0;

        for (int cpu = 0; cpu < MACHINE_CPUS; cpu++) {
            bool expected = machine->usable[cpu] && (machine->node_of[cpu] == from ||
                                                     (i == 0 && machine->node_of[cpu] < 0));

            cpus += machine->usable[cpu] && machine->node_of[cpu] == from;
            assert_int_equal(CPU_ISSET_S(cpu, topology->cpu_set_size, node->cpus), expected);
        }
        assert_int_equal(node->cpu_count, cpus);
        assert_int_equal(cpus > 0, i < topology->cpu_node_count);
        if (i > 0 && i != topology->cpu_node_count)
            assert_true(node->number > node[-1].number);
        assert_true(node->memory_size == machine->memory[from]);
        assert_true(node->memory_free == machine->memory[from] / 2);
        assert_int_equal(node->memory_allowed, machine->allowed[from]);
        for (unsigned j = 0; j < topology->node_count; j++) {
            int to = index_in_machine(machine, topology->nodes[j].number);
            unsigned nearest = mapproc_topology_nearest_cpu_node(topology, machine->numbers[to]);

            assert_int_equal(mapproc_topology_distance(topology, i, j),
                             machine->distances[from][to]);
            assert_true(nearest < topology->cpu_node_count);
            if (j < topology->cpu_node_count)
                assert_int_equal(nearest, j);
            else if (i < topology->cpu_node_count)
                assert_true(mapproc_topology_distance(topology, nearest, j) <=
                            machine->distances[from][to]);
        }
    }
}

static void random_machines(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 40; round++) {
        struct mapproc_topology topology;
        struct fake_root root;
        struct machine machine;
        char usable[4 * MACHINE_CPUS + 1] = "";

        fake_root_make(&root);
        make_random_machine(&random, &machine);
        put_machine(&root, &machine);
        for (int cpu = 0; cpu < MACHINE_CPUS; cpu++)
            if (machine.usable[cpu])
                append_number(usable, cpu);
        assert_int_equal(read_machine(&root, usable, &topology), 0);
        compare_machine(&machine, &topology);
        mapproc_topology_destroy(&topology);
        fake_root_destroy(&root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_and_memory_alone),
        cmocka_unit_test(a_cpuset_leaves_some_nodes_without_cpus),
        cmocka_unit_test(nodes_can_be_forgotten),
        cmocka_unit_test(every_cpu_is_on_one_node),
        cmocka_unit_test(nonsense_is_not_believed),
        cmocka_unit_test(without_a_list_of_nodes_there_are_none),
        cmocka_unit_test(random_machines),
    };

    return cmocka_run_group_tests_name("node_files", tests, NULL, NULL);
}
