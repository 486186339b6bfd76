/* SPDX-License-Identifier: MIT */
/* region.h - memory to measure with: huge pages if possible, on the nodes that are asked for. */
#ifndef MAPPROC_BENCH_REGION_H
#define MAPPROC_BENCH_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/team.h"

struct mapproc_bench_region {
    unsigned char *memory;
    size_t size; /* bytes */
};

/* Maps memory that is not there yet: it comes with the first touch. MAPPROC_FAILED without. */
int mapproc_bench_region_open(struct mapproc_bench_region *region, size_t size,
                              struct mapproc_error *error);
void mapproc_bench_region_close(struct mapproc_bench_region *region);

/*
 * Determines, before the first touch, that the memory comes from the `count` nodes with these
 * numbers, page by page in turn. Returns 0 or the errno of the refusal.
 */
int mapproc_bench_region_bind(const struct mapproc_bench_region *region, const int *numbers,
                              size_t count);

/* Fills the region with noise, each thread of the team a part: so that is touched first by them. */
int mapproc_bench_region_fill(const struct mapproc_bench_region *region,
                              struct mapproc_bench_team *team, struct mapproc_error *error);

/* The part of a region that thread `index` of `threads` has: whole cache lines. */
static inline struct mapproc_bench_region
mapproc_bench_region_part(const struct mapproc_bench_region *region, unsigned index,
                          unsigned threads)
{
    const size_t line = 64, lines = region->size / line;
    const size_t begin = (size_t)((double)lines / threads * index) * line;
    const size_t end = index + 1 == threads
                           ? region->size
                           : (size_t)((double)lines / threads * (index + 1)) * line;

    return (struct mapproc_bench_region){.memory = region->memory + begin, .size = end - begin};
}

#endif
