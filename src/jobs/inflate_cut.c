/* SPDX-License-Identifier: MIT */
/* inflate_cut.c - where the chunks of a compressed file begin and end.
 *
 * At each border the end of the member before and the header of the next are read at once. Only a
 * member whose stated size leads to something that looks like a border is taken for one; everything
 * else, to the end of the file, is left to inflate_serial.
 */
#include "jobs/inflate_cut.h"

#include <string.h>

#include "base/checked.h"
#include "format/gzip_member.h"

enum {
    /* Bytes of a chunk, and of its data, beyond which no further members are added. */
    GROUP_SIZE = 512 << 10,
    GROUP_RAW_SIZE = 1 << 20,
    /* Bytes of scratch for a chunk: for inflate_serial, which may have to look at it, and where it
     * does everything. */
    SCRATCH_LEAST = 64 << 10,
    SCRATCH_SERIAL = 4 << 20,
};

bool mapproc_inflate_is_plain(const uint8_t *data, size_t length)
{
    struct mapproc_gzip_header header;

    if (length >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        return false;
    return mapproc_gzip_header_parse(data, length, &header) != MAPPROC_GZIP_BAD ||
           header.reason != mapproc_gzip_damaged;
}

/* Reads what is around a border: the trailer before it, if `before` is not NULL, and the look. */
static int read_border(struct mapproc_inflate_item *item, uint64_t offset, uint8_t *before,
                       struct mapproc_error *error)
{
    struct mapproc_inflate_look *look = &item->look;
    uint8_t bytes[MAPPROC_GZIP_TRAILER + MAPPROC_INFLATE_LOOK];
    size_t skipped = before != NULL ? MAPPROC_GZIP_TRAILER : 0;
    int result;

    look->valid = false;
    look->offset = offset;
    look->length = (size_t)mapproc_min_u64(item->source->size - offset, MAPPROC_INFLATE_LOOK);
    result = mapproc_source_read_at(item->source, offset - skipped, bytes, skipped + look->length,
                                    error);
    if (result != MAPPROC_OK)
        return result;
    look->valid = true;
    memcpy(look->bytes, bytes + skipped, look->length);
    if (before != NULL)
        memcpy(before, bytes, skipped);
    return MAPPROC_OK;
}

/* Whether what is at the border looks like one. */
static bool looks_good(const struct mapproc_inflate_look *look)
{
    struct mapproc_gzip_header header;

    return look->length == 0 || look->bytes[0] == 0 ||
           mapproc_gzip_header_parse(look->bytes, look->length, &header) != MAPPROC_GZIP_BAD;
}

int mapproc_inflate_get_hint(struct mapproc_inflate_item *item, uint64_t offset,
                             struct mapproc_inflate_hint *hint, struct mapproc_error *error)
{
    struct mapproc_inflate_look *look = &item->look;
    uint8_t trailer[MAPPROC_GZIP_TRAILER];
    int result = MAPPROC_OK;
    uint64_t size;
    uint32_t crc;

    *hint = (struct mapproc_inflate_hint){.size = 0};
    if (!look->valid || look->offset != offset)
        result = read_border(item, offset, NULL, error);
    if (result != MAPPROC_OK ||
        mapproc_gzip_header_parse(look->bytes, look->length, &hint->header) != MAPPROC_GZIP_GOOD)
        return result;
    hint->end_mark = mapproc_gzip_end_at_start(look->bytes, look->length);
    size = hint->header.stated_size;
    if (size == 0 || size > item->source->size - offset)
        return MAPPROC_OK;
    result = read_border(item, offset + size, trailer, error);
    if (result != MAPPROC_OK || !looks_good(look))
        return result;
    mapproc_gzip_read_trailer(trailer, &crc, &hint->raw_size);
    hint->size = size;
    return MAPPROC_OK;
}

/* A chunk for inflate_serial. */
static void cut_unread(struct mapproc_cut *cut, uint64_t length)
{
    cut->length = length;
    cut->unread = true;
    cut->scratch = SCRATCH_SERIAL;
}

int mapproc_inflate_cut_extent(struct mapproc_inflate_item *item, uint64_t offset,
                               struct mapproc_cut *cut, struct mapproc_error *error)
{
    uint64_t left = cut->length, length = 0, raw = 0;
    struct mapproc_inflate_look before = item->look;
    struct mapproc_inflate_hint hint;
    int result = MAPPROC_OK;

    cut->length = 0;
    if (item->plain) {
        cut_unread(cut, left);
        return MAPPROC_OK;
    }
    while (length < left && item->cut_raw + raw < item->range_end) {
        before = item->look;
        result = mapproc_inflate_get_hint(item, offset + length, &hint, error);
        if (result != MAPPROC_OK)
            return result;
        if (hint.size == 0 || hint.size > MAPPROC_INFLATE_MEMBER_MAX ||
            hint.raw_size > MAPPROC_INFLATE_MEMBER_MAX ||
            (length != 0 &&
             (length + hint.size > GROUP_SIZE || raw + hint.raw_size > GROUP_RAW_SIZE)))
            break;
        length += hint.size;
        raw += hint.raw_size;
    }
    if (length == 0 && item->cut_raw < item->range_end) { /* the first one does not go with it */
        cut_unread(cut, hint.size != 0 ? hint.size : left);
        item->cut_raw += hint.raw_size;
        return MAPPROC_OK;
    }
    if (item->look.offset != offset + length) /* it is the one behind the next member */
        item->look = before;
    cut->length = length;
    cut->scratch = raw > SCRATCH_LEAST ? (size_t)raw : SCRATCH_LEAST;
    item->cut_raw += raw;
    return MAPPROC_OK;
}

void mapproc_inflate_cut_stream(struct mapproc_inflate_item *item, uint64_t offset,
                                const uint8_t *peek, size_t peeked, struct mapproc_cut *cut)
{
    struct mapproc_gzip_header header;

    if (offset == 0 && item->order->takes_plain)
        item->plain = mapproc_inflate_is_plain(peek, peeked);
    cut->unread = true;
    if (!item->plain && mapproc_gzip_header_parse(peek, peeked, &header) == MAPPROC_GZIP_GOOD &&
        header.stated_size >= MAPPROC_INFLATE_PEEK && header.stated_size <= cut->length) {
        cut->length = header.stated_size;
        cut->unread = false;
        return;
    }
    cut->length = MAPPROC_CUT_REST;
}
