/* SPDX-License-Identifier: MIT */
/* raw_digest.h - the digest of a source, and of its pieces, while something else is made of it. */
#ifndef MAPPROC_JOBS_RAW_DIGEST_H
#define MAPPROC_JOBS_RAW_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "format/piece_list.h"
#include "mapproc.h"

/*
 * Folds partials of mapproc_raw_digest_algorithm(), one a chunk. Chunks are cut by other rules than
 * those of digests: a piece is a number of whole chunks, and where chunks do not fill pieces there
 * are none.
 *
 * One thread at a time.
 */
struct mapproc_raw_digest {
    uint8_t value[MAPPROC_DIGEST_MAX]; /* once finished */
    uint64_t piece_size;               /* bytes; 0: no pieces */
    struct mapproc_piece_list pieces;  /* once finished they cover all, or there are none */

    /* The rest is private. */
    uint64_t piece_begin;
    unsigned char *states; /* of the digest of all, and of the piece; NULL: not started */
};

const struct mapproc_digest *mapproc_raw_digest_algorithm(void);

/*
 * Starts it for a source of `size` bytes (0 if nobody knows) in chunks of `chunk_size`, with
 * digests of pieces if `pieces`. MAPPROC_FAILED without memory; then there is nothing to free.
 */
int mapproc_raw_digest_start(struct mapproc_raw_digest *digest, uint64_t size, size_t chunk_size,
                             bool pieces, struct mapproc_error *error);

/* Takes the partial of the next chunk. */
int mapproc_raw_digest_fold(struct mapproc_raw_digest *digest, const void *partial, uint64_t offset,
                            size_t length, struct mapproc_error *error);

/* There are no more: `size` bytes in all. */
int mapproc_raw_digest_finish(struct mapproc_raw_digest *digest, uint64_t size,
                              struct mapproc_error *error);

/* Allowed in every state, if it was all zeros at first. */
void mapproc_raw_digest_free(struct mapproc_raw_digest *digest);

#endif
