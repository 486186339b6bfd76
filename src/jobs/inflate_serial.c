/* SPDX-License-Identifier: MIT */
/* inflate_serial.c - inflating members one after the other, whatever they are.
 *
 * Here is decided what is wrong with a file. Two things may be going on at once: the data of
 * members that have ended is checked and given by the ring, while the next is being inflated. So
 * before anything is said about a member, the ring is finished: what it has found comes first.
 *
 * A member that is bad must leave a hole where the item is to be kept going. So one that states its
 * size is then inflated twice, where it does not fit into the ring at once.
 */
#include "jobs/inflate_serial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/gzip_member.h"
#include "jobs/inflate_resync.h"
#include "jobs/inflate_ring.h"

struct serial {
    struct mapproc_inflate_item *item;
    struct mapproc_inflate_feed *feed;
    struct mapproc_inflate_ring ring;
    struct mapproc_inflater *inflater;
    uint8_t *memory; /* the ring's */
    size_t size;

    /* Of the member that is under way. */
    uint64_t begin; /* in the file */
    struct mapproc_gzip_header header;
    uint8_t form[MAPPROC_INFLATE_FORM];
    bool strict;    /* bits without use have to be zero */
    bool cut_short; /* the file ends in it */
};

/* What to do next. */
enum step {
    STEP_GO,     /* go on with what follows */
    STEP_MEMBER, /* the header of a member has been read: inflate it */
    STEP_STOP,   /* the feed or the item has ended */
};

/* Ends the item with an error of the machine, or leaves it as it is if the run is cancelled. */
static enum step stop(struct serial *serial, const struct mapproc_error *error)
{
    if (mapproc_inflate_ring_finish(&serial->ring) == MAPPROC_OK)
        (void)mapproc_inflate_fail(serial->item, error);
    return STEP_STOP;
}

/* Has all data given. The ring can be used again, by this thread only. */
static bool settle(struct serial *serial)
{
    int result = mapproc_inflate_ring_finish(&serial->ring);

    mapproc_inflate_ring_init(&serial->ring, serial->item, serial->memory, serial->size, false);
    return result == MAPPROC_OK && !serial->item->failed;
}

/* ---- bad members ---- */

/* Whether the next member begins at `offset`. Before any good one, the bad member itself tells what
 * they look like, if it is right about where it ends. */
static int is_next_border(struct serial *serial, uint64_t offset, bool *is,
                          struct mapproc_error *error)
{
    struct mapproc_inflate_item *item = serial->item;
    bool tries = !item->has_form && serial->header.stated_size != 0;
    int result;

    if (tries)
        memcpy(item->form, serial->form, sizeof(item->form));
    item->has_form |= tries;
    result = mapproc_inflate_is_border(item, offset, is, error);
    if (tries && (result != MAPPROC_OK || !*is || offset == item->source->size))
        item->has_form = false;
    return result;
}

/* Decides where to go on behind a bad member, and what is lost with it. */
static int find_way(struct serial *serial, struct mapproc_inflate_fault *fault,
                    struct mapproc_inflate_way *way, struct mapproc_error *error)
{
    struct mapproc_inflate_item *item = serial->item;
    uint64_t stated = serial->header.stated_size;
    int result = MAPPROC_OK;

    *way = (struct mapproc_inflate_way){
        .found =
            fault->length != 0 && !serial->cut_short && (stated == 0 || fault->length == stated),
        .offset = fault->offset + fault->length,
        .raw_length = fault->raw_length,
    };
    if (way->found && !mapproc_inflate_is_plausible(way->raw_length, fault->length))
        way->found = false; /* what stands there is no size */
    if (!mapproc_inflate_feed_can_seek(serial->feed) ||
        (serial->header.length != 0 && stated == 0)) /* others are not to be found */
        return MAPPROC_OK;
    if (way->found)
        result = is_next_border(serial, way->offset, &way->found, error);
    if (result != MAPPROC_OK || way->found)
        return result;
    result = mapproc_inflate_resync(item, serial->begin, serial->memory, serial->size, way, error);
    item->through = true; /* whatever the cutter says is behind it */
    serial->feed->end = item->source->size;
    fault->length = (way->found ? way->offset : item->source->size) - fault->offset;
    fault->raw_length = way->raw_length;
    return result;
}

