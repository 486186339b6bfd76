/* SPDX-License-Identifier: MIT */
/* verify_entry.c - one entry of a list: what it expects, and what was found. */
#include "jobs/verify_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/algorithm_tag.h"
#include "input/source.h"

enum {
    REREAD_PIECES_MAX = 64, /* bad pieces of a file that are read once more */
    REREAD_STEP = 1 << 20,  /* bytes a read */
};

/* ---- what the list says ---- */

static void refuse(struct mapproc_verify_entry *entry, const char *what)
{
    (void)mapproc_error_set(&entry->refusal, MAPPROC_REFUSED, 0, entry->name, "%s", what);
}

/* Whether the algorithm can be had here. */
static bool is_usable(const struct mapproc_digest *digest)
{
    return digest != NULL &&
           (digest->prepare == NULL || digest->prepare(digest, NULL) == MAPPROC_OK);
}

/* Finds the algorithm of a digest. False if there is none. */
static bool find_algorithm(struct mapproc_verify_entry *entry,
                           const struct mapproc_checklist_digest *digest,
                           const struct mapproc_digest *untagged, bool alone)
{
    const struct mapproc_digest *found = NULL, *candidate;

    if (digest->tag[0] != '\0') {
        found = mapproc_digest_by_tag(digest->tag, digest->size);
    } else if (untagged != NULL && untagged->size == digest->size) {
        found = untagged;
    } else {
        for (size_t i = 0; (candidate = mapproc_digest_by_size(digest->size, i)) != NULL; i++) {
            if (!is_usable(candidate))
                continue;
            if (found == NULL)
                found = candidate;
            else if (alone && entry->other_count < MAPPROC_CANDIDATES_MAX)
                entry->others[entry->other_count++] = candidate;
        }
    }
    if (!is_usable(found))
        return false;
    entry->digests[entry->digest_count] = found;
    memcpy(entry->expected[entry->digest_count], digest->bytes, digest->size);
    entry->digest_count++;
    return true;
}

/* Copies the digests of pieces, if they can be computed again: all of one size but the last,
 * beginning where pieces can, and of the algorithm that there is for pieces. False without
 * memory. */
static bool take_pieces(struct mapproc_verify_entry *entry, const struct mapproc_list_item *item)
{
    const struct mapproc_piece_list *pieces = item->pieces;
    const struct mapproc_digest *algorithm = mapproc_piece_algorithm();

    if (pieces == NULL || pieces->count == 0 ||
        mapproc_digest_by_tag(item->piece_digest, pieces->digest_size) != algorithm)
        return true;
    if (pieces->count > 1 && pieces->pieces[0].length % MAPPROC_PIECE_ALIGNMENT != 0)
        return true;
    for (size_t i = 0; i < pieces->count; i++)
        if (pieces->pieces[i].length != pieces->pieces[0].length &&
            (i + 1 < pieces->count || pieces->pieces[i].length > pieces->pieces[0].length))
            return true;
    for (size_t i = 0; i < pieces->count; i++)
        if (mapproc_piece_list_add(&entry->pieces, pieces->pieces[i].length,
                                   mapproc_piece_digest(pieces, i), NULL) != MAPPROC_OK)
            return false;
    return true;
}

struct mapproc_verify_entry *mapproc_verify_entry_make(const struct mapproc_list_item *item,
                                                       const struct mapproc_digest *untagged)
{
    const struct mapproc_checklist_line *line = item->entry;
    struct mapproc_verify_entry *entry = calloc(1, sizeof(*entry));
    size_t known = 0;

    if (entry == NULL)
        return NULL;
    mapproc_piece_list_init(&entry->pieces, mapproc_piece_algorithm()->size);
    entry->line = item->line;
    entry->name = strdup(line->name);
    if (entry->name == NULL || !take_pieces(entry, item)) {
        mapproc_verify_entry_free(entry);
        return NULL;
    }
    /* Of the digests of hashdeep some may be of algorithms that are not known here. */
    for (size_t i = 0; i < line->digest_count; i++)
        known += find_algorithm(entry, &line->digests[i], untagged, line->digest_count == 1);
    if (known == 0)
        refuse(entry, "has a digest of an algorithm that is not known or not available");
    entry->in_manifest = item->facts != NULL;
    entry->has_size = line->has_size || item->facts != NULL;
    entry->size = item->facts != NULL ? item->facts->size : line->size;
    entry->has_mtime = item->facts != NULL && item->facts->has_mtime;
    if (entry->has_mtime)
        entry->mtime = item->facts->mtime;
    return entry;
}

bool mapproc_verify_entry_join(struct mapproc_verify_entry *entry,
                               const struct mapproc_list_item *item)
{
    const struct mapproc_checklist_line *line = item->entry;

    if (!entry->in_manifest || item->facts == NULL || entry->refusal.code != MAPPROC_OK ||
        strcmp(entry->name, line->name) != 0 ||
        entry->digest_count + line->digest_count > MAPPROC_LINE_DIGESTS_MAX)
        return false;
    for (size_t i = 0; i < line->digest_count; i++)
        (void)find_algorithm(entry, &line->digests[i], NULL, false);
    return true;
}

void mapproc_verify_entry_free(struct mapproc_verify_entry *entry)
{
    if (entry == NULL)
        return;
    mapproc_piece_list_free(&entry->pieces);
    free(entry->name);
    free(entry);
}

uint64_t mapproc_verify_entry_piece_size(const struct mapproc_verify_entry *entry)
{
    uint64_t size = entry->pieces.count > 0 ? entry->pieces.pieces[0].length : 0;
    uint64_t odd = size % MAPPROC_PIECE_ALIGNMENT; /* of a file of only one piece */

    return odd == 0                                     ? size
           : size > INT64_MAX - MAPPROC_PIECE_ALIGNMENT ? 0
                                                        : size - odd + MAPPROC_PIECE_ALIGNMENT;
}

