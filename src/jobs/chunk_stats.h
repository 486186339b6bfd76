/* SPDX-License-Identifier: MIT */
/* chunk_stats.h - what the chunks of sources come to: sizes, and what is there more than once. */
#ifndef MAPPROC_JOBS_CHUNK_STATS_H
#define MAPPROC_JOBS_CHUNK_STATS_H

#include "jobs/chunk_run.h"
#include "jobs/chunk_set.h"

enum { MAPPROC_CHUNK_CLASSES = 31 }; /* of sizes: the last is that of 1 GiB */

struct mapproc_chunk_class {
    uint64_t chunks; /* with a size from 2^n to 2^(n+1) - 1 bytes */
    uint64_t bytes;
};

/* Zeros, but for the set, at first. Not thread-safe. */
struct mapproc_chunk_stats {
    uint64_t chunks;
    uint64_t bytes;
    uint64_t least, most; /* bytes of a chunk */
    struct mapproc_chunk_class classes[MAPPROC_CHUNK_CLASSES];

    uint64_t repeated; /* chunks with the digest of an earlier one: their bytes need not be kept */
    uint64_t repeated_bytes;
    uint64_t forgotten; /* chunks that later ones are not compared with, for want of memory; so
                           `repeated` is the least that it can be */
    struct mapproc_chunk_set set;
};

void mapproc_chunk_stats_init(struct mapproc_chunk_stats *stats, uint64_t memory);
void mapproc_chunk_stats_free(struct mapproc_chunk_stats *stats);

/* Counts a chunk of any source. */
void mapproc_chunk_stats_add(struct mapproc_chunk_stats *stats,
                             const struct mapproc_chunk_record *record);

#endif
