/* SPDX-License-Identifier: MIT */
/* inflate_seek.c - where in a compressed file the data begins that is wanted. */
#include "jobs/inflate_seek.h"

#include "base/checked.h"
#include "base/error.h"
#include "jobs/inflate_cut.h"

/* A border between members, and what is known there. */
struct place {
    uint64_t offset;
    uint64_t raw;
    struct mapproc_inflate_chain chain;
};

/* Reads the order's index. One that is not there, or not of this file, is not used. */
static void load_index(struct mapproc_inflate_item *item)
{
    struct mapproc_source file;
    struct mapproc_error error;

    if (item->order->index_path == NULL)
        return;
    if (mapproc_source_open_regular(&file, item->order->index_path, &error) == MAPPROC_OK &&
        file.kind == MAPPROC_SOURCE_EXTENT &&
        mapproc_gzi_read(&item->index, &file, item->source->size, &error) == MAPPROC_OK)
        item->has_index = mapproc_gzi_check(&item->index, item->source, item->order->offset,
                                            &error) == MAPPROC_OK;
    mapproc_source_close(&file);
    if (!item->has_index)
        mapproc_gzi_free(&item->index);
}

/*
 * Hops from member to member as long as they tell their sizes, and those of their data, up to the
 * one that has byte `raw` of the data, but not over the last one of the file. *last gets what that
 * states, or is left alone.
 */
static int hop(struct mapproc_inflate_item *item, struct place *place, uint64_t raw,
               struct mapproc_inflate_hint *last, struct mapproc_error *error)
{
    for (;;) {
        struct mapproc_inflate_chain chain = place->chain;
        struct mapproc_inflate_hint hint;
        int result = mapproc_inflate_get_hint(item, place->offset, &hint, error);

        if (result != MAPPROC_OK)
            return result;
        if (hint.size == 0 || !mapproc_gzip_tells_raw_size(&hint.header) ||
            raw - place->raw < hint.raw_size ||
            mapproc_inflate_chain_take(&chain, &hint.header, hint.end_mark) != NULL)
            return MAPPROC_OK;
        if (place->offset + hint.size == item->source->size) {
            *last = hint;
            return MAPPROC_OK;
        }
        place->chain = chain;
        place->offset += hint.size;
        place->raw += hint.raw_size;
    }
}

/* Where the member is that has byte `raw`, as far as the index knows. */
static struct place find_entry(const struct mapproc_inflate_item *item, uint64_t raw)
{
    struct place place = {0};

    if (item->has_index) {
        size_t number;
        struct mapproc_gzi_entry entry = mapproc_gzi_find(&item->index, raw, &number);

        place.offset = entry.compressed;
        place.raw = entry.raw;
        place.chain.members = number;
    }
    return place;
}

/* Turns a range that counts from the end into one that does not, for `size` bytes of data. */
static void set_range(struct mapproc_inflate_item *item, uint64_t size)
{
    const struct mapproc_inflate_order *order = item->order;

    item->range_begin = size > order->offset ? size - order->offset : 0;
    if (!mapproc_add_u64(item->range_begin, order->length, &item->range_end))
        item->range_end = UINT64_MAX;
    /* Not to end before the end: that is looked at, too. */
    if (item->range_end >= size)
        item->range_end = UINT64_MAX;
}

/* Finds out the size of the data, and with it the range. */
static int resolve_end(struct mapproc_inflate_item *item, struct mapproc_error *error)
{
    struct place place = find_entry(item, UINT64_MAX);
    struct mapproc_inflate_hint last = {0};
    int result = hop(item, &place, UINT64_MAX, &last, error);

    if (result != MAPPROC_OK)
        return result;
    if (last.size == 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, item->source->path,
                                 "does not tell its size: an offset from its end needs that");
    set_range(item, place.raw + last.raw_size);
    return MAPPROC_OK;
}

/* Of a file that is given as it is. */
static void seek_plain(struct mapproc_inflate_item *item, uint64_t *begin)
{
    if (item->order->from_end)
        set_range(item, item->source->size);
    /* There is always a byte left, which a chunk needs. */
    *begin = mapproc_min_u64(item->range_begin, item->source->size - 1);
    item->raw = item->given = item->cut_raw = *begin;
}

int mapproc_inflate_seek(struct mapproc_inflate_item *item, uint64_t *begin,
                         struct mapproc_error *error)
{
    struct mapproc_inflate_hint hint;
    struct place place;
    int result = mapproc_inflate_get_hint(item, 0, &hint, error);

    *begin = 0;
    if (result != MAPPROC_OK)
        return result;
    if (item->order->takes_plain) {
        uint8_t bytes[MAPPROC_INFLATE_LOOK];
        size_t length = (size_t)mapproc_min_u64(item->source->size, sizeof(bytes));

        result = mapproc_source_read_at(item->source, 0, bytes, length, error);
        if (result != MAPPROC_OK)
            return result;
        item->plain = mapproc_inflate_is_plain(bytes, length);
    }
    if (item->plain) {
        seek_plain(item, begin);
        return MAPPROC_OK;
    }
    load_index(item);
    if (item->order->from_end)
        result = resolve_end(item, error);
    if (result != MAPPROC_OK || item->range_begin == 0)
        return result;
    place = find_entry(item, item->range_begin);
    result = hop(item, &place, item->range_begin, &hint, error);
    *begin = place.offset;
    item->chain = place.chain;
    item->raw = item->given = item->cut_raw = place.raw;
    return result;
}