void mapproc_verify_entry_take_others(struct mapproc_verify_entry *entry)
{
    entry->either = entry->other_count > 0;
    while (entry->other_count > 0 && entry->digest_count < MAPPROC_LINE_DIGESTS_MAX) {
        const struct mapproc_digest *digest = entry->others[--entry->other_count];

        entry->digests[entry->digest_count] = digest;
        memcpy(entry->expected[entry->digest_count], entry->expected[0], digest->size);
        entry->digest_count++;
    }
}

bool mapproc_verify_entry_matches(const struct mapproc_verify_entry *entry,
                                  const struct mapproc_digest_result *result,
                                  const struct mapproc_digest **by)
{
    size_t right = 0;

    *by = entry->either ? NULL : entry->digests[0];
    for (size_t i = 0; i < entry->digest_count; i++) {
        if (memcmp(entry->expected[i], result->digests[i], entry->digests[i]->size) != 0)
            continue;
        if (entry->either)
            *by = entry->digests[i];
        right++;
    }
    return (entry->either ? right > 0 : right == entry->digest_count) &&
           (!entry->has_size || entry->size == result->size);
}

/* ---- what was found ---- */

/* The digest of a range as it is on the medium now. False if it cannot be had from there. */
static bool digest_from_device(const struct mapproc_source *source,
                               const struct mapproc_piece *piece, uint8_t *value)
{
    const struct mapproc_digest *algorithm = mapproc_piece_algorithm();
    size_t alignment = MAPPROC_DIGEST_ALIGNMENT;
    size_t partial_size = algorithm->partial_size(REREAD_STEP);
    bool good = false;
    void *buffer = malloc(REREAD_STEP), *state = NULL, *partial = NULL;

    /* The page cache gives up only what is clean and not in use elsewhere: look whether it did. */
    if (posix_fadvise(source->fd, (off_t)piece->offset, (off_t)piece->length,
                      POSIX_FADV_DONTNEED) != 0 ||
        mapproc_source_is_cached(source, piece->offset + piece->length / 2) ||
        !mapproc_round_up_size(partial_size, alignment, &partial_size))
        goto free_all;
    state = aligned_alloc(alignment, (algorithm->state_size + alignment - 1) & ~(alignment - 1));
    partial = aligned_alloc(alignment, partial_size);
    if (buffer == NULL || state == NULL || partial == NULL || !algorithm->init(algorithm, state))
        goto free_all;
    for (uint64_t done = 0; done < piece->length;) {
        size_t n = (size_t)mapproc_min_u64(REREAD_STEP, piece->length - done);

        if (mapproc_source_read_at(source, piece->offset + done, buffer, n, NULL) != MAPPROC_OK)
            goto free_all;
        algorithm->partial_init(partial, done);
        algorithm->partial_update(partial, buffer, n);
        algorithm->fold(state, partial);
        done += n;
    }
    good = algorithm->finish(state, value);

free_all:
    free(partial);
    free(state);
    free(buffer);
    return good;
}

/* Reads a bad piece once more before the medium is accused. */
static void reread(const struct mapproc_verify_entry *entry, const struct mapproc_source *source,
                   size_t index, struct mapproc_verified *verified)
{
    uint8_t value[MAPPROC_DIGEST_MAX];

    if (!digest_from_device(source, &entry->pieces.pieces[index], value))
        return;
    if (memcmp(value, mapproc_piece_digest(&entry->pieces, index), entry->pieces.digest_size) == 0)
        verified->reread_good++;
    else
        verified->reread_bad++;
}

/* Whether piece number `index` is all there. */
static bool is_there(const struct mapproc_piece_list *expected,
                     const struct mapproc_piece_list *found, size_t index)
{
    return index < found->count && found->pieces[index].length == expected->pieces[index].length;
}

void mapproc_verify_entry_examine(const struct mapproc_verify_entry *entry,
                                  const struct mapproc_digest_result *result,
                                  struct mapproc_range_list *bad, struct mapproc_verified *verified)
{
    const struct mapproc_piece_list *expected = &entry->pieces, *found = result->pieces;
    struct mapproc_source source = {.fd = -1, .kind = MAPPROC_SOURCE_STREAM};
    bool open = false;

    verified->bad = bad;
    verified->time_kept = entry->has_mtime && result->has_mtime && entry->has_size &&
                          entry->size == result->size &&
                          entry->mtime.tv_sec == result->mtime.tv_sec &&
                          entry->mtime.tv_nsec == result->mtime.tv_nsec;
    if (found == NULL)
        return;
    verified->pieces = expected->count;
    for (size_t i = 0; i < expected->count; i++) {
        const struct mapproc_piece *piece = &expected->pieces[i];

        if (!is_there(expected, found, i)) {
            if (piece->offset < result->size)
                verified->unchecked = mapproc_min_u64(result->size - piece->offset, piece->length);
            break;
        }
        if (memcmp(mapproc_piece_digest(expected, i), mapproc_piece_digest(found, i),
                   expected->digest_size) == 0)
            continue;
        verified->bad_pieces++;
        (void)mapproc_range_list_add(bad, piece->offset, piece->length, NULL);
        if (verified->bad_pieces == 1)
            open = mapproc_source_open_within(&source, result->order->path, result->order->reach,
                                              -1, NULL) == MAPPROC_OK &&
                   source.kind == MAPPROC_SOURCE_EXTENT;
        if (open && verified->bad_pieces <= REREAD_PIECES_MAX)
            reread(entry, &source, i, verified);
    }
    mapproc_source_close(&source);
}
