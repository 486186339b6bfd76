/* SPDX-License-Identifier: MIT */
/* xxh3_block_sums.h - the part of XXH3 that can be computed in any order. */
#ifndef MAPPROC_DIGEST_XXH3_BLOCK_SUMS_H
#define MAPPROC_DIGEST_XXH3_BLOCK_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

enum {
    MAPPROC_XXH3_BLOCK = 1024, /* bytes: 16 stripes of 64, with the default 192-byte secret */
    MAPPROC_XXH3_LANES = 8,    /* 64-bit accumulators */
};

/*
 * For each of `blocks` whole blocks at `data` (any alignment), writes what the block adds to the
 * eight accumulators: sums[8 * block + lane]. `secret` is the 192-byte default secret.
 */
typedef void mapproc_xxh3_block_sums_function(const uint8_t *data, size_t blocks, uint64_t *sums,
                                              const uint8_t *secret);

/* The variant for a level, which must be one that this CPU has. Never NULL. */
mapproc_xxh3_block_sums_function *mapproc_xxh3_block_sums_at(enum mapproc_cpu_level level);

/*
 * The fastest variant for this CPU, or the one that MAPPROC_CPU named at the first call.
 * Thread-safe, never NULL.
 */
mapproc_xxh3_block_sums_function *mapproc_xxh3_block_sums_select(void);

#endif
