/* SPDX-License-Identifier: MIT */
/* chunks_output.h - what mapproc chunks prints: chunks, statistics, differences. */
#ifndef MAPPROC_CLI_CHUNKS_OUTPUT_H
#define MAPPROC_CLI_CHUNKS_OUTPUT_H

#include <stdbool.h>

#include "jobs/chunk_diff.h"
#include "jobs/chunk_stats.h"

/* All return false once the output has failed, which is told when it is finished. Not
 * thread-safe. */
struct cli_chunks_output {
    bool json;
    bool named; /* each chunk with the name of its source */
};

bool cli_chunks_print(const struct cli_chunks_output *output, const char *name,
                      const struct mapproc_chunk_record *record);

bool cli_chunk_stats_print(const struct cli_chunks_output *output,
                           const struct mapproc_chunk_stats *stats);

/* A range of B that is not in A. */
bool cli_chunk_range_print(const struct cli_chunks_output *output, uint64_t offset,
                           uint64_t length);

/* What all ranges come to. */
bool cli_chunk_diff_print(const struct cli_chunks_output *output,
                          const struct mapproc_chunk_diff *diff);

#endif
