/* SPDX-License-Identifier: MIT */
/* border.h - asking a chunker for borders, and trusting none of its answers. */
#ifndef MAPPROC_PIPELINE_BORDER_H
#define MAPPROC_PIPELINE_BORDER_H

#include "pipeline/state.h"

/* Prepares the lane's chunker to begin at `offset` of its open source. MAPPROC_REFUSED if it does
 * not like its settings. */
int mapproc_border_start(const struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                         uint64_t offset, struct mapproc_error *error);

/*
 * The length of the lane's next chunk, of an extent of which something is left, or the most that
 * the next one of a stream may have if the chunker does not read. It ends at a border of the
 * chunker or of the job. For the planner only, without the lock. An error of the source, or
 * MAPPROC_REFUSED for an answer that cannot be.
 */
int mapproc_border_find(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        size_t *length, struct mapproc_error *error);

/*
 * Reads the next chunk of a stream, for a chunker that reads, into `buffer`, which has room for the
 * largest: *length bytes, 0 at the end. *more tells whether others may follow. For the worker that
 * has the lane's ticket, without the lock. Errors as above, or MAPPROC_CANCELLED.
 */
int mapproc_border_read(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane, void *buffer,
                        size_t *length, bool *more, struct mapproc_error *error);

/* Tells the user of borders that were set where there was no good place for one. */
void mapproc_border_tell_forced(struct mapproc_pipeline *pipeline, const struct mapproc_lane *lane);

#endif
