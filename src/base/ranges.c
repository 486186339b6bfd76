/* SPDX-License-Identifier: MIT */
/* ranges.c - a list of byte ranges that joins neighbours and does not grow past a bound. */
#include "base/ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"

void mapproc_range_list_init(struct mapproc_range_list *list, size_t most)
{
    *list = (struct mapproc_range_list){.most = most};
}

void mapproc_range_list_free(struct mapproc_range_list *list)
{
    free(list->ranges);
    mapproc_range_list_init(list, list->most);
}

void mapproc_range_list_init_in(struct mapproc_range_list *list, struct mapproc_range *room,
                                size_t most)
{
    *list = (struct mapproc_range_list){.ranges = room, .capacity = most, .most = most};
}

/* Lets the last range reach to `end`, if it does not already. */
static void extend_last(struct mapproc_range_list *list, uint64_t end)
{
    uint64_t length = end - list->last.offset;

    if (length <= list->last.length)
        return;
    list->bytes += length - list->last.length;
    list->last.length = length;
    if (list->count == list->kept)
        list->ranges[list->kept - 1].length = length;
}

static bool make_room(struct mapproc_range_list *list)
{
    size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16, size;
    struct mapproc_range *ranges;

    if (list->kept < list->capacity)
        return true;
    if (capacity > list->most)
        capacity = list->most;
    if (!mapproc_multiply_size(capacity, sizeof(*ranges), &size) ||
        (ranges = realloc(list->ranges, size)) == NULL)
        return false;
    list->ranges = ranges;
    list->capacity = capacity;
    return true;
}

int mapproc_range_list_add(struct mapproc_range_list *list, uint64_t offset, uint64_t length,
                           struct mapproc_error *error)
{
    uint64_t end;

    if (length == 0)
        return MAPPROC_OK;
    if (!mapproc_add_u64(offset, length, &end) || (list->count > 0 && offset < list->last.offset))
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "a range of bytes is out of order");
    if (list->count > 0 && offset - list->last.offset <= list->last.length) {
        extend_last(list, end);
        return MAPPROC_OK;
    }
    if (list->kept < list->most) {
        if (!make_room(list))
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL,
                                     "cannot note a range of bytes");
        list->ranges[list->kept++] = (struct mapproc_range){offset, length};
    }
    list->last = (struct mapproc_range){offset, length};
    list->count++;
    list->bytes += length;
    return MAPPROC_OK;
}

int mapproc_range_list_append(struct mapproc_range_list *list,
                              const struct mapproc_range_list *more, struct mapproc_error *error)
{
    uint64_t left = more->bytes;

    for (size_t i = 0; i < more->kept; i++) {
        int result =
            mapproc_range_list_add(list, more->ranges[i].offset, more->ranges[i].length, error);

        if (result != MAPPROC_OK)
            return result;
        left -= more->ranges[i].length;
    }
    if (more->count == more->kept)
        return MAPPROC_OK;
    list->count += more->count - more->kept;
    list->bytes += left;
    list->last = more->last;
    list->most = list->kept; /* those kept are the first */
    return MAPPROC_OK;
}

/* Writes behind the first `length` bytes, as far as there is room; returns the new length. */
__attribute__((format(printf, 4, 5))) static size_t append(char *text, size_t size, size_t length,
                                                           const char *format, ...)
{
    bool fits = length < size;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(fits ? text + length : NULL, fits ? size - length : 0, format, arguments);
    va_end(arguments);
    return length + (n > 0 ? (size_t)n : 0);
}

size_t mapproc_range_list_format(const struct mapproc_range_list *list, size_t shown, char *text,
                                 size_t size)
{
    size_t length = 0;
    uint64_t left;

    if (list->count == 0)
        return append(text, size, 0, "no bytes");
    if (shown > list->kept)
        shown = list->kept;
    for (size_t i = 0; i < shown; i++) {
        const struct mapproc_range *range = &list->ranges[i];

        length = append(text, size, length, "%s%" PRIu64 "-%" PRIu64, i == 0 ? "bytes " : ", ",
                        range->offset, range->offset + range->length - 1);
    }
    left = list->count - shown;
    if (left > 0)
        length = append(text, size, length, "%s%" PRIu64 "%s range%s", shown > 0 ? " and " : "",
                        left, shown > 0 ? " more" : "", left == 1 ? "" : "s");
    return length;
}
