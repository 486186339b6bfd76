/* SPDX-License-Identifier: MIT */
/* cpu_list.h - sets of CPUs, or of nodes, as people and the kernel write them: "0-3,8". */
#ifndef MAPPROC_BASE_CPU_LIST_H
#define MAPPROC_BASE_CPU_LIST_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a list in the form of taskset and sysfs into `set`, which has `size` bytes: numbers and
 * ranges first-last, a range optionally with its stride (0-31:2), with commas between them and
 * nothing else. An empty text is an empty set.
 *
 * Numbers that the set has no room for are left out; *beyond, which may be NULL, gets the lowest of
 * them, or UINT64_MAX if there are none. Takes no longer for huge numbers than for small ones.
 *
 * Returns false if the text is malformed; *set and *beyond then mean nothing.
 */
bool mapproc_cpu_list_parse(const char *text, cpu_set_t *set, size_t size, uint64_t *beyond);

/*
 * Writes the set, of `size` bytes, in the shortest such list without strides; an empty set as an
 * empty text. Works like snprintf: never writes more than `text_size` bytes (NUL included, cut at
 * the end if it must) and returns the length that the whole would have had, without the NUL.
 */
size_t mapproc_cpu_list_format(const cpu_set_t *set, size_t size, char *text, size_t text_size);

#endif
