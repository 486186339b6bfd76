/* SPDX-License-Identifier: MIT */
/* inflate_resync.h - finding the next good member behind a bad one. */
#ifndef MAPPROC_JOBS_INFLATE_RESYNC_H
#define MAPPROC_JOBS_INFLATE_RESYNC_H

#include "jobs/inflate_item.h"

/* Where to go on, and what is lost until there. */
struct mapproc_inflate_way {
    bool found;
    uint64_t offset;
    uint64_t raw_length; /* bytes of data before it that are lost: as far as can be told */
};

/*
 * Whether a member of the same writer as the last good one, or the end of the file, or nothing but
 * a zero byte is at the border `offset` of an extent.
 */
int mapproc_inflate_is_border(const struct mapproc_inflate_item *item, uint64_t offset, bool *is,
                              struct mapproc_error *error);

/*
 * Looks for the next member behind `offset` of an extent: a header of the form of those before,
 * whose stated size leads to another such, or to the end. What is lost is the data of one member,
 * which the bytes before the header tell; the file's index, if it has one, knows better. `memory`
 * is at least 4 KiB.
 */
int mapproc_inflate_resync(const struct mapproc_inflate_item *item, uint64_t offset,
                           uint8_t *memory, size_t size, struct mapproc_inflate_way *way,
                           struct mapproc_error *error);

#endif