/* Goes on behind a bad member, with a hole where its data should be. */
static enum step pass_over(struct serial *serial, struct mapproc_inflate_fault *fault)
{
    struct mapproc_inflate_item *item = serial->item;
    struct mapproc_inflate_way way;
    struct mapproc_error error;
    uint64_t raw;

    if (find_way(serial, fault, &way, &error) != MAPPROC_OK)
        return stop(serial, &error);
    if (mapproc_inflate_add_fault(item, fault) != MAPPROC_OK)
        return STEP_STOP;
    if (!way.found) {
        item->ended = true;
        return STEP_STOP;
    }
    raw = item->raw + way.raw_length;
    if (raw < item->given)
        raw = item->given;
    if (mapproc_inflate_allow(item, raw) != MAPPROC_OK)
        return STEP_STOP;
    if (mapproc_inflate_give(item, NULL, raw - item->given, &error) != MAPPROC_OK)
        return stop(serial, &error);
    item->raw = raw;
    return mapproc_inflate_feed_skip(serial->feed, way.offset, &error) == MAPPROC_OK
               ? STEP_GO
               : stop(serial, &error);
}

/* The member is bad, for a reason that `fault` has. */
static enum step found_bad(struct serial *serial, struct mapproc_inflate_fault *fault)
{
    if (!settle(serial))
        return STEP_STOP;
    if (serial->item->order->keep_going)
        return pass_over(serial, fault);
    (void)mapproc_inflate_add_fault(serial->item, fault);
    return STEP_STOP;
}

/* ---- between members ---- */

/* Moves on over zeros. */
static int skip_zeros(struct mapproc_inflate_feed *feed, struct mapproc_error *error)
{
    int result;

    while ((result = mapproc_inflate_feed_fill(feed, 1, error)) == MAPPROC_OK && feed->left != 0) {
        size_t zeros = 0;

        while (zeros < feed->left && feed->next[zeros] == 0)
            zeros++;
        mapproc_inflate_feed_take(feed, zeros);
        if (feed->left != 0)
            break;
    }
    return result;
}

/* A header that is not good, as far as the item's rules go. */
static enum step bad_header(struct serial *serial, const char *reason)
{
    struct mapproc_inflate_fault fault = {
        .number = serial->item->chain.members,
        .offset = serial->begin,
        .raw_offset = serial->item->raw,
        .reason = reason,
    };

    serial->header = (struct mapproc_gzip_header){0}; /* is not to be believed */
    return found_bad(serial, &fault);
}

/* Whether what is no member is in the middle of members that can be found again. */
static int is_amid_members(struct serial *serial, bool *is, struct mapproc_error *error)
{
    struct mapproc_inflate_item *item = serial->item;
    struct mapproc_inflate_way way = {.found = item->chain.wanted != 0};
    int result = MAPPROC_OK;

    if (!way.found && item->order->keep_going && item->has_form &&
        mapproc_inflate_feed_can_seek(serial->feed))
        result =
            mapproc_inflate_resync(item, serial->begin, serial->memory, serial->size, &way, error);
    *is = way.found;
    return result;
}

/* What is here is no member: zeros that fill up a block of a tape, or garbage. */
static enum step end_at_garbage(struct serial *serial, const char *reason)
{
    struct mapproc_inflate_item *item = serial->item;
    struct mapproc_inflate_feed *feed = serial->feed;
    struct mapproc_error error;
    bool amid;

