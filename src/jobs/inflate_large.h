/* SPDX-License-Identifier: MIT */
/* inflate_large.h - members too large for memory: checked side by side where nobody wants the data.
 */
#ifndef MAPPROC_JOBS_INFLATE_LARGE_H
#define MAPPROC_JOBS_INFLATE_LARGE_H

#include "jobs/inflate_group.h"

/* Looks whether an unread chunk of an extent is one good member, and notes that in chunk->cut.own.
 * Does so only for orders that test all of a file. */
void mapproc_inflate_large_process(struct mapproc_inflate_tools *tools,
                                   struct mapproc_chunk *chunk);

/* Takes the member if it is good and may stand where it does. False if not: it is for
 * inflate_serial to say what is wrong. */
bool mapproc_inflate_large_commit(struct mapproc_inflate_item *item,
                                  const struct mapproc_chunk *chunk);

#endif
