/* SPDX-License-Identifier: MIT */
/* page_node.h - on which NUMA node the page cache holds a byte of a source. */
#ifndef MAPPROC_INPUT_PAGE_NODE_H
#define MAPPROC_INPUT_PAGE_NODE_H

#include "input/source.h"

/*
 * The number of the node (as the kernel counts) whose memory holds the byte at `offset` of an
 * extent, or -1 if it is not in the page cache or nobody tells. Any thread, but not inside a
 * guarded run. Maps one page for a moment: a handful of system calls, some microseconds.
 */
int mapproc_page_node_find(const struct mapproc_source *source, uint64_t offset);

#endif
