/* SPDX-License-Identifier: MIT */
/* raw_digest.c - the digest of a source, and of its pieces, while something else is made of it. */
#include "jobs/raw_digest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/manifest.h"

const struct mapproc_digest *mapproc_raw_digest_algorithm(void)
{
    return mapproc_digest_find("xxh128");
}

/* The second state is that of the piece. */
static void *state_at(const struct mapproc_raw_digest *digest, unsigned index)
{
    size_t size = mapproc_raw_digest_algorithm()->state_size;

    (void)mapproc_round_up_size(size, MAPPROC_DIGEST_ALIGNMENT, &size); /* some hundred bytes */
    return digest->states + index * size;
}

/* Bytes of a piece: as few chunks as make a multiple of what pieces begin at, are not too small,
 * and not too many. 0 if there is no such size. */
static uint64_t choose_piece_size(uint64_t size, size_t chunk_size)
{
    uint64_t least = chunk_size, piece_size;

    while (least % MAPPROC_PIECE_ALIGNMENT != 0)
        least *= 2; /* at most ten times */
    piece_size = least;
    while (piece_size < MAPPROC_MANIFEST_PIECE_MIN ||
           (size > 0 && (size - 1) / piece_size >= MAPPROC_PIECES_WANTED))
        if (!mapproc_multiply_u64(piece_size, 2, &piece_size))
            return 0;
    return piece_size;
}

static int out_of_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep its digests");
}

int mapproc_raw_digest_start(struct mapproc_raw_digest *digest, uint64_t size, size_t chunk_size,
                             bool pieces, struct mapproc_error *error)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    size_t state_size = algorithm->state_size;

    *digest =
        (struct mapproc_raw_digest){.piece_size = pieces ? choose_piece_size(size, chunk_size) : 0};
    mapproc_piece_list_init(&digest->pieces, algorithm->size);
    if (!mapproc_round_up_size(state_size, MAPPROC_DIGEST_ALIGNMENT, &state_size))
        return out_of_memory(error);
    digest->states = aligned_alloc(MAPPROC_DIGEST_ALIGNMENT, 2 * state_size);
    if (digest->states == NULL)
        return out_of_memory(error);
    if (algorithm->init(algorithm, state_at(digest, 0)) &&
        algorithm->init(algorithm, state_at(digest, 1)))
        return MAPPROC_OK;
    mapproc_raw_digest_free(digest);
    return out_of_memory(error);
}

static void give_up_pieces(struct mapproc_raw_digest *digest)
{
    mapproc_piece_list_clear(&digest->pieces, digest->pieces.digest_size);
    digest->piece_size = 0;
}

/* Ends the piece that is under way at `end`. */
static int end_piece(struct mapproc_raw_digest *digest, uint64_t end, struct mapproc_error *error)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    uint8_t value[MAPPROC_DIGEST_MAX];
    int result;

    if (!algorithm->finish(state_at(digest, 1), value) ||
        !algorithm->init(algorithm, state_at(digest, 1)))
        return out_of_memory(error);
    result = mapproc_piece_list_add(&digest->pieces, end - digest->piece_begin, value, NULL);
    digest->piece_begin = end;
    if (result == MAPPROC_FAILED)
        return out_of_memory(error);
    if (result != MAPPROC_OK) /* a stream of more pieces than a list can have */
        give_up_pieces(digest);
    return MAPPROC_OK;
}

int mapproc_raw_digest_fold(struct mapproc_raw_digest *digest, const void *partial, uint64_t offset,
                            size_t length, struct mapproc_error *error)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    uint64_t end = offset + length;

    algorithm->fold(state_at(digest, 0), partial);
    if (digest->piece_size != 0 && end - digest->piece_begin > digest->piece_size)
        give_up_pieces(digest);
    if (digest->piece_size == 0)
        return MAPPROC_OK;
    algorithm->fold(state_at(digest, 1), partial);
    return end - digest->piece_begin == digest->piece_size ? end_piece(digest, end, error)
                                                           : MAPPROC_OK;
}

int mapproc_raw_digest_finish(struct mapproc_raw_digest *digest, uint64_t size,
                              struct mapproc_error *error)
{
    if (digest->piece_size != 0 && size > digest->piece_begin) {
        int result = end_piece(digest, size, error);

        if (result != MAPPROC_OK)
            return result;
    }
    if (!mapproc_raw_digest_algorithm()->finish(state_at(digest, 0), digest->value))
        return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL, "its digest cannot be finished");
    return MAPPROC_OK;
}

void mapproc_raw_digest_free(struct mapproc_raw_digest *digest)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();

    for (unsigned i = 0; i < 2 && digest->states != NULL && algorithm->release != NULL; i++)
        algorithm->release(state_at(digest, i));
    free(digest->states);
    digest->states = NULL;
    mapproc_piece_list_free(&digest->pieces);
}
