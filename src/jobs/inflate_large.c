/* SPDX-License-Identifier: MIT */
/* inflate_large.c - members too large for memory: checked side by side where nobody wants the data.
 */
#include "jobs/inflate_large.h"

#include <string.h>

#include "base/checked.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"
#include "jobs/inflate_feed.h"
#include "jobs/inflate_verdict.h"

enum { FEED_SIZE = 256 << 10 }; /* bytes of the scratch; the others are for data */

enum { OWN_GOOD = 0, OWN_RAW = 1 }; /* of chunk->cut.own: whether it is good, and bytes of data */

/* Whether there is nothing to be done with the data but to check it. */
static bool is_eligible(const struct mapproc_inflate_item *item)
{
    return item->order->test_only && !item->plain && item->range_begin == 0 &&
           item->range_end == UINT64_MAX;
}

/* Whether the deflate data that the feed is at, up to the trailer, is good. *made gets the bytes of
 * its data, which goes to `out` piece by piece. */
static bool inflate(struct mapproc_inflater *inflater, struct mapproc_inflate_feed *feed,
                    uint8_t *out, size_t size, uint64_t max_output, uint64_t *made)
{
    struct mapproc_inflate_facts facts = {.status = MAPPROC_INFLATER_MORE};
    uint64_t limit = feed->end - MAPPROC_GZIP_TRAILER;
    struct mapproc_error error; /* is found again, and told, in order */

    while (facts.status == MAPPROC_INFLATER_MORE) {
        const uint8_t *in;
        uint8_t *to = out;
        size_t length, in_left, room = size;

        if (mapproc_inflate_feed_fill(feed, 1, &error) != MAPPROC_OK)
            return false;
        in = feed->next;
        length = in_left = (size_t)mapproc_min_u64(feed->left, limit - feed->offset);
        facts.status = mapproc_inflater_run(inflater, &in, &in_left, &to, &room);
        mapproc_inflate_feed_take(feed, length - in_left);
        facts.crc = mapproc_crc32_extend(facts.crc, out, size - room);
        facts.made += size - room;
        if ((max_output != 0 && facts.made > max_output) ||
            (facts.status == MAPPROC_INFLATER_MORE && room != 0 && length == 0))
            return false;
    }
    facts.exact = feed->offset == limit;
    if (!facts.exact || mapproc_inflate_feed_fill(feed, MAPPROC_GZIP_TRAILER, &error) != MAPPROC_OK)
        return false;
    mapproc_gzip_read_trailer(feed->next, &facts.stated_crc, &facts.stated_size);
    *made = facts.made;
    return mapproc_inflate_judge(&facts) == NULL;
}

void mapproc_inflate_large_process(struct mapproc_inflate_tools *tools, struct mapproc_chunk *chunk)
{
    const struct mapproc_inflate_item *item = chunk->item->state;
    uint8_t *memory = chunk->scratch;
    struct mapproc_inflate_feed feed;
    struct mapproc_gzip_header header;
    struct mapproc_error error;

    chunk->cut.own[OWN_GOOD] = 0;
    if (!is_eligible(item) || chunk->cut.scratch < 2 * (size_t)FEED_SIZE)
        return;
    mapproc_inflate_feed_extent(&feed, item->source, item->wake_fd, chunk->offset,
                                chunk->offset + chunk->length, memory, FEED_SIZE);
    feed.chunk = chunk;
    if (mapproc_inflate_feed_fill(&feed, MAPPROC_INFLATE_LOOK, &error) != MAPPROC_OK ||
        mapproc_gzip_header_parse(feed.next, feed.left, &header) != MAPPROC_GZIP_GOOD ||
        header.stated_size != chunk->length ||
        (mapproc_inflate_chain_is_strict(&header) && chunk->length <= MAPPROC_INFLATE_STRICT_MAX))
        return;
    if (tools->inflater == NULL)
        tools->inflater = mapproc_inflater_new();
    if (tools->inflater == NULL)
        return;
    mapproc_inflater_reset(tools->inflater);
    mapproc_inflate_feed_take(&feed, (size_t)header.length);
    chunk->cut.own[OWN_GOOD] =
        inflate(tools->inflater, &feed, memory + FEED_SIZE, chunk->cut.scratch - FEED_SIZE,
                item->order->max_output, &chunk->cut.own[OWN_RAW]);
}

bool mapproc_inflate_large_commit(struct mapproc_inflate_item *item,
                                  const struct mapproc_chunk *chunk)
{
    struct mapproc_inflate_chain chain = item->chain;
    uint64_t made = chunk->cut.own[OWN_RAW];
    uint8_t look[MAPPROC_INFLATE_LOOK];
    struct mapproc_gzip_header header;
    struct mapproc_error error;
    size_t length = (size_t)mapproc_min_u64(chunk->length, sizeof(look));

    if (chunk->cut.own[OWN_GOOD] == 0 ||
        mapproc_source_read_at(item->source, chunk->offset, look, length, &error) != MAPPROC_OK ||
        mapproc_gzip_header_parse(look, length, &header) != MAPPROC_GZIP_GOOD ||
        header.stated_size != chunk->length ||
        mapproc_inflate_chain_take(&chain, &header, 0) != NULL)
        return false;
    item->chain = chain;
    if (mapproc_inflate_allow(item, item->raw + made) != MAPPROC_OK)
        return true;
    if (mapproc_inflate_give(item, NULL, made, &error) != MAPPROC_OK) { /* only counts it */
        (void)mapproc_inflate_fail(item, &error);
        return true;
    }
    item->raw += made;
    memcpy(item->form, look, sizeof(item->form));
    item->has_form = true;
    return true;
}
