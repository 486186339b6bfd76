/* SPDX-License-Identifier: MIT */
/* queue.h - one queue of chunks per NUMA node, from which idle nodes steal. */
#ifndef MAPPROC_PIPELINE_QUEUE_H
#define MAPPROC_PIPELINE_QUEUE_H

#include "mapproc.h"

struct mapproc_work;

struct mapproc_queue {
    struct mapproc_work *first;
    struct mapproc_work *last;
};

/* Not thread-safe: the pipeline's lock guards it. */
struct mapproc_queues {
    struct mapproc_queue *nodes;
};

/* Makes `count` empty queues. */
int mapproc_queues_init(struct mapproc_queues *queues, unsigned count, struct mapproc_error *error);
void mapproc_queues_destroy(struct mapproc_queues *queues);

/* Adds to the end of the queue of node `work->node`. */
void mapproc_queues_push(struct mapproc_queues *queues, struct mapproc_work *work);

/* Takes the oldest chunk of the first of `count` nodes in `order` that has one. NULL if none has.
 */
struct mapproc_work *mapproc_queues_take(struct mapproc_queues *queues, const unsigned *order,
                                         unsigned count);

#endif
