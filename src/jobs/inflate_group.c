/* SPDX-License-Identifier: MIT */
/* inflate_group.c - chunks of whole members in memory: inflated side by side, given in order.
 *
 * The scratch of such a chunk has room for the data of its members as they state it, one behind the
 * other. process() notes in chunk->cut.own how many of the first ones are good in every respect but
 * their order, which commit() looks at.
 */
#include "jobs/inflate_group.h"

#include <string.h>

#include "codec/codec.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"
#include "jobs/inflate_feed.h"
#include "jobs/inflate_serial.h"
#include "jobs/inflate_verdict.h"

enum { OWN_GOOD = 0 }; /* of chunk->cut.own: members */

/* A member in memory. */
struct member {
    struct mapproc_gzip_header header;
    const uint8_t *data; /* from its header on */
    size_t size;         /* bytes, as stated */
    uint32_t crc;        /* as its trailer says, and so */
    uint32_t raw_size;   /* bytes of its data */
};

void mapproc_inflate_tools_free(struct mapproc_inflate_tools *tools)
{
    const struct mapproc_codec *codec = mapproc_codec_at(0);

    if (tools->decompressor != NULL)
        codec->decompressor_free(tools->decompressor);
    mapproc_inflater_free(tools->inflater);
    mapproc_inflate_checker_free(tools->checker);
}

/* Reads what the next member says of itself. False if it is not good for this. */
static bool read_member(const uint8_t *data, size_t length, struct member *member)
{
    struct mapproc_gzip_header *header = &member->header;

    if (mapproc_gzip_header_parse(data, length, header) != MAPPROC_GZIP_GOOD ||
        header->stated_size == 0 || header->stated_size > length)
        return false;
    member->data = data;
    member->size = (size_t)header->stated_size;
    mapproc_gzip_read_trailer(data + member->size - MAPPROC_GZIP_TRAILER, &member->crc,
                              &member->raw_size);
    return true;
}

static bool inflate_at_once(struct mapproc_inflate_tools *tools, const uint8_t *data, size_t length,
                            uint8_t *out, size_t out_length)
{
    const struct mapproc_codec *codec = mapproc_codec_at(0);
    size_t used, made;

    if (tools->decompressor == NULL)
        tools->decompressor = codec->decompressor_new();
    return tools->decompressor != NULL &&
           codec->decompress(tools->decompressor, data, length, out, out_length, &used, &made) ==
               MAPPROC_INFLATE_OK &&
           used == length && made == out_length;
}

/* Small members of strict writers: piece by piece, which tells what the padding is. */
static bool inflate_strictly(struct mapproc_inflate_tools *tools, const uint8_t *data,
                             size_t length, uint8_t *out, size_t out_length)
{
    size_t left = length, room = out_length;

    if (!mapproc_inflate_stored_is_clean(data, length))
        return false;
    if (tools->inflater == NULL)
        tools->inflater = mapproc_inflater_new();
    if (tools->inflater == NULL)
        return false; /* for inflate_serial to say */
    mapproc_inflater_reset(tools->inflater);
    return mapproc_inflater_run(tools->inflater, &data, &left, &out, &room) ==
               MAPPROC_INFLATER_END &&
           left == 0 && room == 0 && mapproc_inflater_padding(tools->inflater) == 0;
}

/* Whether the member is good; then `out` has its data. */
static bool inflate_member(struct mapproc_inflate_tools *tools, const struct member *member,
                           uint8_t *out)
{
    bool strict = mapproc_inflate_chain_is_strict(&member->header) &&
                  member->size <= MAPPROC_INFLATE_STRICT_MAX;
    const uint8_t *data = member->data + member->header.length;
    size_t length = member->size - (size_t)member->header.length - MAPPROC_GZIP_TRAILER;

    if (strict && member->size <= MAPPROC_INFLATE_COMPLETE_MAX &&
        mapproc_inflate_has_incomplete(&tools->checker, data, length, out, member->raw_size))
        return false;
    return (strict ? inflate_strictly : inflate_at_once)(tools, data, length, out,
                                                         member->raw_size) &&
           mapproc_crc32_extend(0, out, member->raw_size) == member->crc;
}

void mapproc_inflate_group_process(struct mapproc_inflate_tools *tools, struct mapproc_chunk *chunk)
{
    uint64_t *good = &chunk->cut.own[OWN_GOOD];
    uint8_t *out = chunk->scratch;
    size_t room = chunk->cut.scratch;
    struct member member;

    *good = 0;
    for (size_t at = 0; at < chunk->length; at += member.size) {
        if (!read_member(chunk->data + at, chunk->length - at, &member) || member.raw_size > room ||
            !inflate_member(tools, &member, out))
            return;
        out += member.raw_size;
        room -= member.raw_size;
        ++*good;
    }
}

/* Gives data that lies in the scratch. */
static void give(struct mapproc_inflate_item *item, const uint8_t *data, size_t length)
{
    struct mapproc_error error;

    if (length == 0 || mapproc_inflate_allow(item, item->raw + length) != MAPPROC_OK)
        return;
    if (mapproc_inflate_give(item, data, length, &error) != MAPPROC_OK) {
        (void)mapproc_inflate_fail(item, &error);
        return;
    }
    item->raw += length;
    item->ended |= item->raw >= item->range_end;
}

/* Notes the first bytes that all members of this writer have. */
static void note_form(struct mapproc_inflate_item *item, const uint8_t *data)
{
    if (!item->order->keep_going)
        return;
    memcpy(item->form, data, sizeof(item->form));
    item->has_form = true;
}

/* Counts the good members at the beginning of the chunk that may stand where they do. Their bytes
 * go to *length, those of their data to *raw. */
static void count_good(struct mapproc_inflate_item *item, const struct mapproc_chunk *chunk,
                       size_t *length, size_t *raw)
{
    struct member member;

    *length = *raw = 0;
    for (uint64_t i = 0; i < chunk->cut.own[OWN_GOOD]; i++) {
        const uint8_t *data = chunk->data + *length;
        struct mapproc_inflate_chain chain = item->chain;

        if (!read_member(data, chunk->length - *length, &member) ||
            mapproc_inflate_chain_take(&chain, &member.header,
                                       mapproc_gzip_end_at_start(data, member.size)) != NULL)
            return;
        item->chain = chain;
        note_form(item, data);
        *length += member.size;
        *raw += member.raw_size;
    }
}

void mapproc_inflate_group_commit(struct mapproc_inflate_item *item, struct mapproc_chunk *chunk)
{
    struct mapproc_inflate_feed feed;
    size_t at, raw, size;

    count_good(item, chunk, &at, &raw);
    give(item, chunk->scratch, raw);
    while (at < chunk->length && !item->ended) {
        struct member member;

        size = chunk->length - at;
        if (read_member(chunk->data + at, size, &member))
            size = member.size;
        mapproc_inflate_feed_memory(&feed, chunk->data + at, size, chunk->offset + at);
        mapproc_inflate_serial(item, &feed, chunk->scratch, chunk->cut.scratch);
        at += size;
    }
}
