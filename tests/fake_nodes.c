/* SPDX-License-Identifier: MIT */
/* fake_nodes.c - a topology of several nodes on a machine that has one.
 *
 * A test that is linked with --wrap=mapproc_topology_init runs the pipeline on it. The kernel
 * refuses to bind memory to nodes that there are not, so this tries the refusals as well.
 */
#include "fake_nodes.h"

#include "cmocka_all.h"

#include <stdlib.h>

enum { NODES = 3, CPU_NODES = 2 };

void fake_nodes_make(struct mapproc_topology *topology)
{
    static const int numbers[NODES] = {0, 5, 7};
    static const unsigned distances[NODES * NODES] = {10, 21, 31, 21, 10, 17, 31, 17, 10};
    size_t size = sizeof(cpu_set_t);
    cpu_set_t usable;
    unsigned turn = 0;

    assert_int_equal(sched_getaffinity(0, size, &usable), 0);
    *topology = (struct mapproc_topology){
        .nodes = calloc(NODES, sizeof(*topology->nodes)),
        .node_count = NODES,
        .cpu_node_count = CPU_NODES,
        .cpu_set_size = size,
        .distances = malloc(sizeof(distances)),
    };
    assert_true(topology->nodes != NULL && topology->distances != NULL);
    for (unsigned i = 0; i < NODES * NODES; i++)
        topology->distances[i] = distances[i];
    for (unsigned i = 0; i < NODES; i++) {
        topology->nodes[i] = (struct mapproc_node){.number = numbers[i],
                                                   .cpus = CPU_ALLOC(CPU_SETSIZE),
                                                   .memory_size = UINT64_C(1) << 30,
                                                   .memory_free = UINT64_C(1) << 29,
                                                   .memory_allowed = true};
        assert_non_null(topology->nodes[i].cpus);
        CPU_ZERO_S(size, topology->nodes[i].cpus);
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &usable))
            CPU_SET_S(cpu, size, topology->nodes[turn++ % CPU_NODES].cpus);
    if (turn == 1)
        CPU_OR_S(size, topology->nodes[1].cpus, topology->nodes[1].cpus, topology->nodes[0].cpus);
    for (unsigned i = 0; i < CPU_NODES; i++) {
        topology->nodes[i].cpu_count = (unsigned)CPU_COUNT_S(size, topology->nodes[i].cpus);
        topology->cpu_count += topology->nodes[i].cpu_count;
    }
}

/* What the pipeline gets instead of mapproc_topology_init(). */
int __wrap_mapproc_topology_init(struct mapproc_topology *topology, const char *cpu_list,
                                 struct mapproc_error *error);
int __wrap_mapproc_topology_init(struct mapproc_topology *topology, const char *cpu_list,
                                 struct mapproc_error *error)
{
    (void)cpu_list;
    (void)error;
    fake_nodes_make(topology);
    return MAPPROC_OK;
}
