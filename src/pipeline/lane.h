/* SPDX-License-Identifier: MIT */
/* lane.h - the end of a source's way: failure, completion, report. */
#ifndef MAPPROC_PIPELINE_LANE_H
#define MAPPROC_PIPELINE_LANE_H

#include "pipeline/state.h"

/* No chunk of the lane will be planned from now on. Called with the lock held. */
void mapproc_lane_end(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane);

/*
 * Marks the lane as failed. Of several failures the one with the lowest offset counts, so that the
 * verdict does not depend on the number of threads. Called with the lock held.
 */
void mapproc_lane_fail(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                       const struct mapproc_error *error);

/*
 * If the lane has come to its end, checks that its source did not change, closes it, and reports it
 * and all finished lanes behind it, unless an earlier one is still under way. The lane may be gone
 * afterwards. Called with the lock held, which is dropped meanwhile.
 */
void mapproc_lane_settle(struct mapproc_worker *worker, struct mapproc_lane *lane);

/* Gives back all that a chunk holds and its place among those in flight, and settles its lane. The
 * chunk is gone afterwards, and the lane may be. Called without the lock. */
void mapproc_lane_release(struct mapproc_worker *worker, struct mapproc_work *work);

/* Closes and frees a lane that will not be reported. Called when no worker runs any more. */
void mapproc_lane_discard(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane);

#endif
