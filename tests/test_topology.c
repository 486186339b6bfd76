/* SPDX-License-Identifier: MIT */
/* test_topology.c - the usable CPUs, against what the kernel says by other ways. */
#include "cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "memory/topology.h"

static void nodes_share_out_the_affinity_mask(void **state)
{
    struct mapproc_topology topology;
    cpu_set_t allowed, seen;
    unsigned cpus = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_true(topology.node_count >= 1);
    assert_int_equal(topology.cpu_count, CPU_COUNT(&allowed));
    CPU_ZERO(&seen);
    for (unsigned i = 0; i < topology.node_count; i++) {
        const struct mapproc_node *node = &topology.nodes[i];

        assert_int_equal(node->cpu_count, CPU_COUNT_S(topology.cpu_set_size, node->cpus));
        assert_true(node->cpu_count >= 1);
        cpus += node->cpu_count;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET_S(cpu, topology.cpu_set_size, node->cpus))
                continue;
            assert_true(CPU_ISSET(cpu, &allowed));
            assert_false(CPU_ISSET(cpu, &seen));
            CPU_SET(cpu, &seen);
        }
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(topology.nodes[j].number, node->number);
    }
    assert_int_equal(cpus, topology.cpu_count);
    mapproc_topology_destroy(&topology);
}

/* In a thread of its own, because it narrows the affinity. */
static void *use_one_cpu(void *argument)
{
    struct mapproc_topology topology;
    cpu_set_t allowed, one;
    int cpu = 0;

    (void)argument;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_int_equal(topology.cpu_count, 1);
    assert_int_equal(topology.node_count, 1);
    assert_true(CPU_ISSET_S(cpu, topology.cpu_set_size, topology.nodes[0].cpus));
    mapproc_topology_destroy(&topology);
    return NULL;
}

static void affinity_is_respected(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, use_one_cpu, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *pin_to_first_node(void *argument)
{
    const struct mapproc_topology *topology = argument;
    cpu_set_t now;

    mapproc_topology_pin_thread(topology, &topology->nodes[0]);
    assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        assert_int_equal(CPU_ISSET(cpu, &now),
                         CPU_ISSET_S(cpu, topology->cpu_set_size, topology->nodes[0].cpus));
    return NULL;
}

static void threads_can_be_pinned(void **state)
{
    struct mapproc_topology topology;
    pthread_t thread;

    (void)state;
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_int_equal(pthread_create(&thread, NULL, pin_to_first_node, &topology), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mapproc_topology_destroy(&topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_share_out_the_affinity_mask),
        cmocka_unit_test(affinity_is_respected),
        cmocka_unit_test(threads_can_be_pinned),
    };

    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
