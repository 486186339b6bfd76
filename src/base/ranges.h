/* SPDX-License-Identifier: MIT */
/* ranges.h - a list of byte ranges that joins neighbours and does not grow past a bound. */
#ifndef MAPPROC_BASE_RANGES_H
#define MAPPROC_BASE_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

/* Not thread-safe: one user at a time. */
struct mapproc_range_list {
    struct mapproc_range *ranges; /* the first `kept` of them */
    size_t kept;
    size_t capacity;
    size_t most;               /* how many are kept at most */
    uint64_t count;            /* all ranges, kept or not */
    uint64_t bytes;            /* in all of them */
    struct mapproc_range last; /* kept or not; only where count > 0 */
};

/* An empty list. Keeps no memory before the first range is added. */
void mapproc_range_list_init(struct mapproc_range_list *list, size_t most);
void mapproc_range_list_free(struct mapproc_range_list *list);

/*
 * An empty list in the caller's memory: `room` has place for `most` ranges. Adding to it allocates
 * nothing, so it fails only for a range that is out of order. It is not to be freed.
 */
void mapproc_range_list_init_in(struct mapproc_range_list *list, struct mapproc_range *room,
                                size_t most);

/*
 * Adds a range; one of no bytes is nothing. Ranges come in ascending order of their offsets. One
 * that touches or overlaps the last is joined with it. Once `most` are kept, further ones are only
 * counted.
 *
 * Returns MAPPROC_OK; MAPPROC_REFUSED for a range before the last one or past 64 bits;
 * MAPPROC_FAILED without memory. The list is unchanged after an error.
 */
int mapproc_range_list_add(struct mapproc_range_list *list, uint64_t offset, uint64_t length,
                           struct mapproc_error *error);

/*
 * Adds all ranges of `more`, which come behind those of the list and of which at least the first is
 * kept. Those that `more` did not keep are only counted, and so is whatever is added after them.
 * Returns as mapproc_range_list_add();
 * after an error some of the ranges may have been added.
 */
int mapproc_range_list_append(struct mapproc_range_list *list,
                              const struct mapproc_range_list *more, struct mapproc_error *error);

/*
 * Writes the list for people, with the first and the last byte of each range: "bytes
 * 4194304-5242879, 8388608-9437183 and 3 more ranges". Shows at most `shown` of them, then how many
 * are left. An empty list is "no bytes". Works like snprintf: never writes more than `size` bytes
 * (NUL included, cut at the end if it must) and returns the length that the whole would have had,
 * without the NUL.
 */
size_t mapproc_range_list_format(const struct mapproc_range_list *list, size_t shown, char *text,
                                 size_t size);

#endif
