/* SPDX-License-Identifier: MIT */
/* topology.h - the NUMA nodes of this machine and the CPUs that this process may use on them. */
#ifndef MAPPROC_MEMORY_TOPOLOGY_H
#define MAPPROC_MEMORY_TOPOLOGY_H

#include <sched.h>
#include <stddef.h>

#include "mapproc.h"

/* A NUMA node with at least one usable CPU. */
struct mapproc_node {
    int number;         /* as the kernel counts: there may be gaps */
    unsigned cpu_count; /* usable CPUs, at least 1 */
    cpu_set_t *cpus;    /* they, in a set of mapproc_topology.cpu_set_size bytes */
};

struct mapproc_topology {
    struct mapproc_node *nodes;
    unsigned node_count; /* at least 1 */
    unsigned cpu_count;  /* usable CPUs on all nodes, at least 1 */
    size_t cpu_set_size; /* bytes */
};

/*
 * Finds the nodes with CPUs in the process's affinity mask. Where the kernel or a container does
 * not tell about nodes, all CPUs are on one node with number 0. Fails only without memory.
 */
int mapproc_topology_init(struct mapproc_topology *topology, struct mapproc_error *error);
void mapproc_topology_destroy(struct mapproc_topology *topology);

/* Keeps the calling thread on the node's CPUs. Best effort: a refusal costs speed, nothing else. */
void mapproc_topology_pin_thread(const struct mapproc_topology *topology,
                                 const struct mapproc_node *node);

#endif