    if (!settle(serial))
        return STEP_STOP;
    if (item->chain.members == 0) {
        (void)mapproc_error_set(&error, MAPPROC_BAD_DATA, 0, item->source->path, "is %s", reason);
        (void)mapproc_inflate_fail(item, &error);
        return STEP_STOP;
    }
    if (skip_zeros(feed, &error) != MAPPROC_OK)
        return stop(serial, &error);
    if (feed->left == 0)
        return STEP_STOP;
    if (is_amid_members(serial, &amid, &error) != MAPPROC_OK)
        return stop(serial, &error);
    if (amid) {
        mapproc_inflate_chain_pass(&item->chain);
        return bad_header(serial, mapproc_gzip_damaged);
    }
    if (mapproc_inflate_feed_skip(feed, UINT64_MAX, &error) != MAPPROC_OK)
        return stop(serial, &error);
    (void)mapproc_inflate_complain(item, "%" PRIu64 " bytes behind the last member are not gzip",
                                   feed->offset - serial->begin);
    item->ended = true;
    return STEP_STOP;
}

/* Whether what begins with these bytes claims to be gzip. */
static bool claims_gzip(const uint8_t *data, size_t length)
{
    return length == 0 || (data[0] == 0x1f && (length == 1 || data[1] == 0x8b));
}

/* Reads the header of the next member, of any length. */
static enum mapproc_gzip_result read_header(struct serial *serial, bool *failed,
                                            struct mapproc_error *error)
{
    struct mapproc_inflate_feed *feed = serial->feed;
    struct mapproc_gzip_parser parser;
    enum mapproc_gzip_result result;
    size_t used;

    mapproc_gzip_parser_init(&parser);
    for (;;) {
        result = mapproc_gzip_parser_feed(&parser, feed->next, feed->left, &used, &serial->header);
        mapproc_inflate_feed_take(feed, used);
        if (result != MAPPROC_GZIP_MORE || (feed->at_end && (used == 0 || feed->left == 0)))
            return result;
        *failed = mapproc_inflate_feed_fill(feed, feed->left + 1, error) != MAPPROC_OK;
        if (*failed)
            return result;
    }
}

/* Begins the next member, if there is one. */
static enum step begin_member(struct serial *serial)
{
    struct mapproc_inflate_item *item = serial->item;
    struct mapproc_inflate_feed *feed = serial->feed;
    enum mapproc_gzip_result result;
    struct mapproc_error error;
    bool failed = false, claims;
    const char *reason;
    size_t end_mark;

    serial->header = (struct mapproc_gzip_header){0};
    if (mapproc_inflate_feed_fill(feed, MAPPROC_INFLATE_LOOK, &error) != MAPPROC_OK)
        return stop(serial, &error);
    serial->begin = feed->offset;
    serial->cut_short = false;
    if (feed->left == 0)
        return STEP_STOP;
    end_mark = mapproc_gzip_end_at_start(feed->next, feed->left);
    claims = claims_gzip(feed->next, feed->left);
    memcpy(serial->form, feed->next,
           feed->left < sizeof(serial->form) ? feed->left : sizeof(serial->form));
    result = read_header(serial, &failed, &error);
    if (failed)
        return stop(serial, &error);
    if (result == MAPPROC_GZIP_GOOD) {
        reason = mapproc_inflate_chain_take(&item->chain, &serial->header, end_mark);
        return reason != NULL ? bad_header(serial, reason) : STEP_MEMBER;
    }
    reason = result == MAPPROC_GZIP_MORE ? "the file ends in its header" : serial->header.reason;
    if (!claims && reason != mapproc_gzip_damaged &&
        (item->chain.wanted == 0 || serial->form[0] == 0))
        return end_at_garbage(serial, reason);
    mapproc_inflate_chain_pass(&item->chain);
    return bad_header(serial, claims ? reason : mapproc_gzip_damaged);
}

/* ---- one member ---- */

/* Where its deflate data ends, as it states; UINT64_MAX if it does not. */
static uint64_t find_limit(const struct serial *serial)
{
    uint64_t stated = serial->header.stated_size;

    return stated != 0 ? serial->begin + stated - MAPPROC_GZIP_TRAILER : UINT64_MAX;
}

