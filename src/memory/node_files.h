/* SPDX-License-Identifier: MIT */
/* node_files.h - the NUMA nodes as the kernel shows them in sysfs. */
#ifndef MAPPROC_MEMORY_NODE_FILES_H
#define MAPPROC_MEMORY_NODE_FILES_H

#include "memory/topology.h"

/*
 * Fills in nodes, node_count, cpu_node_count and distances of a topology whose cpu_set_size is set,
 * and shares out the CPUs in `usable` (not empty) among the nodes. A CPU that is on several nodes
 * goes to the first of them, one that is on none to the first node with CPUs.
 *
 * `root` is put before the paths of /proc and /sys: "", but for tests.
 *
 * Returns 0 or an errno, and then has filled in nothing: ENOMEM, or another one if the kernel does
 * not tell about nodes.
 */
int mapproc_node_files_read(struct mapproc_topology *topology, const char *root,
                            const cpu_set_t *usable);

#endif
