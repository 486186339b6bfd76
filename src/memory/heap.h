/* SPDX-License-Identifier: MIT */
/* heap.h - the process's allocator, and a part of it for each NUMA node. */
#ifndef MAPPROC_MEMORY_HEAP_H
#define MAPPROC_MEMORY_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The allocator is the business of the program, not of this library: malloc() is what it is. If it
 * turns out to be jemalloc, each NUMA node gets an arena of its own, so that what the threads of a
 * node allocate comes from pages that only they were the first to touch.
 *
 * Thread-safety: every function may be called from any thread.
 */

/*
 * Lets the calling thread allocate from the arena of NUMA node `number` (as the kernel counts) from
 * now on. Arenas are made at the first use and stay for as long as the process does. Returns false,
 * and changes nothing, if the allocator has no arenas or cannot make another one.
 */
bool mapproc_heap_enter_node(int number);

/* The allocator's name and version, such as "jemalloc 5.3.0" or "glibc 2.36", in `text`. */
void mapproc_heap_describe(char *text, size_t size);

/*
 * Hands the allocator's statistics to `write` as text, in one or more pieces. Returns false if the
 * allocator has none to give in this way.
 */
bool mapproc_heap_write_stats(void (*write)(void *argument, const char *text), void *argument);

#endif