/* Inflates what is at hand, and has the ring take it. False if the ring has failed. */
static bool inflate_some(struct serial *serial, struct mapproc_inflate_facts *facts, uint64_t limit,
                         bool *starved)
{
    struct mapproc_inflate_feed *feed = serial->feed;
    size_t length = (size_t)mapproc_min_u64(feed->left, limit - feed->offset);
    const uint8_t *in = feed->next;
    size_t in_left = length, room, out_left;
    uint8_t *out = mapproc_inflate_ring_room(&serial->ring, &room);

    out_left = room;
    facts->status = mapproc_inflater_run(serial->inflater, &in, &in_left, &out, &out_left);
    mapproc_inflate_feed_take(feed, length - in_left);
    facts->made += room - out_left;
    *starved = facts->status == MAPPROC_INFLATER_MORE && out_left != 0;
    return mapproc_inflate_ring_add(&serial->ring, room - out_left);
}

/* Inflates the deflate data of the member. STEP_STOP if that need not or cannot be ended. */
static enum step inflate_data(struct serial *serial, struct mapproc_inflate_facts *facts)
{
    struct mapproc_inflate_item *item = serial->item;
    struct mapproc_inflate_feed *feed = serial->feed;
    uint64_t limit = find_limit(serial);
    struct mapproc_error error;
    bool starved = false;

    mapproc_inflater_reset(serial->inflater);
    mapproc_inflate_ring_begin(&serial->ring);
    do {
        if (starved && feed->offset == limit)
            break;
        if ((starved || feed->left == 0) && feed->left == 0) {
            if (mapproc_inflate_feed_fill(feed, 1, &error) != MAPPROC_OK)
                return stop(serial, &error);
            facts->cut_short = starved && feed->left == 0;
            if (facts->cut_short)
                break;
        }
        if (!inflate_some(serial, facts, limit, &starved)) {
            (void)mapproc_inflate_ring_finish(&serial->ring);
            return STEP_STOP;
        }
        if (item->order->max_output != 0 && item->raw + facts->made > item->order->max_output) {
            mapproc_inflate_ring_drop(&serial->ring); /* not to give more than that */
            if (mapproc_inflate_ring_finish(&serial->ring) == MAPPROC_OK)
                (void)mapproc_inflate_allow(item, item->raw + facts->made);
            return STEP_STOP;
        }
        if (item->raw + facts->made > item->range_end) {
            item->ended = true;
            return STEP_STOP;
        }
    } while (facts->status == MAPPROC_INFLATER_MORE);
    return STEP_GO;
}

/* Reads the trailer, where the deflate data ends or where the header says that it does. */
static int read_trailer(struct serial *serial, struct mapproc_inflate_facts *facts,
                        struct mapproc_error *error)
{
    struct mapproc_inflate_feed *feed = serial->feed;
    uint64_t limit = find_limit(serial);
    int result = MAPPROC_OK;

    facts->exact = limit == UINT64_MAX || feed->offset == limit;
    if (!facts->exact)
        result = mapproc_inflate_feed_skip(feed, limit, error);
    if (result == MAPPROC_OK)
        result = mapproc_inflate_feed_fill(feed, MAPPROC_GZIP_TRAILER, error);
    if (result != MAPPROC_OK)
        return result;
    if (feed->left < MAPPROC_GZIP_TRAILER) {
        facts->cut_short = true;
        return mapproc_inflate_feed_skip(feed, UINT64_MAX, error);
    }
    mapproc_gzip_read_trailer(feed->next, &facts->stated_crc, &facts->stated_size);
    mapproc_inflate_feed_take(feed, MAPPROC_GZIP_TRAILER);
    return MAPPROC_OK;
}

