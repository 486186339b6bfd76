/* SPDX-License-Identifier: MIT */
/* crew.h - starting the workers, waiting for them, and telling what they did. */
#ifndef MAPPROC_PIPELINE_CREW_H
#define MAPPROC_PIPELINE_CREW_H

#include "pipeline/state.h"

/* Starts as many workers on each node as the routes say. Fewer will do; none is an error, after
 * which there is nothing to join. */
int mapproc_crew_start(struct mapproc_pipeline *pipeline, struct mapproc_error *error);

/* Waits until all workers have left, passing a cancellation on to them, and tells the user about
 * what was refused to them and, if there are several nodes, what each has done. */
void mapproc_crew_join(struct mapproc_pipeline *pipeline);

#endif
