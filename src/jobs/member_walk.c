/* SPDX-License-Identifier: MIT */
/* member_walk.c - going through the members of a gzip file, without inflating where they tell. */
#include "jobs/member_walk.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/zeros.h"
#include "codec/inflater.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"
#include "jobs/inflate_chain.h"
#include "jobs/inflate_feed.h"
#include "jobs/inflate_run.h"
#include "jobs/inflate_verdict.h"

enum {
    HOP_SIZE = 4096,        /* bytes that are read at a border: it costs no more than a few */
    FEED_SIZE = 256 * 1024, /* of what is inflated, or of a stream */
    OUT_SIZE = 256 * 1024,
};

struct walk {
    const struct mapproc_source *source;
    int (*take)(void *user, const struct mapproc_member *member, struct mapproc_error *error);
    void *user;
    struct mapproc_member_summary *summary;
    struct mapproc_error *error;
    struct mapproc_inflate_chain chain;
    struct mapproc_inflate_feed hop;      /* at borders */
    struct mapproc_inflate_feed large;    /* through what is inflated */
    struct mapproc_inflate_feed *through; /* `large`, or `hop` if the source cannot seek */
    struct mapproc_gzip_header header;    /* of the member at hand */
    struct mapproc_member member;
    struct mapproc_inflater *inflater; /* NULL until it is needed */
    uint8_t *out;                      /* OUT_SIZE */
    bool inflate_all;
    bool last_is_end_mark;
};

/* The member at hand is not good. */
static int refuse(struct walk *walk, const char *reason)
{
    const struct mapproc_member *member = &walk->member;
    bool knows_raw = mapproc_inflate_is_plausible(member->raw_size, member->size);
    const struct mapproc_inflate_fault fault = {
        .number = member->number,
        .offset = member->offset,
        .length = member->size,
        .raw_offset = member->raw_offset,
        .raw_length = knows_raw ? member->raw_size : 0,
        .reason = reason,
    };

    mapproc_inflate_fault_describe(&fault, walk->source->path, walk->error);
    return MAPPROC_BAD_DATA;
}

static int no_memory(struct walk *walk)
{
    return mapproc_error_set(walk->error, MAPPROC_FAILED, 0, walk->source->path,
                             "not enough memory to inflate");
}

/* ---- members that are inflated ---- */

static bool prepare_inflater(struct walk *walk)
{
    if (walk->out == NULL)
        walk->out = malloc(OUT_SIZE);
    if (walk->inflater == NULL)
        walk->inflater = mapproc_inflater_new();
    if (walk->out == NULL || walk->inflater == NULL)
        return false;
    mapproc_inflater_reset(walk->inflater);
    return true;
}

/* Inflates the deflate data that the feed is at, up to `limit` of the file at most. */
static int inflate(struct walk *walk, struct mapproc_inflate_feed *feed, uint64_t limit,
                   struct mapproc_inflate_facts *facts)
{
    while (facts->status == MAPPROC_INFLATER_MORE) {
        uint8_t *out = walk->out;
        size_t out_left = OUT_SIZE, in_left, length;
        int result = mapproc_inflate_feed_fill(feed, 1, walk->error);

        if (result != MAPPROC_OK)
            return result;
        length = in_left = (size_t)mapproc_min_u64(feed->left, limit - feed->offset);
        facts->status = mapproc_inflater_run(walk->inflater, &(const uint8_t *){feed->next},
                                             &in_left, &out, &out_left);
        mapproc_inflate_feed_take(feed, length - in_left);
        facts->crc = mapproc_crc32_extend(facts->crc, walk->out, OUT_SIZE - out_left);
        facts->made += OUT_SIZE - out_left;
        if (facts->status == MAPPROC_INFLATER_MORE && out_left != 0 && length == 0) {
            facts->cut_short = feed->left == 0;
            break;
        }
    }
    return MAPPROC_OK;
}

/* Inflates the member whose header ends at `data`, and checks it. */
static int inflate_member(struct walk *walk, uint64_t data)
{
    struct mapproc_inflate_feed *feed = walk->through;
    struct mapproc_inflate_facts facts = {.status = MAPPROC_INFLATER_MORE};
    uint64_t stated = walk->header.stated_size, limit = UINT64_MAX;
    const char *reason;
    int result;

    if (!prepare_inflater(walk))
        return no_memory(walk);
    if (feed != &walk->hop)
        mapproc_inflate_feed_seek(feed, data);
    if (stated != 0)
        limit = walk->member.offset + stated - MAPPROC_GZIP_TRAILER;
    result = inflate(walk, feed, limit, &facts);
    facts.exact = stated == 0 || feed->offset == limit;
    if (result == MAPPROC_OK && facts.status == MAPPROC_INFLATER_END) {
        result = mapproc_inflate_feed_fill(feed, MAPPROC_GZIP_TRAILER, walk->error);
        facts.cut_short = feed->left < MAPPROC_GZIP_TRAILER;
    }
    if (result != MAPPROC_OK)
        return result;
    if (facts.cut_short) {
        walk->member.size = feed->offset + feed->left - walk->member.offset;
    } else if (facts.status == MAPPROC_INFLATER_END) {
        mapproc_gzip_read_trailer(feed->next, &facts.stated_crc, &facts.stated_size);
        mapproc_inflate_feed_take(feed, MAPPROC_GZIP_TRAILER);
        walk->member.size = feed->offset - walk->member.offset;
    }
    facts.unused_set = mapproc_inflate_chain_is_strict(&walk->header) &&
                       mapproc_inflater_padding(walk->inflater) != 0;
    reason = mapproc_inflate_judge(&facts);
    if (reason != NULL)
        return refuse(walk, reason);
    walk->member.raw_size = facts.made;
    walk->member.crc = facts.crc;
    walk->member.inflated = true;
    return MAPPROC_OK;
}