/* Where the member is, as far as that is known by now. */
static void describe(const struct serial *serial, struct mapproc_inflate_end *end)
{
    const struct mapproc_inflate_facts *facts = &end->facts;
    bool whole = facts->status == MAPPROC_INFLATER_END && facts->exact && !facts->cut_short;
    bool sized = serial->header.stated_size != 0;
    bool known = whole || sized || facts->cut_short;

    end->sized = sized;
    end->place = (struct mapproc_inflate_fault){
        .number = serial->item->chain.members,
        .offset = serial->begin,
        .length = known ? serial->feed->offset - serial->begin : 0,
        .raw_offset = serial->item->raw,
        .raw_length = whole              ? facts->made
                      : facts->cut_short ? 0
                                         : facts->stated_size,
    };
}

/* Whether bits are set that a compressor leaves zero, where it can be told. */
static bool has_unused_set(const struct serial *serial, bool stored_is_clean,
                           const struct mapproc_inflate_facts *facts)
{
    return serial->strict && facts->status == MAPPROC_INFLATER_END &&
           (!stored_is_clean || mapproc_inflater_padding(serial->inflater) != 0);
}

/* Whether the deflate data at hand has an incomplete code. Without memory to find out that is no
 * fault of the file. */
static bool has_incomplete_code(const uint8_t *data, size_t length, uint64_t made)
{
    uint8_t *out = malloc((size_t)made + 1);
    void *checker = NULL;
    bool has = out != NULL && mapproc_inflate_has_incomplete(&checker, data, length, out, made);

    mapproc_inflate_checker_free(checker);
    free(out);
    return has;
}

/* Inflates the member to its end, and finds out what there is to say but for its CRC. */
static enum step finish_member(struct serial *serial, struct mapproc_inflate_end *end)
{
    struct mapproc_inflate_feed *feed = serial->feed;
    const uint8_t *data = NULL; /* if it is short, and all of it at hand */
    bool stored_is_clean = true;
    struct mapproc_error error;

    *end = (struct mapproc_inflate_end){.facts.exact = true};
    if (serial->strict) {
        uint64_t size = serial->header.stated_size - serial->header.length;

        if (mapproc_inflate_feed_fill(feed, (size_t)size, &error) != MAPPROC_OK)
            return stop(serial, &error);
        stored_is_clean =
            mapproc_inflate_stored_is_clean(feed->next, (size_t)mapproc_min_u64(feed->left, size));
        if (serial->header.stated_size <= MAPPROC_INFLATE_COMPLETE_MAX && feed->left >= size)
            data = feed->next;
    }
    if (inflate_data(serial, &end->facts) != STEP_GO)
        return STEP_STOP;
    if (data != NULL && end->facts.status == MAPPROC_INFLATER_END &&
        has_incomplete_code(data, (size_t)(feed->next - data), end->facts.made))
        end->facts.status = MAPPROC_INFLATER_BAD;
    end->facts.unused_set = has_unused_set(serial, stored_is_clean, &end->facts);
    if (!end->facts.cut_short &&
        (end->facts.status == MAPPROC_INFLATER_END || serial->header.stated_size != 0) &&
        read_trailer(serial, &end->facts, &error) != MAPPROC_OK)
        return stop(serial, &error);
    serial->cut_short = end->facts.cut_short;
    describe(serial, end);
    return STEP_GO;
}

/* Ends the member well. */
static enum step take_member(struct serial *serial, const struct mapproc_inflate_end *end)
{
    struct mapproc_inflate_item *item = serial->item;

    item->raw += end->facts.made;
    item->ended = item->raw >= item->range_end;
    if (serial->header.stated_size != 0) {
        memcpy(item->form, serial->form, sizeof(item->form));
        item->has_form = true;
    }
    return STEP_GO;
}

