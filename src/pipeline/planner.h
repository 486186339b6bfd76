/* SPDX-License-Identifier: MIT */
/* planner.h - deciding what the workers do next. */
#ifndef MAPPROC_PIPELINE_PLANNER_H
#define MAPPROC_PIPELINE_PLANNER_H

#include "pipeline/state.h"

/*
 * Waits for the next thing to do for the worker, planning ahead if nobody else does.
 * Returns NULL when the run is over. Called without the lock.
 */
struct mapproc_work *mapproc_planner_take(struct mapproc_worker *worker);

/* Makes a lane whose source is open, and whose chunker is ready, known to the planner. */
void mapproc_planner_add_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane);

/* Tells what became of a stream's read: `got` more bytes, and whether they are the last. */
void mapproc_planner_stream_read(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                                 size_t got, bool at_end);

#endif
