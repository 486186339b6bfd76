/* SPDX-License-Identifier: MIT */
/* inflate_seek.h - where in a compressed file the data begins that is wanted. */
#ifndef MAPPROC_JOBS_INFLATE_SEEK_H
#define MAPPROC_JOBS_INFLATE_SEEK_H

#include "jobs/inflate_item.h"

/*
 * Finds out what an extent is, reads its index, if there is one, and finds the member in which the
 * range of the order begins: by the index, and by what headers and trailers state. *begin gets its
 * offset, and the item is set up to go on from there.
 */
int mapproc_inflate_seek(struct mapproc_inflate_item *item, uint64_t *begin,
                         struct mapproc_error *error);

#endif
