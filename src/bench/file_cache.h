/* SPDX-License-Identifier: MIT */
/* file_cache.h - getting a file out of the page cache, and seeing what is in it. */
#ifndef MAPPROC_BENCH_FILE_CACHE_H
#define MAPPROC_BENCH_FILE_CACHE_H

#include "input/source.h"

/*
 * Finds how much of the first `size` bytes of an extent is in the page cache, from 0 to 1. Returns
 * false if the kernel does not tell; of a file that is neither ours nor writable it says all.
 */
bool mapproc_file_cache_part(const struct mapproc_source *source, uint64_t size, double *part);

/*
 * Puts the first `size` bytes out of the page cache, as root with the whole cache of the machine if
 * nothing less helps. Returns NULL, or why they are still there.
 */
const char *mapproc_file_cache_drop(const struct mapproc_source *source, uint64_t size);

#endif
