/* SPDX-License-Identifier: MIT */
/* cutter.h - what the next chunk of a source is, and what it needs. */
#ifndef MAPPROC_PIPELINE_CUTTER_H
#define MAPPROC_PIPELINE_CUTTER_H

#include "pipeline/state.h"
#include "pipeline/work.h"

/* Why nothing could be planned. */
enum mapproc_obstacle {
    MAPPROC_OBSTACLE_STARVED,   /* no memory */
    MAPPROC_OBSTACLE_EXHAUSTED, /* no more sources */
    MAPPROC_OBSTACLE_UNSCANNED, /* a scan that is under way has to end first */
    MAPPROC_OBSTACLE_HELD,      /* the next source has to wait for an earlier one */
    MAPPROC_OBSTACLE_FINISHED,  /* the job wants no more of the source */
    MAPPROC_OBSTACLE_FAULTY,    /* the job found the source bad: lane->cut_error */
};

/* What a chunk of so many bytes of the item needs at most, if the job does not say otherwise. */
struct mapproc_need mapproc_cutter_need(const struct mapproc_pipeline *pipeline,
                                        const struct mapproc_item *item, size_t length);

/* Plans the next chunk of a lane, or read of a stream. NULL if there is an obstacle. For the
 * planner only, without the lock. */
struct mapproc_work *mapproc_cutter_next(struct mapproc_worker *worker, struct mapproc_lane *lane,
                                         enum mapproc_obstacle *obstacle);

#endif
