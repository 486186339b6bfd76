/* SPDX-License-Identifier: MIT */
/* piece_list.h - the digests of a file's pieces, in the order of the file and without gaps. */
#ifndef MAPPROC_FORMAT_PIECE_LIST_H
#define MAPPROC_FORMAT_PIECE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

enum {
    MAPPROC_PIECES_WANTED = 16384, /* as many as a file has at most where the size is chosen here */
    MAPPROC_PIECES_MAX = 1000000,  /* as many as a list holds */

    /* Bytes. Pieces that can be computed begin at multiples of this, as the blocks of XXH3 do: so
     * they fold the same partials as the whole file. */
    MAPPROC_PIECE_ALIGNMENT = 1024,
};

struct mapproc_piece {
    uint64_t offset;
    uint64_t length; /* not 0 */
};

/* Not thread-safe: one user at a time. */
struct mapproc_piece_list {
    struct mapproc_piece *pieces;
    uint8_t *digests; /* count * digest_size bytes */
    size_t count;
    size_t capacity;
    size_t digest_size; /* bytes */
    uint64_t end;       /* of the last piece, where the next one begins */
};

/* An empty list. Keeps no memory before the first piece is added. */
void mapproc_piece_list_init(struct mapproc_piece_list *list, size_t digest_size);
/* Makes it empty and keeps the memory for the next file. */
void mapproc_piece_list_clear(struct mapproc_piece_list *list, size_t digest_size);
void mapproc_piece_list_free(struct mapproc_piece_list *list);

/*
 * Adds a piece that begins where the last one ends; its digest is copied. Returns MAPPROC_OK;
 * MAPPROC_REFUSED, and the list is unchanged, for a length of 0 or past 64 bits or if
 * MAPPROC_PIECES_MAX are there; MAPPROC_FAILED without memory.
 */
int mapproc_piece_list_add(struct mapproc_piece_list *list, uint64_t length, const uint8_t *digest,
                           struct mapproc_error *error);

static inline const uint8_t *mapproc_piece_digest(const struct mapproc_piece_list *list,
                                                  size_t index)
{
    return list->digests + index * list->digest_size;
}

#endif
