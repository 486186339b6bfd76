/* SPDX-License-Identifier: MIT */
/* inflate_serial.h - inflating members one after the other, whatever they are. */
#ifndef MAPPROC_JOBS_INFLATE_SERIAL_H
#define MAPPROC_JOBS_INFLATE_SERIAL_H

#include "jobs/inflate_feed.h"
#include "jobs/inflate_item.h"

enum { MAPPROC_INFLATE_RING_MIN = 64 << 10 }; /* bytes of memory, at least */

/*
 * Inflates the members of the feed, which begins where one does, to its end or until the item has
 * ended; with what is behind the last one. What is not good is noted in the item. `memory` of
 * `size` bytes is for the data. Cancelled, it returns early.
 */
void mapproc_inflate_serial(struct mapproc_inflate_item *item, struct mapproc_inflate_feed *feed,
                            uint8_t *memory, size_t size);

/* Gives the bytes of a feed as they are: of a file that is not gzip. */
void mapproc_inflate_copy(struct mapproc_inflate_item *item, struct mapproc_inflate_feed *feed);

#endif
