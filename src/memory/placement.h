/* SPDX-License-Identifier: MIT */
/* placement.h - keeping threads and memory on the NUMA nodes where they belong. */
#ifndef MAPPROC_MEMORY_PLACEMENT_H
#define MAPPROC_MEMORY_PLACEMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "memory/topology.h"

/*
 * All of this is for speed alone. A kernel or a container that refuses a call costs nothing but
 * that; the first refusal is kept for whoever wants to tell the user.
 */
struct mapproc_placement {
    const struct mapproc_topology *topology;
    enum mapproc_numa policy;  /* MAPPROC_NUMA_OFF where there is only one node */
    bool keeps_process_policy; /* the process came with a memory policy of its own: it stays */
    atomic_int refused;        /* errno of the first call that was refused, or 0 */
};

/* `topology` is borrowed for as long as the placement is used. */
void mapproc_placement_init(struct mapproc_placement *placement,
                            const struct mapproc_topology *topology, enum mapproc_numa policy);

/*
 * Keeps the calling thread on the CPUs of node `node` (an index below topology.cpu_node_count), and
 * what it allocates and reads into the page cache where the policy wants it.
 */
void mapproc_placement_enter(struct mapproc_placement *placement, unsigned node);

/* Says where the pages of anonymous memory shall come from when they are first touched. `address`
 * and `length` (bytes) are whole pages. */
void mapproc_placement_bind(struct mapproc_placement *placement, unsigned node, void *address,
                            size_t length);

#endif
