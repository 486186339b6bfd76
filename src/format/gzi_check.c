/* SPDX-License-Identifier: MIT */
/* gzi_check.c - whether an index belongs to a compressed file. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/gzi_index.h"
#include "format/gzip_member.h"

enum {
    SAMPLES = 18,     /* members looked at, but for the wanted one */
    PIECE = 512,      /* bytes of a header that are read at once */
    PIECES_MAX = 256, /* a header longer than that is not looked at any more */
    ENDS_MAX = 64,    /* end marks in a row */
};

struct check {
    const struct mapproc_gzi_index *index;
    const struct mapproc_source *file;
    struct mapproc_error *error;
};

static int refuse(const struct check *check, uint64_t offset, const char *why)
{
    (void)mapproc_error_set(check->error, MAPPROC_BAD_DATA, 0, check->file->path,
                            "its index belongs to another file: %s", why);
    mapproc_error_set_range(check->error, offset, 1);
    return MAPPROC_BAD_DATA;
}

/* Reads the header of the member at `offset`. */
static int read_header(const struct check *check, uint64_t offset,
                       struct mapproc_gzip_header *header)
{
    struct mapproc_gzip_parser parser;

    mapproc_gzip_parser_init(&parser);
    for (int i = 0; i < PIECES_MAX && offset < check->file->size; i++) {
        uint8_t piece[PIECE];
        size_t length = (size_t)mapproc_min_u64(check->file->size - offset, sizeof(piece));
        enum mapproc_gzip_result state;
        size_t used;
        int result = mapproc_source_read_at(check->file, offset, piece, length, check->error);

        if (result != MAPPROC_OK)
            return result;
        state = mapproc_gzip_parser_feed(&parser, piece, length, &used, header);
        if (state == MAPPROC_GZIP_GOOD)
            return MAPPROC_OK;
        if (state == MAPPROC_GZIP_BAD || used == 0)
            break;
        offset += used;
    }
    return refuse(check, offset, "no member begins where it says");
}

/* Moves *offset over the end marks that stand there, up to `limit`. */
static int pass_ends(const struct check *check, uint64_t *offset, uint64_t limit)
{
    for (int i = 0; i < ENDS_MAX && *offset < limit; i++) {
        uint8_t mark[MAPPROC_GZIP_END_MAX];
        size_t length = (size_t)mapproc_min_u64(limit - *offset, sizeof(mark));
        int result = mapproc_source_read_at(check->file, *offset, mark, length, check->error);
        size_t found;

        if (result != MAPPROC_OK)
            return result;
        found = mapproc_gzip_end_at_start(mark, length);
        if (found == 0)
            break;
        *offset += found;
    }
    return MAPPROC_OK;
}

/* Moves *offset back over the end marks that stand before it, not below `limit`. */
static int pass_ends_back(const struct check *check, uint64_t *offset, uint64_t limit)
{
    for (int i = 0; i<ENDS_MAX && * offset> limit; i++) {
        uint8_t mark[MAPPROC_GZIP_END_MAX];
        size_t length = (size_t)mapproc_min_u64(*offset - limit, sizeof(mark));
        int result =
            mapproc_source_read_at(check->file, *offset - length, mark, length, check->error);
        size_t found;

        if (result != MAPPROC_OK)
            return result;
        found = mapproc_gzip_end_at_end(mark, length);
        if (found == 0)
            break;
        *offset -= found;
    }
    return MAPPROC_OK;
}

/* Whether the trailer before the border at `border` has the size of the data between the two. */
static int check_trailer(const struct check *check, struct mapproc_gzi_entry before,
                         struct mapproc_gzi_entry border)
{
    uint8_t trailer[MAPPROC_GZIP_TRAILER];
    uint64_t end = border.compressed;
    uint32_t crc, size;
    int result = pass_ends_back(check, &end, before.compressed);

    if (result != MAPPROC_OK)
        return result;
    if (end - before.compressed < MAPPROC_GZIP_MEMBER_MIN)
        return refuse(check, before.compressed, "a member is too short");
    result = mapproc_source_read_at(check->file, end - sizeof(trailer), trailer, sizeof(trailer),
                                    check->error);
    if (result != MAPPROC_OK)
        return result;
    mapproc_gzip_read_trailer(trailer, &crc, &size);
    if (size != (uint32_t)(border.raw - before.raw))
        return refuse(check, before.compressed, "a member has another size");
    return MAPPROC_OK;
}

/* Looks at member number `number`, and at the one before it. */
static int check_member(const struct check *check, size_t number)
{
    const struct mapproc_gzi_index *index = check->index;
    struct mapproc_gzi_entry entry = mapproc_gzi_entry_at(index, number);
    uint64_t next = number < index->count ? mapproc_gzi_entry_at(index, number + 1).compressed
                                          : check->file->size;
    struct mapproc_gzip_header header;
    uint64_t end;
    int result = read_header(check, entry.compressed, &header);

    if (result != MAPPROC_OK)
        return result;
    if (header.stated_size != 0) {
        if (header.stated_size > next - entry.compressed)
            return refuse(check, entry.compressed, "a member is longer");
        end = entry.compressed + header.stated_size;
        result = pass_ends(check, &end, next);
        if (result != MAPPROC_OK)
            return result;
        if (end != next)
            return refuse(check, entry.compressed, "a member is shorter");
    }
    if (number == 0)
        return MAPPROC_OK;
    return check_trailer(check, mapproc_gzi_entry_at(index, number - 1), entry);
}

/* The number of sample `i` of `samples`, spread evenly from the first member to the last. */
static size_t find_sample(size_t count, size_t i, size_t samples)
{
    return count / samples * i + count % samples * i / samples;
}

int mapproc_gzi_check(const struct mapproc_gzi_index *index, const struct mapproc_source *file,
                      uint64_t raw, struct mapproc_error *error)
{
    const struct check check = {index, file, error};
    size_t samples = index->count < SAMPLES ? index->count : SAMPLES;
    size_t wanted;
    int result;

    if (file->kind != MAPPROC_SOURCE_EXTENT)
        return refuse(&check, 0, "there is nothing to be indexed");
    (void)mapproc_gzi_find(index, raw, &wanted);
    result = check_member(&check, wanted);
    if (result == MAPPROC_OK && wanted < index->count)
        result = check_member(&check, wanted + 1);
    if (result == MAPPROC_OK)
        result = check_member(&check, 0);
    for (size_t i = 1; i <= samples && result == MAPPROC_OK; i++)
        result = check_member(&check, find_sample(index->count, i, samples));
    return result;
}