/* ---- members that are hopped over ---- */

static int hop_over(struct walk *walk)
{
    struct mapproc_inflate_feed *feed = &walk->hop;
    struct mapproc_member *member = &walk->member;
    uint64_t deflate = walk->header.stated_size - walk->header.length - MAPPROC_GZIP_TRAILER;
    uint32_t size;
    int result;

    result = mapproc_inflate_feed_skip(
        feed, member->offset + walk->header.stated_size - MAPPROC_GZIP_TRAILER, walk->error);
    if (result == MAPPROC_OK)
        result = mapproc_inflate_feed_fill(feed, MAPPROC_GZIP_TRAILER, walk->error);
    if (result != MAPPROC_OK)
        return result;
    if (feed->left < MAPPROC_GZIP_TRAILER) {
        member->size = feed->offset + feed->left - member->offset;
        return refuse(walk, "the file ends in it");
    }
    mapproc_gzip_read_trailer(feed->next, &member->crc, &size);
    mapproc_inflate_feed_take(feed, MAPPROC_GZIP_TRAILER);
    member->size = walk->header.stated_size;
    member->raw_size = size;
    if (size / MAPPROC_DEFLATE_EXPANSION > deflate)
        return refuse(walk, "its length is wrong");
    return MAPPROC_OK;
}

/* ---- borders ---- */

/* Reads a header of any length, and moves behind it. */
static int read_header(struct walk *walk, enum mapproc_gzip_result *state)
{
    struct mapproc_inflate_feed *feed = &walk->hop;
    struct mapproc_gzip_parser parser;
    int result = MAPPROC_OK;
    size_t used;

    mapproc_gzip_parser_init(&parser);
    for (;;) {
        *state = mapproc_gzip_parser_feed(&parser, feed->next, feed->left, &used, &walk->header);
        mapproc_inflate_feed_take(feed, used);
        if (result != MAPPROC_OK || *state != MAPPROC_GZIP_MORE ||
            (feed->at_end && (used == 0 || feed->left == 0)))
            return result;
        result = mapproc_inflate_feed_fill(feed, feed->left + 1, walk->error);
    }
}

/* What is here does not begin as a member does: zeros up to the end, or garbage. */
static int end_at_garbage(struct walk *walk)
{
    struct mapproc_inflate_feed *feed = walk->through;
    uint64_t begin = walk->hop.offset;
    bool zeros = true;
    int result;

    if (walk->chain.members == 0)
        return mapproc_error_set(walk->error, MAPPROC_BAD_DATA, 0, walk->source->path, "is %s",
                                 walk->header.reason);
    if (feed != &walk->hop)
        mapproc_inflate_feed_seek(feed, begin);
    while ((result = mapproc_inflate_feed_fill(feed, 1, walk->error)) == MAPPROC_OK &&
           feed->left != 0) {
        zeros = zeros && mapproc_is_zero(feed->next, feed->left);
        mapproc_inflate_feed_take(feed, feed->left);
        if (!zeros && (result = mapproc_inflate_feed_skip(feed, UINT64_MAX, walk->error)) != 0)
            break;
    }
    if (result != MAPPROC_OK || zeros)
        return result;
    if (walk->chain.wanted != 0) {
        walk->member.number = walk->chain.members + 1;
        return refuse(walk, mapproc_gzip_damaged);
    }
    return mapproc_error_set(walk->error, MAPPROC_BAD_DATA, 0, walk->source->path,
                             "%" PRIu64 " bytes behind the last member are not gzip",
                             feed->offset - begin);
}

static void count(struct walk *walk)
{
    struct mapproc_member_summary *summary = walk->summary;
    const struct mapproc_member *member = &walk->member;

    walk->last_is_end_mark = member->end_mark;
    if (!member->end_mark) {
        if (summary->members == 0)
            summary->kinds = 0;
        summary->members++;
        summary->not_inflated += !member->inflated;
    }
    if (!member->end_mark || summary->members == 0)
        summary->kinds |= 1U << member->kind;
    summary->raw += member->raw_size;
}

