/* SPDX-License-Identifier: MIT */
/* chunk_set.h - digests of chunks that were seen, with a number each, in bounded memory. */
#ifndef MAPPROC_JOBS_CHUNK_SET_H
#define MAPPROC_JOBS_CHUNK_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapproc_chunk_entry;

/* Not thread-safe. */
struct mapproc_chunk_set {
    struct mapproc_chunk_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t memory; /* bytes that it may take, while it grows, too */
    uint64_t keys[2];
};

enum mapproc_chunk_answer {
    MAPPROC_CHUNK_ADDED,   /* it was not there */
    MAPPROC_CHUNK_FOUND,   /* it was */
    MAPPROC_CHUNK_NO_ROOM, /* it was not, and still is not */
};

/* An empty set. */
void mapproc_chunk_set_init(struct mapproc_chunk_set *set, uint64_t memory);
void mapproc_chunk_set_free(struct mapproc_chunk_set *set);

/* How many digests a set of so much memory has room for. */
uint64_t mapproc_chunk_set_room(uint64_t memory);

/* Adds a digest of MAPPROC_CHUNK_DIGEST_SIZE bytes with a number below UINT64_MAX, unless it is
 * there. */
enum mapproc_chunk_answer mapproc_chunk_set_add(struct mapproc_chunk_set *set,
                                                const uint8_t *digest, uint64_t number);

/* Whether a digest is there, and with which number. */
bool mapproc_chunk_set_find(const struct mapproc_chunk_set *set, const uint8_t *digest,
                            uint64_t *number);

#endif
