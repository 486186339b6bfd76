/* SPDX-License-Identifier: MIT */
/* work.h - what a chunk holds while it is in flight: descriptor, scratch, buffer, window. */
#ifndef MAPPROC_PIPELINE_WORK_H
#define MAPPROC_PIPELINE_WORK_H

#include "pipeline/state.h"

/* All of these are called without the pipeline's lock. */

/* What a chunk is to hold, in bytes. */
struct mapproc_need {
    size_t length; /* of the chunk itself */
    size_t scratch;
    size_t buffer; /* 0: none */
};

/* A chunk of the item for the queue of `node`, with its scratch and buffer, both from the arena of
 * the node or the nearest that has them. NULL if none has. */
struct mapproc_work *mapproc_work_make(struct mapproc_worker *worker, enum mapproc_task task,
                                       struct mapproc_item *item, unsigned node,
                                       const struct mapproc_need *need);

/* Gives back all that a chunk holds but its window. */
void mapproc_work_free(struct mapproc_worker *worker, struct mapproc_work *work);

/* The same when the workers are gone. */
void mapproc_work_discard(struct mapproc_pipeline *pipeline, struct mapproc_work *work);

/* Makes the lane's current window cover the bytes [offset, end), which begin in it or lie ahead of
 * all that was covered before. Only for whoever plans the lane. False if they have to be read:
 * because so much is mapped already as the memory allows, or because the source cannot be mapped at
 * all, of which the user is told. */
bool mapproc_window_cover(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                          uint64_t offset, uint64_t end);

/* Lets the chunk have its bytes from its lane's current window, which covers them. */
void mapproc_work_use_window(struct mapproc_pipeline *pipeline, struct mapproc_work *work);

/* Lets go of a window of the lane (NULL is none); the last one unmaps it. */
void mapproc_window_put(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        struct mapproc_window *window);

#endif