/* Ends a member: well, or as a bad one. */
static enum step end_member(struct serial *serial, struct mapproc_inflate_end *end)
{
    end->place.reason = NULL;
    if (end->facts.status == MAPPROC_INFLATER_BAD || end->facts.cut_short ||
        end->facts.status != MAPPROC_INFLATER_END || !end->facts.exact) {
        end->place.reason = mapproc_inflate_judge(&end->facts);
        mapproc_inflate_ring_drop(&serial->ring);
    } else {
        end->place.reason = mapproc_inflate_ring_end(&serial->ring, end);
    }
    return end->place.reason != NULL ? found_bad(serial, &end->place) : take_member(serial, end);
}

static enum step run_member(struct serial *serial)
{
    struct mapproc_inflate_end end;

    return finish_member(serial, &end) == STEP_GO ? end_member(serial, &end) : STEP_STOP;
}

/* Whether the feed can go back from the end of the member to here: it seeks, or is not read from
 * meanwhile, because all there is of the member is at hand. */
static bool can_go_back(const struct serial *serial)
{
    const struct mapproc_inflate_feed *feed = serial->feed;

    return mapproc_inflate_feed_can_seek(feed) || feed->at_end ||
           feed->left >= serial->header.stated_size - serial->header.length;
}

/* The same where a bad member must not have given anything: looks at it first. */
static enum step run_member_twice(struct serial *serial)
{
    const struct mapproc_inflate_feed before = *serial->feed;
    struct mapproc_inflate_end end;
    enum step step;

    if (!settle(serial))
        return STEP_STOP;
    serial->ring.mute = true;
    if (finish_member(serial, &end) != STEP_GO)
        return STEP_STOP;
    if (serial->ring.open_here) { /* it is all in the ring still */
        serial->ring.mute = false;
        return end_member(serial, &end);
    }
    step = end_member(serial, &end);
    serial->ring.mute = false;
    if (step != STEP_GO || end.place.reason != NULL)
        return step;
    serial->item->raw = end.place.raw_offset;
    if (mapproc_inflate_feed_can_seek(serial->feed))
        mapproc_inflate_feed_seek(serial->feed, before.offset);
    else
        *serial->feed = before;
    return run_member(serial);
}

static enum step inflate_member(struct serial *serial)
{
    uint64_t stated = serial->header.stated_size;

    serial->strict = mapproc_inflate_chain_is_strict(&serial->header) && stated != 0 &&
                     stated <= MAPPROC_INFLATE_STRICT_MAX;
    if (serial->item->order->keep_going && stated != 0 && can_go_back(serial))
        return run_member_twice(serial);
    return run_member(serial);
}

void mapproc_inflate_serial(struct mapproc_inflate_item *item, struct mapproc_inflate_feed *feed,
                            uint8_t *memory, size_t size)
{
    struct serial serial = {
        .item = item,
        .feed = feed,
        .inflater = mapproc_inflate_inflater(item),
        .memory = memory,
        .size = size,
    };
    enum step step;

    if (serial.inflater == NULL)
        return;
    mapproc_inflate_ring_init(&serial.ring, item, memory, size, !item->order->keep_going);
    do {
        step = begin_member(&serial);
        if (step == STEP_MEMBER)
            step = inflate_member(&serial);
    } while (step == STEP_GO && !item->ended);
    (void)mapproc_inflate_ring_finish(&serial.ring);
}

void mapproc_inflate_copy(struct mapproc_inflate_item *item, struct mapproc_inflate_feed *feed)
{
    struct mapproc_error error;
    int result;

    while ((result = mapproc_inflate_feed_fill(feed, 1, &error)) == MAPPROC_OK && feed->left != 0 &&
           !item->ended) {
        size_t length = feed->left;

        if (mapproc_inflate_allow(item, item->raw + length) != MAPPROC_OK)
            return;
        result = mapproc_inflate_give(item, feed->next, length, &error);
        if (result != MAPPROC_OK)
            break;
        mapproc_inflate_feed_take(feed, length);
        item->raw += length;
        item->ended = item->raw >= item->range_end;
    }
    if (result != MAPPROC_OK)
        (void)mapproc_inflate_fail(item, &error);
}
