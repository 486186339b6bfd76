/* SPDX-License-Identifier: MIT */
/* piece_list.c - the digests of a file's pieces, in the order of the file and without gaps. */
#include "format/piece_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

void mapproc_piece_list_init(struct mapproc_piece_list *list, size_t digest_size)
{
    *list = (struct mapproc_piece_list){.digest_size = digest_size};
}

void mapproc_piece_list_clear(struct mapproc_piece_list *list, size_t digest_size)
{
    /* The capacity counts digests of the old size. */
    if (digest_size != list->digest_size)
        mapproc_piece_list_free(list);
    list->digest_size = digest_size;
    list->count = 0;
    list->end = 0;
}

void mapproc_piece_list_free(struct mapproc_piece_list *list)
{
    free(list->pieces);
    free(list->digests);
    mapproc_piece_list_init(list, list->digest_size);
}

/* Nothing here can overflow: the capacity stays below 2 * MAPPROC_PIECES_MAX. */
static bool make_room(struct mapproc_piece_list *list)
{
    size_t capacity = list->capacity > 0 ? list->capacity * 2 : 64;
    struct mapproc_piece *pieces;
    uint8_t *digests;

    if (list->count < list->capacity)
        return true;
    pieces = realloc(list->pieces, capacity * sizeof(*pieces));
    if (pieces == NULL)
        return false;
    list->pieces = pieces;
    digests = realloc(list->digests, capacity * list->digest_size);
    if (digests == NULL)
        return false;
    list->digests = digests;
    list->capacity = capacity;
    return true;
}

int mapproc_piece_list_add(struct mapproc_piece_list *list, uint64_t length, const uint8_t *digest,
                           struct mapproc_error *error)
{
    uint64_t end;

    if (length == 0 || !mapproc_add_u64(list->end, length, &end) ||
        list->count == MAPPROC_PIECES_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "a piece is empty, too long, or one too many");
    if (!make_room(list))
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot note a piece");
    list->pieces[list->count] = (struct mapproc_piece){list->end, length};
    memcpy(list->digests + list->count * list->digest_size, digest, list->digest_size);
    list->count++;
    list->end = end;
    return MAPPROC_OK;
}
