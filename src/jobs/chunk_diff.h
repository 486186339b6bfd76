/* SPDX-License-Identifier: MIT */
/* chunk_diff.h - which bytes of one source are not in another, wherever there. */
#ifndef MAPPROC_JOBS_CHUNK_DIFF_H
#define MAPPROC_JOBS_CHUNK_DIFF_H

#include <stdint.h>

#include "mapproc.h"
#include "pipeline/chunking.h"

/* Bytes that a delta needs to say of a range where it comes from, and how long it is. */
enum { MAPPROC_CHUNK_DIFF_RANGE = 16 };

struct mapproc_chunk_diff {
    uint64_t size;   /* of B */
    uint64_t fresh;  /* bytes of B that are in no chunk of A */
    uint64_t ranges; /* that these make */
    uint64_t delta;  /* bytes: `fresh`, and MAPPROC_CHUNK_DIFF_RANGE for each range, be it fresh or
                        to be copied from A */
};

/* Takes a range of B that is not in A, in their order; none touches the next. As
 * mapproc_chunk_report. */
typedef int (*mapproc_chunk_diff_report)(void *user, uint64_t offset, uint64_t length);

/*
 * Cuts A, keeps the digests of its chunks in `memory` bytes, cuts B alike and looks for them.
 * Chunks are the same if their 128-bit digests are. MAPPROC_REFUSED if A has more chunks than there
 * is memory for. Otherwise as mapproc_chunk_run().
 */
int mapproc_chunk_diff_run(const char *a, const char *b, const struct mapproc_chunking *chunking,
                           const struct mapproc_options *options, uint64_t memory,
                           mapproc_chunk_diff_report report, void *user,
                           struct mapproc_chunk_diff *diff, struct mapproc_error *error);

#endif