/* Takes the member whose header has been read. */
static int take_member(struct walk *walk, size_t end_mark)
{
    struct mapproc_member *member = &walk->member;
    uint64_t data = walk->hop.offset;
    const char *reason = mapproc_inflate_chain_take(&walk->chain, &walk->header, end_mark);
    int result;

    member->number = walk->chain.members;
    member->kind = walk->header.kind;
    member->end_mark = end_mark != 0;
    if (reason != NULL)
        return refuse(walk, reason);
    if (!walk->inflate_all && mapproc_gzip_tells_raw_size(&walk->header))
        result = hop_over(walk);
    else
        result = inflate_member(walk, data);
    if (result != MAPPROC_OK)
        return result;
    if (walk->through != &walk->hop)
        mapproc_inflate_feed_seek(&walk->hop, member->offset + member->size);
    count(walk);
    return walk->take(walk->user, member, walk->error);
}

/* Takes what begins here. *ended: there was nothing more. */
static int walk_on(struct walk *walk, bool *ended)
{
    struct mapproc_inflate_feed *feed = &walk->hop;
    int result = mapproc_inflate_feed_fill(feed, MAPPROC_GZIP_END_MAX, walk->error);
    enum mapproc_gzip_result state;
    size_t end_mark;
    bool claims;

    *ended = feed->left == 0;
    if (result != MAPPROC_OK || *ended)
        return result;
    walk->member =
        (struct mapproc_member){.offset = feed->offset, .raw_offset = walk->summary->raw};
    end_mark = mapproc_gzip_end_at_start(feed->next, feed->left);
    claims = feed->next[0] == 0x1f && (feed->left == 1 || feed->next[1] == 0x8b);
    result = read_header(walk, &state);
    if (result != MAPPROC_OK)
        return result;
    if (state == MAPPROC_GZIP_GOOD)
        return take_member(walk, end_mark);
    if (!claims && state == MAPPROC_GZIP_BAD && walk->header.reason != mapproc_gzip_damaged) {
        *ended = true;
        return end_at_garbage(walk);
    }
    walk->member.number = walk->chain.members + 1;
    return refuse(walk,
                  state == MAPPROC_GZIP_BAD ? walk->header.reason : "the file ends in its header");
}

static int end_walk(struct walk *walk)
{
    struct mapproc_member_summary *summary = walk->summary;
    const char *reason = mapproc_inflate_chain_end(&walk->chain);

    summary->whole = walk->chain.members > 0;
    if (walk->source->kind == MAPPROC_SOURCE_STREAM)
        summary->compressed = walk->hop.offset;
    if (!summary->whole)
        return mapproc_error_set(walk->error, MAPPROC_BAD_DATA, 0, walk->source->path,
                                 "is empty, which is no gzip file");
    if (walk->chain.wanted != 0)
        summary->end = MAPPROC_END_MISSING;
    else if (walk->last_is_end_mark)
        summary->end = MAPPROC_END_GOOD;
    if (reason != NULL)
        return mapproc_error_set(walk->error, MAPPROC_BAD_DATA, 0, walk->source->path, "%s",
                                 reason);
    return MAPPROC_OK;
}

/* Sets up what the source is read with: one feed, or two that can seek. */
static void begin_feeds(struct walk *walk, int wake_fd, uint8_t *buffer)
{
    const struct mapproc_source *source = walk->source;

    walk->through = &walk->hop;
    if (source->kind == MAPPROC_SOURCE_STREAM) {
        mapproc_inflate_feed_stream(&walk->hop, source, wake_fd, 0, buffer, 0, buffer, FEED_SIZE);
        return;
    }
    walk->through = &walk->large;
    mapproc_inflate_feed_extent(&walk->large, source, wake_fd, 0, source->size, buffer, FEED_SIZE);
    mapproc_inflate_feed_extent(&walk->hop, source, wake_fd, 0, source->size, buffer + FEED_SIZE,
                                HOP_SIZE);
}

int mapproc_member_walk(const struct mapproc_source *source, int wake_fd, bool inflate_all,
                        int (*take)(void *user, const struct mapproc_member *member,
                                    struct mapproc_error *error),
                        void *user, struct mapproc_member_summary *summary,
                        struct mapproc_error *error)
{
    struct walk walk = {.source = source,
                        .take = take,
                        .user = user,
                        .summary = summary,
                        .error = error,
                        .inflate_all = inflate_all};
    uint8_t *buffer = malloc(FEED_SIZE + HOP_SIZE);
    bool ended = false;
    int result = MAPPROC_OK;

    *summary = (struct mapproc_member_summary){.compressed = source->size};
    if (buffer == NULL)
        return no_memory(&walk);
    mapproc_crc_kernels_prepare();
    begin_feeds(&walk, wake_fd, buffer);
    while (result == MAPPROC_OK && !ended)
        result = walk_on(&walk, &ended);
    if (result == MAPPROC_OK)
        result = end_walk(&walk);
    if (result == MAPPROC_OK)
        result = mapproc_source_check_unchanged(source, error);
    mapproc_inflater_free(walk.inflater);
    free(walk.out);
    free(buffer);
    return result;
}
