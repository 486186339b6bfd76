/* SPDX-License-Identifier: MIT */
/* rescue_map.c - mapfiles of GNU ddrescue: which ranges of a file are good, bad or unread. */
#include "format/rescue_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

enum { LINE_ROOM = 160 }; /* bytes; more than any line has */

static bool is_sound(const struct mapproc_rescue_range *ranges, size_t count, uint64_t size)
{
    uint64_t end = 0;

    for (size_t i = 0; i < count; i++) {
        const struct mapproc_rescue_range *range = &ranges[i];

        if (range->offset < end || range->offset > size || range->length > size - range->offset)
            return false;
        if (range->state != MAPPROC_RESCUE_GOOD && range->state != MAPPROC_RESCUE_BAD &&
            range->state != MAPPROC_RESCUE_UNREAD)
            return false;
        end = range->offset + range->length;
    }
    return true;
}

/* What is still to be done: ddrescue shows it, and decides by the ranges alone. */
static enum mapproc_rescue_state whole_state(const struct mapproc_rescue_range *ranges,
                                             size_t count, uint64_t size)
{
    uint64_t end = 0;
    bool bad = false;

    for (size_t i = 0; i < count; i++) {
        if (ranges[i].length == 0)
            continue;
        if (ranges[i].offset > end || ranges[i].state == MAPPROC_RESCUE_UNREAD)
            return MAPPROC_RESCUE_UNREAD;
        bad |= ranges[i].state == MAPPROC_RESCUE_BAD;
        end = ranges[i].offset + ranges[i].length;
    }
    if (end < size)
        return MAPPROC_RESCUE_UNREAD;
    return bad ? MAPPROC_RESCUE_BAD : MAPPROC_RESCUE_GOOD;
}

static int write_head(const struct mapproc_text_sink *sink, enum mapproc_rescue_state state,
                      struct mapproc_error *error)
{
    char text[2 * LINE_ROOM];
    int length = snprintf(text, sizeof(text),
                          "# Mapfile. Created by mapproc\n"
                          "# current_pos  current_status  current_pass\n"
                          "0x00000000     %c               1\n"
                          "#      pos        size  status\n",
                          (char)state);

    return sink->write(sink->user, text, (size_t)length, error);
}

static int write_range(const struct mapproc_text_sink *sink,
                       const struct mapproc_rescue_range *range, struct mapproc_error *error)
{
    char text[LINE_ROOM];
    int length;

    if (range->length == 0)
        return MAPPROC_OK;
    length = snprintf(text, sizeof(text), "0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", range->offset,
                      range->length, (char)range->state);
    return sink->write(sink->user, text, (size_t)length, error);
}

/* Makes `pending`, which is not written yet, reach to `end`; if the state differs, writes it. */
static int move_on(const struct mapproc_text_sink *sink, struct mapproc_rescue_range *pending,
                   uint64_t end, enum mapproc_rescue_state state, struct mapproc_error *error)
{
    uint64_t begin = pending->offset + pending->length;
    int code = MAPPROC_OK;

    if (end == begin)
        return MAPPROC_OK;
    if (pending->state != state) {
        code = write_range(sink, pending, error);
        *pending = (struct mapproc_rescue_range){.offset = begin, .state = state};
    }
    pending->length = end - pending->offset;
    return code;
}

int mapproc_rescue_map_write(const struct mapproc_rescue_range *ranges, size_t count, uint64_t size,
                             const struct mapproc_text_sink *sink, struct mapproc_error *error)
{
    struct mapproc_rescue_range pending = {.state = MAPPROC_RESCUE_UNREAD};
    int code;

    if (!is_sound(ranges, count, size))
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "ranges of a rescue map overlap, are out of order or too long");
    code = write_head(sink, whole_state(ranges, count, size), error);
    for (size_t i = 0; i < count && code == MAPPROC_OK; i++) {
        if (ranges[i].length == 0)
            continue;
        code = move_on(sink, &pending, ranges[i].offset, MAPPROC_RESCUE_UNREAD, error);
        if (code == MAPPROC_OK)
            code = move_on(sink, &pending, ranges[i].offset + ranges[i].length, ranges[i].state,
                           error);
    }
    if (code == MAPPROC_OK)
        code = move_on(sink, &pending, size, MAPPROC_RESCUE_UNREAD, error);
    if (code == MAPPROC_OK)
        code = write_range(sink, &pending, error);
    return code;
}
