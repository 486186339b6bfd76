/* SPDX-License-Identifier: MIT */
/* topology.c - the NUMA nodes of this machine and the CPUs that this process may use on them. */
#include "memory/topology.h"

#include <errno.h>
#include <numa.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

enum { CPUS_MAX = 1 << 20 }; /* more than any kernel can be built for */

/*
 * The affinity mask of this process, in a set as large as the kernel wants it; *cpus gets the
 * number of CPUs the set can hold. Where the kernel refuses to tell, one CPU. NULL without memory.
 */
static cpu_set_t *read_affinity(size_t *cpus)
{
    for (*cpus = CPU_SETSIZE; *cpus <= CPUS_MAX; *cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(*cpus);
        size_t size = CPU_ALLOC_SIZE(*cpus);

        if (set == NULL)
            return NULL;
        CPU_ZERO_S(size, set);
        if (sched_getaffinity(0, size, set) == 0 && CPU_COUNT_S(size, set) > 0)
            return set;
        if (errno != EINVAL || *cpus == CPUS_MAX) {
            CPU_ZERO_S(size, set);
            CPU_SET_S(0, size, set);
            return set;
        }
        CPU_FREE(set);
    }
    return NULL;
}

/* The node of a CPU, 0 where nobody knows. */
static int find_node_number(size_t cpu, bool have_numa)
{
    int number = have_numa ? numa_node_of_cpu((int)cpu) : 0;

    return number < 0 ? 0 : number;
}

/* The entry for node `number`, added if it is new. NULL without memory. */
static struct mapproc_node *find_or_add_node(struct mapproc_topology *topology, int number,
                                             size_t cpus)
{
    struct mapproc_node *nodes = topology->nodes;
    unsigned count = topology->node_count;
    cpu_set_t *set;

    for (unsigned i = 0; i < count; i++)
        if (nodes[i].number == number)
            return &nodes[i];
    set = CPU_ALLOC(cpus);
    nodes = reallocarray(nodes, count + 1, sizeof(*nodes));
    if (nodes != NULL)
        topology->nodes = nodes;
    if (set == NULL || nodes == NULL) {
        CPU_FREE(set);
        return NULL;
    }
    CPU_ZERO_S(topology->cpu_set_size, set);
    nodes[count] = (struct mapproc_node){.number = number, .cpus = set};
    topology->node_count = count + 1;
    return &nodes[count];
}

int mapproc_topology_init(struct mapproc_topology *topology, struct mapproc_error *error)
{
    bool have_numa = numa_available() >= 0;
    size_t cpus;
    cpu_set_t *usable = read_affinity(&cpus);

    *topology = (struct mapproc_topology){.cpu_set_size = CPU_ALLOC_SIZE(cpus)};
    if (usable == NULL)
        goto out_of_memory;
    for (size_t cpu = 0; cpu < cpus; cpu++) {
        struct mapproc_node *node;

        if (!CPU_ISSET_S(cpu, topology->cpu_set_size, usable))
            continue;
        node = find_or_add_node(topology, find_node_number(cpu, have_numa), cpus);
        if (node == NULL)
            goto out_of_memory;
        CPU_SET_S(cpu, topology->cpu_set_size, node->cpus);
        node->cpu_count++;
        topology->cpu_count++;
    }
    CPU_FREE(usable);
    return MAPPROC_OK;

out_of_memory:
    CPU_FREE(usable);
    mapproc_topology_destroy(topology);
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot list the CPUs");
}

void mapproc_topology_destroy(struct mapproc_topology *topology)
{
    for (unsigned i = 0; i < topology->node_count; i++)
        CPU_FREE(topology->nodes[i].cpus);
    free(topology->nodes);
    *topology = (struct mapproc_topology){0};
}

void mapproc_topology_pin_thread(const struct mapproc_topology *topology,
                                 const struct mapproc_node *node)
{
    (void)pthread_setaffinity_np(pthread_self(), topology->cpu_set_size, node->cpus);
}
