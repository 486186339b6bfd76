/* SPDX-License-Identifier: MIT */
/* fake_nodes.h - a topology of several nodes on a machine that has one. */
#ifndef MAPPROC_TESTS_FAKE_NODES_H
#define MAPPROC_TESTS_FAKE_NODES_H

#include "memory/topology.h"

/*
 * Shares out the CPUs of this process over two nodes, 0 and 5, and adds a node 7 that has memory
 * alone, nearer to node 5. With one CPU both nodes have it. Ends the test without memory.
 */
void fake_nodes_make(struct mapproc_topology *topology);

#endif
