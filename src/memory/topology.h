/* SPDX-License-Identifier: MIT */
/* topology.h - the NUMA nodes of this machine and the CPUs that this process may use on them. */
#ifndef MAPPROC_MEMORY_TOPOLOGY_H
#define MAPPROC_MEMORY_TOPOLOGY_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

/* Distances that the kernel did not tell. */
enum {
    MAPPROC_DISTANCE_LOCAL = 10,
    MAPPROC_DISTANCE_REMOTE = 20,
};

struct mapproc_node {
    int number;           /* as the kernel counts: there may be gaps */
    unsigned cpu_count;   /* usable CPUs; 0 where there is memory alone, or CPUs not for us */
    cpu_set_t *cpus;      /* they, in a set of mapproc_topology.cpu_set_size bytes */
    uint64_t memory_size; /* bytes; 0 where there is none or nobody tells */
    uint64_t memory_free; /* bytes, when the topology was read */
    bool memory_allowed;  /* the cpuset lets this process take memory here */
};

/* Read-only once it is made: any thread may look at it. */
struct mapproc_topology {
    struct mapproc_node *nodes; /* those with usable CPUs first, each part by rising number */
    unsigned node_count;        /* of all, at least 1 */
    unsigned cpu_node_count;    /* of those with usable CPUs, the first ones; at least 1 */
    unsigned cpu_count;         /* usable CPUs on all nodes, at least 1 */
    size_t cpu_set_size;        /* bytes */
    unsigned *distances;        /* node_count rows of as many; see mapproc_topology_distance() */
    int numa_error;             /* 0, or the errno with which the kernel would not tell about nodes,
                                   and then all is taken for one node with number 0 */
};

/*
 * Finds the nodes of the machine, and the CPUs that this process may use: those of the calling
 * thread's affinity mask, which the cpuset has a part in. With a `cpu_list` ("0-3,8", "0-31:2")
 * these are narrowed to it.
 *
 * Returns MAPPROC_OK; MAPPROC_REFUSED for a list that is malformed or empty, or that names a CPU
 * which may not be used; or MAPPROC_FAILED without memory. After an error there is nothing to
 * destroy.
 */
int mapproc_topology_init(struct mapproc_topology *topology, const char *cpu_list,
                          struct mapproc_error *error);
void mapproc_topology_destroy(struct mapproc_topology *topology);

/* Forgets the nodes: everything is on one node with number 0, whose memory is that of all. */
void mapproc_topology_flatten(struct mapproc_topology *topology);

/*
 * The relative cost of access to the memory of one node from the CPUs of another, both given by
 * their index in `nodes`: 10 is local, 20 costs twice as much.
 */
static inline unsigned mapproc_topology_distance(const struct mapproc_topology *topology,
                                                 unsigned from, unsigned to)
{
    return topology->distances[(size_t)from * topology->node_count + to];
}

/*
 * The index of the node whose usable CPUs are nearest to the memory of node `number`, as the kernel
 * counts; that node itself if it has such CPUs. 0 for a number that does not exist.
 */
unsigned mapproc_topology_nearest_cpu_node(const struct mapproc_topology *topology, int number);

/* Keeps the calling thread on the node's usable CPUs. Returns 0 or the errno of the refusal. */
int mapproc_topology_pin_thread(const struct mapproc_topology *topology,
                                const struct mapproc_node *node);

#endif
