/* SPDX-License-Identifier: MIT */
/* chunk_run.h - where the chunks of a source end, and the digest of each. */
#ifndef MAPPROC_JOBS_CHUNK_RUN_H
#define MAPPROC_JOBS_CHUNK_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "mapproc.h"
#include "pipeline/chunking.h"

enum { MAPPROC_CHUNK_DIGEST_SIZE = 16 }; /* bytes */

/* One chunk. */
struct mapproc_chunk_record {
    uint64_t offset;
    uint64_t length;                           /* bytes, at least 1 */
    uint8_t digest[MAPPROC_CHUNK_DIGEST_SIZE]; /* xxh128 of its bytes alone, canonical */
};

/* Takes the chunks of a source in their order, from any worker thread, never two at once.
 * MAPPROC_OK to go on; a negative code ends the run, which then returns it. */
typedef int (*mapproc_chunk_report)(void *user, const struct mapproc_chunk_record *record);

/*
 * Cuts the source `path` ("-" is standard input) and digests each of its chunks, on all cores.
 * Chunks of one size have 1 MiB unless the options say otherwise, whatever the memory. What was
 * reported before a source failed is good, unless it changed. MAPPROC_OK; what the source, the
 * options or the machine failed with; or what a report returned, and then error->what is empty.
 */
int mapproc_chunk_run(const char *path, const struct mapproc_chunking *chunking,
                      const struct mapproc_options *options, mapproc_chunk_report report,
                      void *user, struct mapproc_error *error);

#endif
